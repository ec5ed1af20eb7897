using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Bidders;
using HeadKvLab.Compression.Scorers;
using HeadKvLab.Compression.Settlements;
using HeadKvLab.Tests.Compression.Schedules;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression;

/// <summary>Systems whose heads compete over the whole model, by hand and against a choice that sees all layers at once.</summary>
public sealed class BidderTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    /// <summary>Positions kept of a model whose scores are given, <c>[layer][head][position]</c>, after all layers have arrived.</summary>
    private static int[][][] Kept(IBidder bidder, float[][][] scores, int window, Budget budget)
    {
        var (layers, heads, n) = (scores.Length, scores[0].Length, scores[0][0].Length);
        var allocation = new PromptAllocation(new Method("m", new SinksAndRecent(), bidder), budget, layers, heads, heads, n);
        var all = new List<int[][]>();
        for (var layer = 0; layer < layers; layer++)
        {
            var rows = new HeadRows<float>([.. scores[layer].SelectMany(row => row)], heads, n);
            all.Add(allocation.Select(new LayerView(layer, null!, null!, null!, 1), rows));
            foreach (var cut in allocation.CutBacks) all[cut.Layer][cut.Head] = allocation.Kept(cut);
        }
        foreach (var positions in all.SelectMany(layer => layer))
        {
            Assert.Equal(positions.Distinct().Order(), positions);
            var kept = budget.Rule == BudgetRule.AsPublished ? bidder.PublishedWindow(window) : window;
            Assert.Equal(Enumerable.Range(n - kept, kept), positions[^kept..]);
        }
        return [.. all];
    }

    private static readonly float[] A = [9, 1, 8, 2, 7, 3, 6, 4, 0, 0], B = [5, 5.5f, .5f, .2f, 6.5f, .1f, .3f, 10, 0, 0];

    /// <summary>
    /// KV-Compress by hand: blocks of 4, 10 tokens, of which the last 2 are protected; a head's last block holds 2. Published, a window of 3 protects 2, since it counts the token to come; one of 2 protects 1:
    /// A then offers, ascending, the scores 0 1 | 2 3 4 6 | 7 8 9 of positions 8 1 | 3 5 7 6 | 4 2 0, B 0 .1 | .2 .3 .5 5 | 5.5 6.5 10 of 8 5 | 3 6 2 0 | 1 4 7. Its last block is never free.
    /// </summary>
    [Theory]
    [InlineData(8, 3, BudgetRule.AsPublished, "0 2 4 5 6 7 8 9", "0 1 2 4 6 7 8 9")]
    [InlineData(7, 3, BudgetRule.AsPublished, "0 2 4 5 6 7 8 9", "0 1 2 4 6 7 8 9")]     // rounded up to whole blocks
    [InlineData(4, 3, BudgetRule.AsPublished, "0 2 8 9", "4 7 8 9")]
    [InlineData(3, 3, BudgetRule.AsPublished, "0 2 8 9", "4 7 8 9")]
    [InlineData(8, 2, BudgetRule.AsPublished, "0 2 3 4 5 6 7 9", "0 1 2 3 4 6 7 9")]
    [InlineData(4, 2, BudgetRule.AsPublished, "0 2 4 9", "1 4 7 9")]
    [InlineData(4, 1, BudgetRule.AsPublished, "0 2 4 9", "1 4 7 9")]                     // the last prompt token stays in any case
    [InlineData(6, 2, BudgetRule.EqualEntries, "0 2 4 5 6 7 8 9", "4 7 8 9")]
    [InlineData(7, 2, BudgetRule.EqualEntries, "0 2 4 5 6 7 8 9", "0 1 4 7 8 9")]        // 14 entries: the last block in part, by rank
    [InlineData(4, 2, BudgetRule.EqualEntries, "0 2 8 9", "4 7 8 9")]
    [InlineData(3, 2, BudgetRule.EqualEntries, "0 2 8 9", "8 9")]                        // what shares the window's block goes last, the higher head's first
    [InlineData(2, 2, BudgetRule.EqualEntries, "8 9", "8 9")]
    [InlineData(9, 2, BudgetRule.EqualEntries, "0 1 2 3 4 5 6 7 8 9", "0 1 2 4 6 7 8 9")]
    public void Blocks_are_freed_from_the_lowest_score(int kvSize, int window, BudgetRule rule, string a, string b)
    {
        var kept = Kept(new Blocks(4), [[A, B]], window, new Budget(kvSize, window, rule))[0];
        Assert.Equal((a, b), (string.Join(' ', kept[0]), string.Join(' ', kept[1])));
    }

    [Fact]
    public void A_prompt_of_full_blocks_frees_a_full_one_first_and_a_short_one_none()
    {
        float[] row = [8, 1, 7, 2, 6, 3, 0, 0];                                       // 2 blocks, 6 can go: the window's block holds 2 of them
        Assert.Equal([0, 2, 6, 7], Kept(new Blocks(4), [[row]], 2, new Budget(4, 2))[0][0]);
        Assert.Equal(3, Kept(new Blocks(16), [[[1, 2, 3]]], 2, new Budget(2, 2, BudgetRule.AsPublished))[0][0].Length); // one block, with the window
    }

    [Fact]
    public void Blocks_of_one_are_the_highest_scores_of_the_whole_model()
    {
        var random = new Random(3);
        var scores = Enumerable.Range(0, 4).Select(_ => Enumerable.Range(0, 3).Select(_ => Enumerable.Range(0, 40).Select(_ => random.NextSingle()).ToArray()).ToArray()).ToArray();
        var kept = Kept(new Blocks(1), scores, 3, new Budget(11, 3));
        var best = (from l in Enumerable.Range(0, 4) from h in Enumerable.Range(0, 3) from j in Enumerable.Range(0, 37) orderby scores[l][h][j] descending select (l, h, j)).Take(8 * 12).ToHashSet();
        for (var l = 0; l < 4; l++)
            for (var h = 0; h < 3; h++) Assert.Equal(Enumerable.Range(0, 40).Where(j => j >= 37 || best.Contains((l, h, j))), kept[l][h]);
    }

    /// <summary>PrefixKV by hand: shares 1/2 1/4 1/8 ... of one layer, 1/8 eight times of the other; p is 3/4 at 8 entries, 7/8 at 10.</summary>
    [Theory]
    [InlineData(8, 2, 6), InlineData(10, 3, 7), InlineData(9, 3, 6), InlineData(2, 1, 1), InlineData(1, 1, 0), InlineData(16, 8, 8)]
    public void Layers_hold_the_same_share_of_their_attention(int total, int first, int second)
    {
        double[] halves = [.5, .25, .125, 1 / 16.0, 1 / 32.0, 1 / 64.0, 1 / 128.0, 1 / 128.0];
        var waterline = new Waterline(1, total);
        foreach (var shares in (double[][])[halves, [.. Enumerable.Repeat(.125, 8)]])
        {
            var bids = new Bids(1, waterline.Floor);
            new EqualShare().Bid(new BudgetFrame(2, 1, 9, 1, 8, 18), default, new HeadRows<float>([.. shares.Select(share => 64 * (float)share)], 1, 8), bids);
            waterline.Admit(bids);
        }
        Assert.Equal([[first], [second]], waterline.Entries.Select(layer => layer.ToArray()));
    }

    /// <summary>
    /// PrefixKV's own search by hand: the same two layers, the lowest score first, 8 tokens of which the first and the last are protected. At p = 1/2 the layers keep 1 and 4 and drop
    /// (8 - 1 - 2, 8 - 4 - 2) = (5, 2), 7 in all; at 1/4 (5, 4); at 3/4 (4, 0).
    /// Size 4 drops 8: 7 is near enough; times 8/7 (5.7, 2.3), which is (5, 2). Size 5 drops 6: times 6/7 (4.3, 1.7), (4, 1). Size 6 drops 4: times 4/7, (2, 1).
    /// Size 2 drops 12, five more than 7: at 1/4 9, times 12/9 (6.7, 5.3), (6, 5). Size 7 drops 2, five less than 7: at 3/4 4, times 2/4 (2, 0).
    /// </summary>
    [Theory]
    [InlineData(4, "0 6 7", "0 3 4 5 6 7")]
    [InlineData(5, "0 5 6 7", "0 2 3 4 5 6 7")]
    [InlineData(6, "0 3 4 5 6 7", "0 2 3 4 5 6 7")]
    [InlineData(2, "0 7", "0 6 7")]
    [InlineData(7, "0 3 4 5 6 7", "0 1 2 3 4 5 6 7")]
    [InlineData(8, "0 1 2 3 4 5 6 7", "0 1 2 3 4 5 6 7")]
    [InlineData(1, "0 7", "0 7")]                                                     // what is protected stays, whatever the size
    public void The_published_search_ends_near_the_budget_and_rounds_down(int kvSize, string first, string second)
    {
        float[] halves = [1, 1, 2, 4, 8, 16, 32, 64], alike = [.. Enumerable.Repeat(.125f, 8)];
        var kept = Kept(new EqualShare(new PrefixSearch()), [[halves, halves], [alike, alike]], 1, new Budget(kvSize, 1, BudgetRule.AsPublished));
        Assert.Equal([first, first, second, second], kept.SelectMany(layer => layer).Select(positions => string.Join(' ', positions)));
    }

    /// <summary>
    /// All scores equal, 8 tokens, size 4: two layers drop (2, 2) at p = 1/2, within five of 8, and (4, 4) times 8/4. Of 20 such layers and 4 whose attention lies in one token, size 5, 72 are to go:
    /// at p up to 3/8 20 * 3 + 4 * 5 = 80 go, above it 60, and none is near enough. At 3/8, where the digits of p end, times 72/80 (2.7, 4.5), which is (2, 4).
    /// </summary>
    [Fact]
    public void The_published_search_ends_where_no_share_meets_the_budget()
    {
        var search = new PrefixSearch();
        float[] alike = [.. Enumerable.Repeat(3f, 8)], none = new float[8], unknown = [.. Enumerable.Repeat(float.NaN, 8)], sharp = [0, 9, 0, 0, 0, 0, 0, 0];
        foreach (var row in (float[][])[alike, none, unknown]) Assert.Equal([3, 3], search.Entries(new BudgetFrame(2, 1, 8, 1, 3, 8), [row, row]));
        var entries = search.Entries(new BudgetFrame(24, 1, 8, 1, 4, 120), [.. Enumerable.Repeat(alike, 20), .. Enumerable.Repeat(sharp, 4)]);
        Assert.Equal([.. Enumerable.Repeat(5, 20), .. Enumerable.Repeat(3, 4)], entries);
        Assert.Equal([1], search.Entries(new BudgetFrame(1, 1, 2, 1, 0, 1), [[1, 2]]));     // both tokens are protected
    }

    [Fact]
    public void PrefixKV_s_cache_is_cut_back_after_its_last_layer_under_as_published()
    {
        const int Layers = 4, N = 120;
        using var compressor = new Compressor(Catalogue.Find("PrefixKV").Create(), new Budget(40, 8, BudgetRule.AsPublished), new CacheShape(Layers, 2, 16), 4);
        for (var l = 0; l < Layers; l++)
            compressor.Accept(new LayerView(l, RandomTensors.Make(2, N, 16, l), RandomTensors.Make(2, N, 16, 50 + l), RandomTensors.Make(4, N, 16, 100 + l) * (1 + 2 * l), 0.25f));
        using var cache = compressor.TakeCache();
        Assert.Equal(cache.StoredBytes, cache.ReservedBytes);
        var counts = Enumerable.Range(0, Layers).Select(l => cache[l].Counts[0]).ToArray();
        Assert.True(counts.Distinct().Count() > 1, string.Join(' ', counts));
        Assert.InRange(counts.Sum(), 40 * Layers, 40 * Layers + Layers);                      // what is dropped is rounded down
        for (var l = 0; l < Layers; l++)
        {
            Assert.Equal(cache[l].Positions(0).ToArray(), cache[l].Positions(1).ToArray());
            Assert.Equal([0, .. Enumerable.Range(N - 8, 8)], (int[])[cache[l].Positions(0)[0], .. cache[l].Positions(0)[^8..]]);
        }
    }

    [Fact]
    public void Equal_scores_share_equally_and_so_do_scores_of_nothing()
    {
        foreach (var one in (float[])[0.3f, 0, float.NaN])
        {
            float[] row = [.. Enumerable.Repeat(one, 21)];
            var kept = Kept(new EqualShare(), [[row, row], [row, row]], 1, new Budget(6, 1));
            Assert.All(kept.SelectMany(layer => layer), positions => Assert.Equal(6, positions.Length));
        }
    }

    [Fact]
    public void Heads_that_hold_their_attention_in_few_tokens_leave_room_to_others()
    {
        float[] sharp = [100, 1, 1, 1, 1, 1, 1, 1, 1, 0], flat = [1, 1, 1, 1, 1, 1, 1, 1, 1, 0];
        var kept = Kept(new EqualShare(), [[sharp, flat]], 1, new Budget(6, 1))[0];
        Assert.Equal((2, 10), (kept[0].Length, kept[1].Length));
    }

    public static TheoryData<string> Bidding => ["PrefixKV", "PrefixKV-head", "KV-Compress", "KV-Compress-full", "FastGen"];

    /// <summary>Fed layer by layer, with heads cut back in the stored cache, against a choice over the scores of all layers.</summary>
    [Theory]
    [MemberData(nameof(Bidding))]
    public void The_cache_holds_what_a_choice_over_the_whole_model_keeps(string name)
    {
        const int Layers = 5, KvHeads = 2, QueryHeads = 4, N = 200, Dim = 16, Window = 8;
        var method = Catalogue.Find(name).Create();
        var budget = new Budget(40, Window);
        var prompt = Enumerable.Range(0, Layers).Select(l => new LayerView(l, RandomTensors.Make(KvHeads, N, Dim, l), RandomTensors.Make(KvHeads, N, Dim, 50 + l),
            RandomTensors.Make(QueryHeads, N, Dim, 100 + l) * (1 + l), 0.25f, Kinds: SomeKinds.Of(N))).ToArray();
        using var compressor = new Compressor(method, budget, new CacheShape(Layers, KvHeads, Dim), QueryHeads);
        foreach (var layer in prompt) compressor.Accept(layer);
        using var cache = compressor.TakeCache();
        var bidder = (IBidder)method.Share;
        Assert.Equal(40L * Layers * KvHeads, cache.Entries);
        Assert.Equal(cache.StoredBytes, cache.ReservedBytes);           // nothing is held that is not used

        var (all, rows) = (new Waterline(KvHeads, 32L * Layers * KvHeads), new List<float[]>());
        foreach (var layer in prompt)
        {
            var scores = new HeadRows<float>(new float[KvHeads * N], KvHeads, N);
            method.Scorer.Score(layer, Window, scores);
            rows.Add(scores.All.ToArray());
            var bids = new Bids(KvHeads);
            bidder.Bid(new BudgetFrame(Layers, KvHeads, N, Window, 32, 400), layer, scores.Trim(N - Window), bids);
            all.Admit(bids);
        }
        var counts = new HashSet<int>();
        for (var l = 0; l < Layers; l++)
            for (var h = 0; h < KvHeads; h++)
            {
                var best = new int[all.Entries[l][h]];
                Selection.Best(rows[l].AsSpan(h * N, N - Window), best.Length, best);
                Assert.Equal([.. best, .. Enumerable.Range(N - Window, Window)], cache[l].Positions(h).ToArray());
                foreach (var (entry, position) in cache[l].Positions(h).ToArray().Index())
                    Assert.Equal(prompt[l].Keys[h, position].data<float>().ToArray(), cache[l].KeysOf(h)[entry].data<float>().ToArray());
                counts.Add(best.Length);
            }
        Assert.True(counts.Count > 1, string.Join(" ", counts));                                  // heads do compete
    }

    /// <summary>The prompt and 12 tokens after it: KV-Compress counts the token to come in its window of 8, whichever schedule it goes on by.</summary>
    [Theory]
    [InlineData("PrefixKV", 8), InlineData("PrefixKV every 1", 8), InlineData("FastGen", 8), InlineData("FastGen published", 8)]
    [InlineData("KV-Compress", 7), InlineData("KV-Compress published", 7), InlineData("KV-Compress-full", 7), InlineData("KV-Compress-full every 1", 7)]
    public void As_published_protects_what_the_authors_protect(string policy, int window)
    {
        var (text, missed) = (new MadeUpText(92), false);
        using var cache = text.Compress(CachePolicy.Parse(policy), new Budget(32, 8, BudgetRule.AsPublished), 80);
        for (var tokens = 80; tokens <= 92; tokens++)
        {
            if (tokens > 80) text.Step(cache);
            for (var l = 0; l < cache.Shape.Layers; l++)
                for (var h = 0; h < cache.Shape.KvHeads; h++)
                {
                    var positions = cache[l].Positions(h).ToArray();
                    Assert.Equal(Enumerable.Range(tokens - window, window), positions[^window..]);
                    missed |= !positions.Contains(tokens - 8);
                }
            var blocks = Enumerable.Range(0, cache.Shape.Layers).Sum(l => cache[l].Counts.ToArray().Sum(entries => (entries + 15) / 16));
            if (window == 7 && (tokens == 80 || policy.Contains(' ', StringComparison.Ordinal))) Assert.Equal(32 / 16 * 4, blocks);   // whole blocks, that of the window among them
        }
        Assert.Equal(window != 8, missed);
    }

    [Theory]
    [MemberData(nameof(Bidding))]
    public void Swapped_heads_keep_each_other_s_entries(string name)
    {
        const int N = 90;
        var layer = new LayerView(0, RandomTensors.Make(2, N, 16, 1), RandomTensors.Make(2, N, 16, 2), RandomTensors.Make(4, N, 16, 3), 0.25f, Kinds: SomeKinds.Of(N));
        var swapped = layer with { Keys = layer.Keys.flip(0), Values = layer.Values.flip(0), Queries = layer.Queries.roll(2, 0) };
        using var one = Compressed(layer);
        using var other = Compressed(swapped);
        for (var h = 0; h < 2; h++) Assert.Equal(one[0].Positions(h).ToArray(), other[0].Positions(1 - h).ToArray());

        RaggedCache Compressed(LayerView prompt)
        {
            using var compressor = new Compressor(Catalogue.Find(name).Create(), new Budget(20, 8), new CacheShape(1, 2, 16), 4);
            compressor.Accept(prompt);
            return compressor.TakeCache();
        }
    }

    [Fact]
    public void A_settlement_beside_a_bidder_and_a_bidder_of_too_much_are_refused_by_name()
    {
        var both = new Method("both", new SinksAndRecent(), new EqualShare(), new CompensationToken());
        Assert.Contains("method both: EqualShare cuts heads back", Assert.Throws<LabException>(() => new PromptAllocation(both, new Budget(20), 1, 1, 1, 100)).Message);
        var greedy = new Method("greedy", new SinksAndRecent(), new Greedy());
        Assert.Contains("method greedy: its bidder offers head 0 of layer 0 999 entries of 92",
            Assert.Throws<LabException>(() => new PromptAllocation(greedy, new Budget(20, 8, BudgetRule.AsPublished), 1, 1, 1, 100).Select(default, new HeadRows<float>(new float[100], 1, 100))).Message);
        Assert.Contains("bids, which takes the whole model's scores", Assert.Throws<LabException>(() => PromptAllocation.OfModel(greedy, BudgetRule.EqualEntries, new BudgetFrame(1, 1, 100, 8, 12, 20))).Message);
        Assert.Contains("block 0", Assert.Throws<LabException>(() => new Blocks(0)).Message);
    }

    private sealed record Greedy : IBidder
    {
        public double? PublishedPrice => 0;

        public void Bid(in BudgetFrame frame, in LayerView layer, HeadRows<float> scores, Bids bids) => bids.Offer(0, 1, 999);
    }
}
