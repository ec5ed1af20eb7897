using System.Runtime.InteropServices;
using HeadKvLab.Cache;
using HeadKvLab.Compression;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression;

public sealed class CompressorTests : IDisposable
{
    private const int Layers = 3, KvHeads = 2, QueryHeads = 4, Dim = 16, N = 120, Window = 8;
    private static readonly CalibrationTables Importances = SomeTables.Of(
        new HeadImportance(Layers, QueryHeads, [9, 0, 1, 2, 0.1, 0.1, 5, 0, 0, 0.3, 0.2, 1]), KvHeads);

    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<string> Names() => new(Catalogue.Methods.Select(m => m.Name));

    public void Dispose() => _scope.Dispose();

    private static Tensor Random(int heads, int n, int seed) => RandomTensors.Make(heads, n, Dim, seed);

    private static LayerView Layer(int layer, int n = N) =>
        new LayerView(layer, Random(KvHeads, n, 10 + layer), Random(KvHeads, n, 20 + layer), Random(QueryHeads, n, 30 + layer), 0.25f, Kinds: SomeKinds.Of(n)).OfModel();

    private static float[] Numbers(Tensor t) => MemoryMarshal.Cast<byte, float>(t.contiguous().bytes).ToArray();

    private static RaggedCache Compress(
        string method, Budget budget, int n = N, Settings? settings = null, ScalarType storage = ScalarType.Float32)
    {
        var compressor = new Compressor(Catalogue.Find(method).Create(settings, Importances), budget, new CacheShape(Layers, KvHeads, Dim, storage), QueryHeads);
        for (var layer = 0; layer < Layers; layer++) compressor.Accept(Layer(layer, n));
        return compressor.TakeCache();
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Equal_entries_keeps_exactly_the_nominal_entries_with_the_window(string method)
    {
        foreach (var granularity in Enum.GetValues<Granularity>())
            foreach (var entries in new[] { 9, 12, 24, 64, 119 })
            {
                using var cache = Compress(method, new Budget(entries, Window, BudgetRule.EqualEntries, granularity));
                if (method == "FullKV")
                {
                    Assert.Equal(Layers * KvHeads * N, cache.Entries);
                    continue;
                }
                var heads = granularity == Granularity.KvHead ? KvHeads : QueryHeads;
                Assert.Equal(Layers * heads * entries, cache.Entries);
                Assert.Equal(cache.Entries * 2 * Dim * 4, cache.StoredBytes);
                Assert.Equal(cache.StoredBytes, cache.ReservedBytes);
                for (var layer = 0; layer < Layers; layer++)
                    for (var h = 0; h < heads; h++)
                    {
                        var positions = cache[layer].Positions(h).ToArray();
                        Assert.Equal(positions.Order().Distinct(), positions);
                        Assert.Equal(Enumerable.Range(N - Window, Window), positions[^Window..]);
                    }
            }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_budget_of_the_prompt_is_the_full_cache_bit_for_bit(string method)
    {
        using var full = Compress("FullKV", new Budget(8));
        foreach (var budget in new[] { new Budget(N), new Budget(N + 1), new Budget(N + 1, Window, BudgetRule.AsPublished), new Budget(5 * N, N) })
        {
            using var cache = Compress(method, budget);
            Assert.Equal(full.LogicalLength, cache.LogicalLength);
            for (var layer = 0; layer < Layers; layer++)
            {
                Assert.Equal(Numbers(full[layer].Keys()), Numbers(cache[layer].Keys()));
                Assert.Equal(Numbers(full[layer].Values()), Numbers(cache[layer].Values()));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_window_alone_is_a_budget(string method)
    {
        if (method is "FullKV" or "RazorAttention") return; // all, and a summary beside the window
        foreach (var rule in new[] { BudgetRule.AsPublished, BudgetRule.EqualEntries })
        {
            if (method is "DuoAttention" or "FastGen" or "SimLayerKV" or "KV-Compress" or "KV-Compress-full" or "PrefixKV" or "KVzip" or "KVzip+" or "LU-KV" && rule == BudgetRule.AsPublished) continue;   // which know no budget, keep whole blocks, or the first token
            using var cache = Compress(method, new Budget(Window, Window, rule));
            Assert.Equal(Enumerable.Range(N - Window, Window), cache[1].Positions(0).ToArray());
            Assert.Equal(Layers * KvHeads * Window, cache.Entries);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Equal_bytes_are_equal_in_both_granularities(string method)
    {
        if (method == "FullKV") return;
        using var byKv = Compress(method, new Budget(40, Window, BudgetRule.EqualBytes), storage: ScalarType.BFloat16);
        using var byQuery = Compress(method, new Budget(40, Window, BudgetRule.EqualBytes, Granularity.QueryHead), storage: ScalarType.BFloat16);
        Assert.Equal(40 * Layers * KvHeads * 2 * Dim * 2, byKv.StoredBytes);
        Assert.Equal(byKv.StoredBytes, byQuery.StoredBytes);
    }

    [Theory]
    [InlineData(1), InlineData(5), InlineData(8)]
    public void Short_prompts_pass_through_and_say_so(int n)
    {
        var compressor = new Compressor(Catalogue.Find("SnapKV").Create(), new Budget(32), new CacheShape(1, KvHeads, Dim), QueryHeads);
        compressor.Accept(Layer(0, n));
        Assert.True(compressor.PassedThrough);
        using var cache = compressor.TakeCache();
        Assert.Equal(KvHeads * n, cache.Entries);
    }

    [Fact]
    public void Kept_positions_score_at_least_what_is_dropped()
    {
        // the definition in plain loops: SnapKV as published, one set for each query head
        using var cache = Compress("SnapKV", new Budget(20, Window, BudgetRule.AsPublished, Granularity.QueryHead));
        for (var layer = 0; layer < Layers; layer++)
            for (var h = 0; h < QueryHeads; h++)
            {
                var scores = WindowScores(Layer(layer), h);
                var kept = cache[layer].Positions(h).ToArray().Where(p => p < N - Window).ToHashSet();
                Assert.Equal(12, kept.Count);
                var lowest = kept.Min(p => scores[p]);
                for (var p = 0; p < N - Window; p++) Assert.True(kept.Contains(p) || scores[p] <= lowest + 1e-7);
            }
    }

    /// <summary>Softmax of the window's rows, causal, mean over rows, largest of seven neighbours: as the specification writes it.</summary>
    private static double[] WindowScores(LayerView layer, int head)
    {
        var (queries, keys) = (Numbers(layer.Queries[head]), Numbers(layer.Keys[head * KvHeads / QueryHeads]));
        var mean = new double[N - Window];
        for (var q = N - Window; q < N; q++)
        {
            var logits = new double[q + 1];
            for (var j = 0; j <= q; j++)
                for (var i = 0; i < Dim; i++) logits[j] += queries[q * Dim + i] * keys[j * Dim + i] * 0.25;
            var sum = logits.Sum(Math.Exp);
            for (var j = 0; j < mean.Length; j++) mean[j] += Math.Exp(logits[j]) / sum / Window;
        }
        return [.. mean.Select((_, j) => Enumerable.Range(Math.Max(0, j - 3), Math.Min(mean.Length, j + 4) - Math.Max(0, j - 3)).Max(k => mean[k]))];
    }

    [Fact]
    public void HeadKv_becomes_SnapKv_as_beta_grows()
    {
        var settings = new Settings(("beta", 1e9));
        foreach (var granularity in Enum.GetValues<Granularity>())
        {
            var budget = new Budget(30, Window, BudgetRule.AsPublished, granularity);
            using var snap = Compress("SnapKV", budget);
            using var head = Compress("HeadKV-R2", budget, settings: settings);
            for (var layer = 0; layer < Layers; layer++)
                for (var h = 0; h < snap.Shape.KvHeads; h++)
                    Assert.Equal(snap[layer].Positions(h).ToArray(), head[layer].Positions(h).ToArray());
        }
    }

    [Fact]
    public void Streaming_keeps_sinks_and_the_latest()
    {
        using var cache = Compress("StreamingLLM", new Budget(20));
        Assert.Equal([0, 1, 2, 3, .. Enumerable.Range(N - 16, 16)], cache[2].Positions(1).ToArray());
        using var narrow = Compress("StreamingLLM", new Budget(10));
        Assert.Equal([0, 1, .. Enumerable.Range(N - 8, 8)], narrow[2].Positions(1).ToArray());
    }

    [Fact]
    public void Tova_keeps_the_same_tokens_in_all_heads_and_Knorm_the_shortest_keys()
    {
        using var tova = Compress("TOVA", new Budget(20));
        Assert.Equal(tova[0].Positions(0).ToArray(), tova[0].Positions(1).ToArray());
        using var knorm = Compress("Knorm", new Budget(12));
        var norms = Numbers(Layer(1).Keys.pow(2).sum(2)).AsSpan(N, N - Window).ToArray(); // head 1
        Assert.Equal(Enumerable.Range(0, N - Window).OrderBy(p => norms[p]).Take(4).Order(), knorm[1].Positions(1).ToArray()[..4]);
    }

    [Fact]
    public void Random_depends_on_the_seed_alone()
    {
        using var a = Compress("random", new Budget(20));
        using var b = Compress("random", new Budget(20));
        using var c = Compress("random", new Budget(20), settings: new(("seed", 1)));
        Assert.Equal(a[1].Positions(0).ToArray(), b[1].Positions(0).ToArray());
        Assert.NotEqual(a[1].Positions(0).ToArray(), c[1].Positions(0).ToArray());
        Assert.NotEqual(a[1].Positions(0).ToArray(), a[1].Positions(1).ToArray());
        Assert.NotEqual(a[0].Positions(0).ToArray(), a[1].Positions(0).ToArray());
    }

    /// <summary>
    /// Two KV heads of two query heads each, at query-head granularity, keep and store what a model of four KV heads keeps that holds each of the two twice:
    /// the one reads head h / 2 where the other reads head h.
    /// </summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void A_query_head_keeps_what_a_kv_head_of_its_own_would(string name)
    {
        var importance = SomeTables.Of(new HeadImportance(1, QueryHeads, [1, 3, 0.5, 2]), KvHeads);
        var layer = Layer(0);
        var twice = layer with { Keys = layer.Keys.repeat_interleave(2, 0), Values = layer.Values.repeat_interleave(2, 0) };
        using var shared = Store(layer, Granularity.QueryHead, KvHeads);
        using var own = Store(twice, Granularity.KvHead, QueryHeads);
        Assert.Equal(name == "FullKV" ? KvHeads : QueryHeads, shared.Shape.KvHeads);      // which keeps all, once
        for (var h = 0; h < QueryHeads; h++) Assert.Equal(own[0].Positions(h).ToArray(), shared[0].Positions(h * shared.Shape.KvHeads / QueryHeads).ToArray());
        var (queries, one, other) = (Numbers(Random(QueryHeads, 1, 7)), new float[QueryHeads * Dim], new float[QueryHeads * Dim]);
        own[0].Attend(queries, one, 0.25f);
        shared[0].Attend(queries, other, 0.25f);
        Assert.Equal(one, other);

        RaggedCache Store(LayerView prompt, Granularity granularity, int kvHeads)
        {
            var compressor = new Compressor(Catalogue.Find(name).Create(null, importance), new Budget(20, Window, BudgetRule.AsPublished, granularity), new CacheShape(1, kvHeads, Dim), QueryHeads);
            compressor.Accept(prompt);
            return compressor.TakeCache();
        }
    }

    [Fact]
    public void Many_compressors_fed_at_once_get_what_each_gets_alone()
    {
        var budgets = new[] { new Budget(12), new Budget(40), new Budget(40, 4), new Budget(40, 16), new Budget(40, 4, Granularity: Granularity.QueryHead), new Budget(N) }; // windows of their own
        var compressors = Catalogue.Methods.SelectMany(m => budgets.Select(b =>
            new Compressor(m.Create(null, Importances), b, new CacheShape(Layers, KvHeads, Dim), QueryHeads))).ToArray();
        var sink = PromptSinks.Combine(compressors);
        Assert.Contains(AttentionSum.Received, sink.Needs.Sums); // H2O is among them
        for (var layer = 0; layer < Layers; layer++) sink.Accept(Layer(layer));
        foreach (var compressor in compressors)
        {
            using var together = compressor.TakeCache();
            using var alone = Compress(compressor.Method.Name, compressor.Budget);
            for (var layer = 0; layer < Layers; layer++)
                for (var h = 0; h < alone.Shape.KvHeads; h++)
                    Assert.Equal(alone[layer].Positions(h).ToArray(), together[layer].Positions(h).ToArray());
        }
    }

    [Fact]
    public void Adversarial_scores_keep_the_later_positions_and_never_fail()
    {
        // all keys equal: every score is equal up to the mask; NaN keys are the least worth keeping
        var equal = ones(KvHeads, N, Dim);
        var layer = new LayerView(0, equal, equal, Random(QueryHeads, N, 1), 0.25f, Kinds: SomeKinds.Of(N)).OfModel();
        foreach (var method in Catalogue.Methods)
        {
            var compressor = new Compressor(method.Create(null, SomeTables.Of(new HeadImportance(1, 4, [1, 2, 3, 4]), KvHeads)), new Budget(20), new CacheShape(1, KvHeads, Dim), QueryHeads);
            compressor.Accept(layer);
            using var cache = compressor.TakeCache();
            if (method.Name is "SnapKV" or "Knorm" or "TOVA") Assert.Equal(Enumerable.Range(N - 20, 20), cache[0].Positions(0).ToArray());
        }
        var broken = Random(KvHeads, N, 2);
        broken[0, 5].fill_(float.NaN);
        var knorm = new Compressor(Catalogue.Find("Knorm").Create(), new Budget(N - 1), new CacheShape(1, KvHeads, Dim), QueryHeads);
        knorm.Accept(new LayerView(0, broken, equal, Random(QueryHeads, N, 1), 0.25f));
        using var rest = knorm.TakeCache();
        Assert.DoesNotContain(5, rest[0].Positions(0).ToArray());
    }

    [Fact]
    public void Misuse_is_told()
    {
        var compressor = new Compressor(Catalogue.Find("SnapKV").Create(), new Budget(20), new CacheShape(Layers, KvHeads, Dim), QueryHeads);
        Assert.Throws<InvalidOperationException>(() => compressor.Accept(Layer(1)));
        compressor.Accept(Layer(0));
        Assert.Throws<InvalidOperationException>(compressor.TakeCache);
        Assert.Contains("head scores", Assert.Throws<LabException>(() => Catalogue.Find("HeadKV-R").Create()).Message);
        Assert.Contains("SnapKV", Assert.Throws<LabException>(() => Catalogue.Find("SnapVK")).Message);
        Assert.Throws<LabException>(() => new Compressor(Catalogue.Find("SnapKV").Create(), new Budget(20), new CacheShape(1, 3, Dim), 4));
        var few = Layer(0) with { Queries = Random(QueryHeads, 3, 1) };
        var early = new Compressor(Catalogue.Find("SnapKV").Create(), new Budget(20), new CacheShape(1, KvHeads, Dim), QueryHeads);
        Assert.Contains("method SnapKV: its scorer failed: layer 0: 8 queries vote", Assert.Throws<LabException>(() => early.Accept(few)).Message);
    }

    [Fact]
    public void No_tensor_is_left_behind()
    {
        var layer = Layer(0);
        foreach (var method in Catalogue.Methods)
        {
            var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
            using (var compressor = new Compressor(method.Create(null, SomeTables.Of(new HeadImportance(1, 4, [1, 2, 3, 4]), KvHeads)), new Budget(20), new CacheShape(1, KvHeads, Dim), QueryHeads))
                compressor.Accept(layer);
            Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        }
    }
}
