using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Allocators;
using HeadKvLab.Compression.Bidders;
using HeadKvLab.Compression.Schedules;
using HeadKvLab.Compression.Scorers;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression.Schedules;

/// <summary>Methods that choose again while text is generated, beside programs that keep lists of positions and know no kernel, no ring and no mask by index.</summary>
public sealed class EveryTests : IDisposable
{
    private const int Prompt = 40, Window = 4, B = 12;

    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    /// <summary>What a scorer gives entries, naively: <c>[head][entry]</c> from the stored positions of each head.</summary>
    private delegate double[][] Scores(int layer, int token, List<int>[] stored);

    [Theory]
    [InlineData(1, null), InlineData(3, null), InlineData(1, 11)]
    public void H2O_drops_what_drew_least_attention_from_all_queries_so_far(int every, int? sliding)
    {
        var text = new MadeUpText(70) { SlidingWindow = sliding };
        var sums = new double[MadeUpText.Layers, MadeUpText.QueryHeads, 70];
        Follow(text, new Method("H2O", new H2O(), new Uniform()), every, (layer, token, stored) =>
        {
            for (var q = 0; q < MadeUpText.QueryHeads; q++)
            {
                var positions = stored[q / MadeUpText.Group];
                foreach (var t in token == Prompt - 1 ? Enumerable.Range(0, Prompt) : [token])       // the prompt's queries all at once
                    foreach (var (weight, i) in text.Attention(layer, q, t, positions).Select((weight, i) => (weight, i))) sums[layer, q, positions[i]] += weight;
            }
            return [.. stored.Select((positions, head) => positions.Select(p => (sums[layer, 2 * head, p] + sums[layer, 2 * head + 1, p]) / 2).ToArray())];
        });
    }

    /// <summary>Three sums beside each other: of all queries, the squares of those 3 and more tokens behind, and those within a tenth of the text as it is when the query reads it.</summary>
    [Theory]
    [InlineData(null), InlineData(17)]
    public void Sums_of_attention_are_those_of_the_queries_that_count(int? sliding)
    {
        var text = new MadeUpText(70) { SlidingWindow = sliding };
        var scores = new double[MadeUpText.Layers, MadeUpText.QueryHeads, 70];
        Follow(text, new Method("three", new ThreeSums(), new Uniform()), 1, (layer, token, stored) =>
        {
            for (var q = 0; q < MadeUpText.QueryHeads; q++)
            {
                var positions = stored[q / MadeUpText.Group];
                foreach (var t in token == Prompt - 1 ? Enumerable.Range(0, Prompt) : [token])
                    foreach (var (weight, position) in text.Attention(layer, q, t, positions).Zip(positions))
                        if (t >= position)
                            scores[layer, q, position] += weight + (t - position >= 3 ? 7 * weight * weight : 0) + (t - position < (token + 1) / 10 ? 20 * weight : 0);
            }
            return [.. stored.Select((positions, head) => positions.Select(p => scores[layer, 2 * head, p] + scores[layer, 2 * head + 1, p]).ToArray())];
        });
    }

    private sealed class ThreeSums : IScorer
    {
        private static readonly (AttentionSum Sum, float Factor)[] Wanted = [(AttentionSum.Received, 1), (AttentionSum.Squares(3), 7), (AttentionSum.Near(0.1), 20)];

        public ScorerNeeds Needs(int window) => new() { Sums = [.. Wanted.Select(one => one.Sum)] };

        public void Score(in LayerView layer, int window, HeadRows<float> scores)
        {
            for (var h = 0; h < scores.Heads; h++) scores[h].Clear();
            foreach (var (sum, factor) in Wanted)
            {
                var numbers = layer.Sum(sum)!.contiguous().data<float>().ToArray();   // [queryHead, entry]
                for (var i = 0; i < numbers.Length; i++) scores[i / layer.Length / MadeUpText.Group][i % layer.Length] += factor * numbers[i];
            }
        }
    }

    [Theory]
    [InlineData(1), InlineData(5)]
    public void TOVA_drops_what_the_newest_query_attends_to_least(int every)
    {
        var text = new MadeUpText(70);
        Follow(text, new Method("TOVA", new Tova(), new Uniform()), every, (layer, token, stored) =>
        {
            var rows = Enumerable.Range(0, MadeUpText.QueryHeads).Select(q => text.Attention(layer, q, token, stored[q / MadeUpText.Group])).ToArray();
            Assert.Equal(stored[0], stored[1]);
            return [.. stored.Select(positions => positions.Select((_, i) => rows.Average(row => row[i])).ToArray())];
        });
    }

