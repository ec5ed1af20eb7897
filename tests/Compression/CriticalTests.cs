using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Allocators;
using HeadKvLab.Compression.Bidders;
using HeadKvLab.Compression.Rerankers;
using HeadKvLab.Compression.Schedules;
using HeadKvLab.Compression.Scorers;
using HeadKvLab.Tests.Compression.Schedules;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression;

/// <summary>CriticalKV by hand, and as a part of methods.</summary>
public sealed class CriticalTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    /// <summary>Values of one channel and a projection to three, (1, -1, 0): norms are twice the values' sizes.</summary>
    private static LayerView Layer(params float[] values) => new(0, zeros(1, values.Length, 1), tensor(values, 1, values.Length, 1), zeros(1, 1, 1), 1) { Output = () => tensor(new[] { 1f, -1, 0 }, 1, 1, 3) };

    private static float[] Rerank(Critical critical, LayerView layer, float[] scores, int entries)
    {
        var own = (float[])scores.Clone();
        critical.Rerank(layer, new HeadRows<float>(own, 1, own.Length), [entries]);
        return own;
    }

    /// <summary>Scores .5 .3 .15 .05, norms 1 1 10 2: of two one is safe, and .5001 .3001 1.501 .1002 choose the other.</summary>
    [Fact]
    public void Half_is_chosen_by_score_and_half_by_what_values_change()
    {
        var (layer, scores) = (Layer(.5f, -.5f, 5, 1), (float[])[.5f, .3f, .15f, .05f]);
        Assert.Equal([float.PositiveInfinity, .3001f, 1.501f, .1002f], Rerank(new(), layer, scores, 2), Near);
        Assert.Equal([.5001f, .3001f, 1.501f, .1002f], Rerank(new(), layer, scores, 1), Near);                 // floor(0.5) = 0 are safe
        Assert.Equal([float.PositiveInfinity, float.PositiveInfinity, 1.501f, .1002f], Rerank(new(1), layer, scores, 2), Near);
        Assert.Equal([.5001f, .3001f, 1.501f, .1002f], Rerank(new(0), layer, scores, 4), Near);
        Assert.All(Rerank(new(), layer, scores, 8), score => Assert.Equal(float.PositiveInfinity, score));   // more than there are
        Assert.Equal([float.NaN, float.PositiveInfinity, .0015f, .0003f], Rerank(new(), Layer(1, 1, 7.5f, 1.5f), [float.NaN, .3f, 0, 0], 2), Near);

        static bool Near(float a, float b) => a.Equals(b) || Math.Abs(a - b) < 1e-5;
    }

    /// <summary>Query heads of a group share a value, each with its own part of the projection; the mean counts, or a head's own where query heads own entries.</summary>
    [Fact]
    public void Norms_are_those_of_the_query_heads()
    {
        var values = RandomTensors.Make(2, 1500, 4, 1);
        var projection = RandomTensors.Make(4, 4, 6, 2);
        var layer = new LayerView(0, values, values, RandomTensors.Make(4, 8, 4, 3), 1) { Output = () => projection };
        var found = OutputNorms.Of(layer, 0, layer.Length, euclidean: false);
        foreach (var (h, j) in ((int, int)[])[(0, 0), (1, 1023), (2, 1024), (3, 1499)])
            Assert.Equal(Enumerable.Range(0, 6).Sum(o => Math.Abs(Enumerable.Range(0, 4).Sum(i => values[h / 2, j, i].item<float>() * (double)projection[h, i, o].item<float>()))), found[h, j].item<float>(), 1e-4);
        Assert.Contains("come without it", Assert.Throws<LabException>(() => OutputNorms.Of(layer with { Output = null }, 0, 1, euclidean: false)).Message);
        Assert.Contains("0.5 is the paper's", Assert.Throws<LabException>(() => new Critical(1.5)).Message);
    }

    private static int[][] Kept(Method method, LayerView layer, int entries, Granularity granularity = Granularity.KvHead)
    {
        using var compressor = new Compressor(method, new Budget(entries, 8, Granularity: granularity), new CacheShape(1, 2, 16), 4);
        compressor.Accept(layer);
        using var cache = compressor.TakeCache();
        return [.. Enumerable.Range(0, cache.Shape.KvHeads).Select(head => cache[0].Positions(head).ToArray())];
    }

    [Fact]
    public void Heads_keep_their_numbers_and_their_best()
    {
        var layer = new LayerView(0, RandomTensors.Make(2, 90, 16, 1), RandomTensors.Make(2, 90, 16, 2), RandomTensors.Make(4, 90, 16, 3), 0.25f).OfModel();
        foreach (var granularity in Enum.GetValues<Granularity>())
            foreach (var share in new IAllocator[] { new Uniform(), new Ada() })
            {
                var plain = new Method("m", new SnapKv(), share);
                var (before, after) = (Kept(plain, layer, 40, granularity), Kept(plain with { Reranker = new Critical() }, layer, 40, granularity));
                Assert.Equal(before.Select(head => head.Length), after.Select(head => head.Length));
                Assert.NotEqual(before.SelectMany(head => head), after.SelectMany(head => head));
                foreach (var (head, kept) in after.Index()) Assert.True(kept.Intersect(before[head]).Count() >= 8 + (kept.Length - 8) / 2);
                Assert.Equal(before, Kept(plain with { Reranker = new Critical(1) }, layer, 40, granularity));
            }
    }

    [Fact]
    public void Others_that_share_the_scores_do_not_see_the_new_order()
    {
        var layer = new LayerView(0, RandomTensors.Make(2, 90, 16, 1), RandomTensors.Make(2, 90, 16, 2), RandomTensors.Make(4, 90, 16, 3), 0.25f).OfModel();
        var plain = new Method("m", new SnapKv(), new Uniform());
        using var critical = new Compressor(plain with { Reranker = new Critical() }, new Budget(20), new CacheShape(1, 2, 16), 4);
        using var other = new Compressor(plain, new Budget(20), new CacheShape(1, 2, 16), 4);
        PromptSinks.Combine(critical, other).Accept(layer);
        using var cache = other.TakeCache();
        Assert.Equal(Kept(plain, layer, 20), Enumerable.Range(0, 2).Select(head => cache[0].Positions(head).ToArray()));
    }

    [Fact]
    public void A_bidder_is_refused_and_faults_are_named()
    {
        var layer = new LayerView(0, RandomTensors.Make(2, 90, 16, 1), RandomTensors.Make(2, 90, 16, 2), RandomTensors.Make(4, 90, 16, 3), 0.25f).OfModel();
        Assert.Contains("use an allocator beside a reranker", Assert.Throws<LabException>(() => Kept(new Method("m", new SnapKv(), new Blocks()) { Reranker = new Critical() }, layer, 20)).Message);
        Assert.Contains("its reranker failed: no", Assert.Throws<LabException>(() => Kept(new Method("m", new SnapKv(), new Uniform()) { Reranker = new Failing() }, layer, 20)).Message);
        Assert.Equal(Settings.None, (Catalogue.Find("SnapKV").Create() with { Reranker = new Critical() }).Settings);
    }

    /// <summary>Heads of unequal entries are seen one by one: each with its own query heads' parts of the projection, and the model's frequencies.</summary>
    [Fact]
    public void Stored_entries_have_the_norms_that_they_had_in_the_prompt()
    {
        var text = new MadeUpText(40);
        using var cache = text.Compress(new Method("m", new SnapKv(), new Ada(0, false)), new Budget(16, 4), 40);
        var record = new DecodeRecord(new ScorerNeeds(4), MadeUpText.Shape, MadeUpText.QueryHeads);
        for (var layer = 0; layer < MadeUpText.Layers; layer++)
        {
            Assert.False(cache[layer].IsUniform);
            var prompt = text.View(layer, 40, new(4));
            record.Take(prompt, cache[layer]);
            var whole = OutputNorms.Of(prompt, 0, prompt.Length, euclidean: false);
            foreach (var view in record.Views(layer, cache))
            {
                Assert.Equal(prompt.Frequencies!.Value.ToArray(), view.Frequencies!.Value.ToArray());
                var found = OutputNorms.Of(view, 0, view.Length, euclidean: false);
                Assert.Equal([MadeUpText.Group, view.Length], found.shape);
                foreach (var (i, position) in view.Positions![0].ToArray().Index())
                    for (var g = 0; g < MadeUpText.Group; g++) Assert.Equal(whole[view.FirstHead * MadeUpText.Group + g, position].item<float>(), found[g, i].item<float>(), 1e-3);
            }
        }
    }

    /// <summary>A reranker that turns the order round keeps, after the prompt and after every token, what a scorer does that has it round.</summary>
    [Fact]
    public void While_text_is_generated_the_new_order_counts()
    {
        var text = new MadeUpText(60);
        RaggedCache Begin(Method method) => text.Compress(new(method, new Every(3)), new Budget(16, 4), 40);
        using var reranked = Begin(new Method("m", new SnapKv(), new Uniform()) { Reranker = new Backwards() });
        using var scored = Begin(new Method("m", new Backwards(), new Uniform()));
        for (var token = 40; token < 60; token++)
        {
            text.Step(reranked);
            text.Step(scored);
            for (var head = 0; head < MadeUpText.KvHeads; head++) Assert.Equal(scored[1].Positions(head).ToArray(), reranked[1].Positions(head).ToArray());
        }
    }

    private sealed record Backwards : IReranker, IScorer
    {
        public ScorerNeeds Needs(int window) => new SnapKv().Needs(window);

        public void Score(in LayerView layer, int window, HeadRows<float> scores)
        {
            new SnapKv().Score(layer, window, scores);
            Rerank(layer, scores, []);
        }

        public void Rerank(in LayerView layer, HeadRows<float> scores, ReadOnlySpan<int> entries)
        {
            for (var head = 0; head < scores.Heads; head++)
                foreach (ref var score in scores[head]) score = -score;
        }
    }

    private sealed record Failing : IReranker
    {
        public void Rerank(in LayerView layer, HeadRows<float> scores, ReadOnlySpan<int> entries) => throw new NotSupportedException("no");
    }
}