    /// <summary>
    /// The two faults of known code: window queries that stand one position beside their own, and a mask that takes an entry's index for its position, so that the first
    /// queries of the window see what came after them. Either changes what is kept here.
    /// </summary>
    [Theory]
    [InlineData(1, null), InlineData(4, null), InlineData(1, 13)]
    public void SnapKV_scores_by_the_queries_of_the_last_tokens_each_of_which_sees_what_was_before_it(int every, int? sliding)
    {
        var text = new MadeUpText(70) { SlidingWindow = sliding };
        Follow(text, new Method("SnapKV", new SnapKv(new Pooling(3)), new Uniform()), every, (layer, token, stored) =>
            [.. stored.Select((positions, head) =>
            {
                var queries = from q in Enumerable.Range(2 * head, MadeUpText.Group) from t in Enumerable.Range(token - Window + 1, Window) select text.Attention(layer, q, t, positions);
                var rows = queries.ToArray();
                double[] mean = [.. positions.Select((_, i) => rows.Average(row => row[i]))];
                var candidates = positions.Count - Window;
                return mean.Select((score, i) => i >= candidates ? score : mean[Math.Max(0, i - 1)..Math.Min(candidates, i + 2)].Max()).ToArray();
            })]);
    }

    [Fact]
    public void StreamingLLM_keeps_the_first_tokens_of_the_text_and_the_latest()
    {
        var text = new MadeUpText(70);
        using var cache = text.Compress(new(new Method("s", new SinksAndRecent(3), new Uniform()), new Every()), new Budget(B, Window), Prompt);
        for (var t = Prompt; t < 70; t++) text.Step(cache);
        for (var l = 0; l < MadeUpText.Layers; l++) Assert.Equal([0, 1, 2, .. Enumerable.Range(61, 9)], cache[l].Positions(1).ToArray());
    }

    /// <summary>With blocks of one entry the heads of the model compete for single entries: the naive choice sorts them all.</summary>
    [Fact]
    public void Under_a_bidder_the_heads_of_the_model_compete_again()
    {
        var text = new MadeUpText(56);
        using var cache = text.Compress(new(new Method("k", new SquaredWindow(new Pooling(1)), new Blocks(1)), new Every(2)), new Budget(B, Window), Prompt);
        Assert.Equal(B * 4, cache.Entries);
        for (var t = Prompt; t < 56; t++)
        {
            var stored = Enumerable.Range(0, 4).Select(i => new List<int>([.. cache[i / 2].Positions(i % 2), t])).ToArray();
            text.Step(cache);
            if ((t - Prompt + 1) % 2 != 0)
            {
                Assert.Equal(B * 4 + 4, cache.Entries);
                continue;
            }
            var all = from i in Enumerable.Range(0, 4) from place in Enumerable.Range(0, stored[i].Count - Window)
                      select (Head: i, Position: stored[i][place], Score: Enumerable.Range(0, 2).Sum(g => Enumerable.Range(t - Window + 1, Window).Sum(q => Math.Pow(text.Attention(i / 2, 2 * (i % 2) + g, q, stored[i])[place], 2))));
            var bought = all.OrderByDescending(one => one.Score).Take((B - Window) * 4).ToLookup(one => one.Head, one => one.Position);
            for (var i = 0; i < 4; i++) Assert.Equal([.. bought[i].Order(), .. Enumerable.Range(t - Window + 1, Window)], cache[i / 2].Positions(i % 2).ToArray());
        }
    }

    /// <summary>KV-Compress' continual form: the pooled squares of the prompt's window, and on top of them those of every token since, unpooled.</summary>
    [Fact]
    public void KV_Compress_goes_on_from_the_scores_of_its_prompt()
    {
        var text = new MadeUpText(56);
        var scorer = new SquaredWindow(new Pooling(3));
        using var cache = text.Compress(new(new Method("k", scorer, new Blocks(1)), new Continual(scorer)), new Budget(B, Window), Prompt);
        int[] all = [.. Enumerable.Range(0, Prompt)];
        var sums = new double[MadeUpText.Layers, MadeUpText.QueryHeads, 56];
        for (var i = 0; i < 8; i++)
        {
            var rows = Enumerable.Range(Prompt - Window, Window).Select(t => text.Attention(i / 4, i % 4, t, all)).ToArray();
            double[] squares = [.. all.Select(p => rows.Sum(row => row[p] * row[p]))];
            foreach (var p in all) sums[i / 4, i % 4, p] = squares[Math.Max(0, p - 1)..Math.Min(Prompt, p + 2)].Max();
        }
        for (var t = Prompt; t < 56; t++)
        {
            var stored = Enumerable.Range(0, 4).Select(i => new List<int>([.. cache[i / 2].Positions(i % 2), t])).ToArray();
            text.Step(cache);
            for (var q = 0; q < 8; q++)
                foreach (var (weight, p) in text.Attention(q / 4, q % 4, t, stored[q / 2]).Zip(stored[q / 2])) sums[q / 4, q % 4, p] += weight * weight;
            var bought = (from i in Enumerable.Range(0, 4) from p in stored[i].SkipLast(Window) select (Head: i, Position: p, Score: sums[i / 2, 2 * (i % 2), p] + sums[i / 2, 2 * (i % 2) + 1, p]))
                .OrderByDescending(one => one.Score).Take((B - Window) * 4).ToLookup(one => one.Head, one => one.Position);
            for (var i = 0; i < 4; i++) Assert.Equal([.. bought[i].Order(), .. Enumerable.Range(t - Window + 1, Window)], cache[i / 2].Positions(i % 2).ToArray());
        }
    }

    /// <summary>The last prompt token decoded again on what was kept counts once: its queries, its attention, its entry.</summary>
    [Fact]
    public void A_token_that_is_computed_again_counts_once()
    {
        var text = new MadeUpText(60);
        CachePolicy policy = new(new Method("H2O", new H2O(), new Uniform()), new Every());
        using var once = text.Compress(policy, new Budget(B, Window), Prompt);
        using var again = once.Clone();
        again.Truncate(Prompt - 1);
        text.Step(again);
        Assert.Equal(Prompt, again.LogicalLength);
        Assert.Equal(once.Entries, again.Entries);
        for (var h = 0; h < 2; h++)
        {
            Assert.Equal(once[0].Marks(h, 0)[..^1].ToArray(), again[0].Marks(h, 0)[..^1].ToArray());
            var own = text.Attention(0, 2 * h, Prompt - 1, again[0].Positions(h).ToArray());
            Assert.Equal(own[^1], again[0].Marks(h, 0)[^1], 1e-5);
        }
    }

    /// <summary>Such a token changes nothing of what the prompt was found worth: no head drops an entry for it.</summary>
    [Theory]
    [InlineData("H2O every 1"), InlineData("KV-Compress every 1"), InlineData("KV-Compress published"), InlineData("PrefixKV published"), InlineData("FastGen threshold=0.6 published", BudgetRule.AsPublished)]
    public void A_token_that_is_computed_again_drops_nothing(string policy, BudgetRule rule = BudgetRule.EqualEntries)
    {
        var text = new MadeUpText(60);
        using var once = text.Compress(CachePolicy.Parse(policy), new Budget(B, Window, rule), Prompt);
        using var again = once.Clone();
        again.Truncate(Prompt - 1);
        text.Step(again);
        for (var i = 0; i < 4; i++) Assert.Equal(once[i / 2].Positions(i % 2).ToArray(), again[i / 2].Positions(i % 2).ToArray());
    }

    /// <summary>A copy goes its own way from where it was made, with all that was counted, added up and remembered until then, and leaves the original alone.</summary>
    [Theory]
    [InlineData("EMS every 2", Prompt), InlineData("SnapKV every 1", Prompt), InlineData("KV-Compress grown 3", Prompt), InlineData("PrefixKV published", Prompt), InlineData("FastGen every 2", Prompt), InlineData("Ada-SnapKV every 1", 5)]
    public void A_copy_takes_its_schedule_along(string policy, int prompt)
    {
        var text = new MadeUpText(60);
        using var cache = text.Compress(CachePolicy.Parse(policy), new Budget(B, Window), prompt);
        for (var t = 0; t < 5; t++) text.Step(cache);
        using var copy = cache.Clone();
        for (var t = 0; t < 6; t++)
        {
            text.Step(copy);
            if (t > 0) text.Step(cache);   // one behind
        }
        var kept = Enumerable.Range(0, 4).Select(i => (Positions: copy[i / 2].Positions(i % 2).ToArray(), Keys: copy[i / 2].KeysOf(i % 2).data<float>().ToArray())).ToArray();
        text.Step(cache);
        for (var i = 0; i < 4; i++)
        {
            Assert.Equal(kept[i].Positions, cache[i / 2].Positions(i % 2).ToArray());
            Assert.Equal(kept[i].Keys, cache[i / 2].KeysOf(i % 2).data<float>().ToArray());
            Assert.Equal(kept[i].Positions, copy[i / 2].Positions(i % 2).ToArray());
        }
    }

    /// <summary>Five places for queries, three of them from a prompt; then each token takes the place of the one five before it, in a copy as in the original.</summary>
    [Fact]
    public void The_last_queries_are_remembered()
    {
        var text = new MadeUpText(12);
        var ring = new QueryRing(5, MadeUpText.QueryHeads, MadeUpText.Dim);
        ring.Fill(text.View(1, 3, new ScorerNeeds(5)));
        for (var token = 3; token < 12; token++)
        {
            ring.Put(token, MadeUpText.Of(text.Queries[1], token));
            var rows = Math.Min(5, token + 1);
            var expected = text.Queries[1].narrow(0, 1, 2).narrow(1, token + 1 - rows, rows);
            Assert.Equal(expected.shape, ring.Tensor(token + 1, 1, 2).shape);
            foreach (var one in (QueryRing[])[ring, ring.Clone()]) Assert.True(one.Tensor(token + 1, 1, 2).equal(expected).all().item<bool>(), $"{token}");
        }
        Assert.Contains("end at position 12, the text at 11", Assert.Throws<InvalidOperationException>(() => ring.Tensor(11, 0, 4)).Message);
    }

    /// <summary>EMS merges what it drops later, too: keys and values of kept entries change, their number and places do not.</summary>
    [Fact]
    public void Entries_dropped_later_are_merged()
    {
        var text = new MadeUpText(52);
        var scorer = new GlobalLocal(new Pooling());
        using var merged = text.Compress(new(new Method("m", scorer, new Uniform(), new HeadKvLab.Compression.Settlements.ZeroClass(-1, 1)), new Grown(12)), new Budget(B, Window), 20);
        using var plain = text.Compress(new(new Method("p", scorer, new Uniform()), new Grown(12)), new Budget(B, Window), 20);
        for (var t = 20; t < 32; t++)
        {
            text.Step(merged);
            text.Step(plain);
        }
        Assert.Equal(plain[0].Counts.ToArray(), merged[0].Counts.ToArray());
        Assert.Equal(B, merged[0].Counts[0]);
        var late = merged[0].Positions(0).ToArray().Index().First(entry => entry.Item >= 20);   // generated, and merged into
        Assert.NotEqual(MadeUpText.Of(text.Keys[0], late.Item)[..MadeUpText.Dim], merged[0].KeysOf(0)[late.Index].data<float>().ToArray());
        Assert.Equal(MadeUpText.Of(text.Keys[0], late.Item)[..MadeUpText.Dim], plain[0].KeysOf(0)[plain[0].Positions(0).IndexOf(late.Item)].data<float>().ToArray());
        Assert.Equal(Enumerable.Range(28, 4), merged[0].Positions(0).ToArray()[^4..]);
        Assert.Equal(MadeUpText.Of(text.Keys[0], 31)[..MadeUpText.Dim], merged[0].KeysOf(0)[^1].data<float>().ToArray());   // the window is stored as it is
    }

    [Fact]
    public void Every_catalogued_method_that_can_choose_again_holds_its_entries()
    {
        var text = new MadeUpText(56);
        foreach (var entry in Catalogue.Methods.Where(m => m.DecidesOnce is null))
            foreach (var granularity in Enum.GetValues<Granularity>())
            {
                var method = entry.Create(null, SomeTables.Of(new HeadImportance(2, 4, [.. Enumerable.Range(1, 8).Select(x => (double)x)]), 2));
                using var cache = text.Compress(new(method, new Every(4)), new Budget(16, Window, Granularity: granularity), Prompt);
                var entries = cache.Entries;
                for (var t = Prompt; t < 56; t++)
                {
                    text.Step(cache);
                    for (var l = 0; l < 2; l++)
                        for (var h = 0; h < cache.Shape.KvHeads; h++)
                        {
                            var positions = cache[l].Positions(h).ToArray();
                            Assert.Equal(positions.Distinct().Order(), positions);
                            Assert.Equal(Enumerable.Range(t - Window + 1, Window), positions[^Window..]);
                        }
                }
                Assert.True(entries == cache.Entries, $"{entry.Name}, {granularity}: {entries} entries became {cache.Entries}");
            }
    }

    [Fact]
    public void What_cannot_choose_again_says_so()
    {
        foreach (var (text, words) in ((string, string)[])[("FullKV every 2", "it keeps everything"), ("RazorAttention every 2", "its compensation token stands"), ("SnapKV published", "SnapKV drops nothing while generating"),
            ("SnapKV every", "'every N' (tokens)"), ("SnapKV every 0", "N from 1 to"), ("SnapKV grown 0", "N from 1 to"), ("SnapKV every -1", "is unknown"), ("SnapKV every 99999999999", "N from 1 to 2147483647"), ("DuoAttention every 2", "its retrieval heads keep whatever comes"), ("SnapKV kernel=5 sometimes", "'sometimes' is no setting; write name=value"), ("SnapKV every 2 kernel=5", "schedule 'every 2 kernel=5' is unknown")])
            Assert.Contains(words, Assert.Throws<LabException>(() => CachePolicy.Parse(text)).Message);
        Assert.Contains("takes in nothing later", Assert.Throws<LabException>(() => new Every().Begin(new Method("r", new SinksAndRecent(), new Uniform(), new HeadKvLab.Compression.Settlements.CompensationToken()), new Budget(B), MadeUpText.Shape, 4)).Message);
        Assert.Contains("give 1 token or more", Assert.Throws<LabException>(() => new Every(0)).Message);
        Assert.Contains("give 1 entry or more", Assert.Throws<LabException>(() => new Grown(0)).Message);
        Assert.Equal(("every 1", "grown 1"), (new Every(1).Name, new Grown(1).Name));
        var ladder = CachePolicy.Parse("FastGen Every 3");
        Assert.Contains("use 'published', or another budget rule", Assert.Throws<LabException>(() => ladder.Schedule!.Begin(ladder.Method, new Budget(B, Window, BudgetRule.AsPublished), MadeUpText.Shape, 4)).Message);
        Assert.Contains("nothing to choose again", Assert.Throws<LabException>(() => new Every().Begin(new Method("f", new SnapKv(), new FullCache()), new Budget(B), MadeUpText.Shape, 4)).Message);
        Assert.Equal(("SnapKV every 7", false), (CachePolicy.Parse("SnapKV every 7").Name, CachePolicy.Parse("SnapKV never").IsReference));
        Assert.True(CachePolicy.Parse("FullKV").IsReference);
        Assert.Equal(new Every(), CachePolicy.Parse("H2O published").Schedule);
    }

    /// <summary>Compresses and decodes beside a naive program, comparing positions after every token.</summary>
    private static void Follow(MadeUpText text, Method method, int every, Scores score)
    {
        using var cache = text.Compress(new(method, new Every(every)), new Budget(B, Window), Prompt);
        var stored = Enumerable.Range(0, MadeUpText.Layers).Select(_ => Enumerable.Range(0, MadeUpText.KvHeads).Select(_ => Enumerable.Range(0, Prompt).ToList()).ToArray()).ToArray();
        for (var token = Prompt - 1; token < 70; token++)
        {
            if (token >= Prompt) text.Step(cache);
            for (var layer = 0; layer < MadeUpText.Layers; layer++)
            {
                if (token >= Prompt)
                    foreach (var head in stored[layer]) head.Add(token);
                var scores = score(layer, token, stored[layer]);
                for (var head = 0; head < MadeUpText.KvHeads; head++)
                {
                    if ((token - Prompt + 1) % every == 0)
                    {
                        var kept = Enumerable.Range(0, stored[layer][head].Count - Window).OrderByDescending(i => scores[head][i]).ThenByDescending(i => i).Take(B - Window).Select(i => stored[layer][head][i]);
                        stored[layer][head] = [.. kept.Concat(stored[layer][head].TakeLast(Window)).Order()];
                    }
                    Assert.Equal(stored[layer][head], cache[layer].Positions(head).ToArray());
                }
            }
        }
    }
}
