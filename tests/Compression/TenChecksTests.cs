using System.Runtime.InteropServices;
using System.Text.Json;
using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Allocators;
using HeadKvLab.Compression.Scorers;
using HeadKvLab.Compression.Settlements;
using HeadKvLab.Calibration;
using HeadKvLab.Models;
using HeadKvLab.Tests.Models;
using HeadKvLab.Tests.Models.Llama2c;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression;

/// <summary>
/// The checks an implementation should pass, by number. The first, all published allocations, is <see cref="HeadKvGoldenTests"/>; the fifth, granularities, is
/// <see cref="CompressorTests.A_query_head_keeps_what_a_kv_head_of_its_own_would"/>; the tenth is about a method
/// that frees blocks, which is not in the catalogue.
/// </summary>
public sealed class TenChecksTests : IDisposable
{
    private const int Dim = 16, N = 90, Window = 8;
    private static readonly HeadImportance Heads = new(2, 4, [9, 0, 1, 2, 0.1, 0.1, 5, 0]);
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static Tensor Random(int heads, int n, int seed) => RandomTensors.Make(heads, n, Dim, seed);

    private static int[][] Select(Method method, Budget budget, int kvHeads, int layer = 0, int n = N)
    {
        var prompt = new LayerView(layer, Random(kvHeads, n, 1 + layer), Random(kvHeads, n, 5), Random(4, n, 9), 0.25f, Kinds: SomeKinds.Of(n));
        var selector = new PromptAllocation(method, budget, 2, kvHeads, 4, n);
        var scores = new HeadRows<float>(new float[selector.Heads * n], selector.Heads, n);
        if (!selector.KeepsAll) method.Scorer.Score(prompt, budget.ObservationWindow, scores);
        return selector.Select(prompt, scores);
    }

    [Fact]
    public void Check_2_a_pool_of_nothing_is_SnapKV()
    {
        foreach (var granularity in Enum.GetValues<Granularity>())
            foreach (var rule in Enum.GetValues<BudgetRule>())
            {
                var budget = new Budget(40, Window, rule, granularity);
                var beta = (40 - Window) + 1.0;   // floor(b' / beta) = 0
                for (var layer = 0; layer < 2; layer++)
                    Assert.Equal(Select(Catalogue.Find("SnapKV").Create(), budget, 2, layer), Select(new Method("HeadKV", new SnapKv(), new HeadKv(Heads, beta)), budget, 2, layer));
            }
    }

    [Fact]
    public void Check_3_a_prompt_of_exactly_the_budget_keeps_the_smaller_of_capacity_and_selectable()
    {
        var budget = new Budget(40, Window, BudgetRule.AsPublished, Granularity.QueryHead);
        var method = new Method("HeadKV", new SnapKv(), new HeadKv(Heads, 1.1));
        var capacities = PromptAllocation.OfModel(method, budget.Rule, BudgetFrame.Of(budget, 2, 2, 4, 100_000));
        for (var layer = 0; layer < 2; layer++)
            Assert.Equal(Enumerable.Range(4 * layer, 4).Select(h => Math.Min(capacities[h], 32) + Window), Select(method, budget, 2, layer, n: 40).Select(k => k.Length));
        Assert.Contains(capacities, c => c > 32);
        Assert.Contains(capacities, c => c < 32);
    }

    [Fact]
    public void Check_4_the_order_of_entries_in_a_head_changes_logits_by_rounding_alone()
    {
        using var folder = ModelFolder.Open(TestFiles.Fixture("models", "llama"));
        using var decoder = folder.LoadDecoder();
        var shape = new CacheShape(decoder.Config.Layers, decoder.Config.KvHeads, decoder.Config.HeadDim);
        using var cache = new RaggedCache(shape);
        decoder.Prefill([.. Enumerable.Range(0, 40)], cache);
        using var permuted = new RaggedCache(shape);
        var order = Enumerable.Range(0, 40).ToArray();
        new Random(3).Shuffle(order);
        for (var layer = 0; layer < shape.Layers; layer++)
            permuted[layer].Append(cache[layer].Keys().index_select(1, tensor(order.Select(j => (long)j).ToArray())), cache[layer].Values().index_select(1, tensor(order.Select(j => (long)j).ToArray())));
        permuted.Advance(40);
        var step = new DecodeStep(decoder);
        var straight = step.Run(7, cache).ToArray();
        var shuffled = step.Run(7, permuted).ToArray();
        Assert.All(straight.Zip(shuffled), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
    }

    [Fact]
    public void Check_6_a_budget_of_the_prompt_generates_what_the_full_cache_does()
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Repository.Path("tests", "fixtures", "golden", "greedy-tiny-models.json")));
        foreach (var model in json.RootElement.EnumerateArray())
        {
            using var files = new TestFiles();
            Llama2cImport.Run(SharedData.At(model.GetProperty("weights").GetString()!), SharedData.FixtureOr(model.GetProperty("tokenizer").GetString()!), files.Folder);
            using var folder = ModelFolder.Open(files.Folder);
            using var decoder = folder.LoadDecoder();
            var (config, step) = (decoder.Config, new DecodeStep(decoder));
            var ids = model.GetProperty("greedyIds").EnumerateArray().Select(id => id.GetInt32()).ToArray();
            int[] prompt = [1, .. ids[..24]];
            var table = new HeadImportance(config.Layers, config.QueryHeads, [.. Enumerable.Range(1, config.Layers * config.QueryHeads).Select(i => (double)i)]);
            float[]? reference = null;
            foreach (var entry in Catalogue.Methods)
            {
                using var scope = NewDisposeScope();
                using var compressor = new Compressor(entry.Create(null, SomeTables.Of(table, config.KvHeads, config.HeadDim)), new Budget(prompt.Length), new CacheShape(config.Layers, config.KvHeads, config.HeadDim), config.QueryHeads);
                var logits = decoder.Prefill(prompt, null, compressor).data<float>().ToArray();
                using var cache = compressor.TakeCache();
                var written = Generation.Run(id => step.Run(id, cache), logits, 12, [], Generation.Greedy);
                Assert.Equal(ids[24..36], written);
                var last = step.Run(5, cache).ToArray();
                Assert.Equal(reference ??= last, last);   // bit for bit
            }
        }
    }

    [Theory]
    [InlineData(32, 64, 5000), InlineData(32, 1024, 2000), InlineData(5, 130, 200), InlineData(80, 2048, 100_000)]
    public void Check_7_the_pyramid_sums_to_uniform_within_its_floor(int layers, int entries, int n)
    {
        var method = Catalogue.Find("PyramidKV").Create();
        var sum = PromptAllocation.OfModel(method, BudgetRule.AsPublished, BudgetFrame.Of(new Budget(entries, Window, BudgetRule.AsPublished), layers, 1, 1, n)).Sum();
        Assert.InRange(Math.Abs(sum - (entries - Window) * layers), 0, (layers - 1) * layers / 2);
    }

    [Fact]
    public void Check_8_a_compensation_token_of_equal_keys_is_full_attention()
    {
        var (keys, values) = (Random(1, N, 3), Random(1, N, 4));
        keys.narrow(1, 10, 70).copy_(keys.narrow(1, 10, 1).clone());   // what will be dropped has one key
        int[][] kept = [[.. Enumerable.Range(0, 10), .. Enumerable.Range(80, 10)]];
        using var full = new RaggedCache(new CacheShape(1, 1, Dim));
        full[0].Append(keys, values);
        using var small = new RaggedCache(new CacheShape(1, 1, Dim));
        small[0].Store(keys, values, kept, CompensationTokenTests.Summaries(new LayerView(0, keys, values, keys, 0.25f), kept));
        var (query, whole, rest) = (MemoryMarshal.Cast<byte, float>(Random(4, 1, 6).bytes).ToArray(), new float[4 * Dim], new float[4 * Dim]);
        full[0].Attend(query, whole, 0.25f);
        small[0].Attend(query, rest, 0.25f);
        Assert.Equal(21, small.Entries);
        Assert.All(whole.Zip(rest), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
    }

    [Fact]
    public void Check_9_Ada_is_uniform_for_equal_rows_and_for_a_floor_of_one_and_always_sums()
    {
        var random = new Random(8);
        var row = Enumerable.Range(0, 82).Select(i => i + random.NextSingle() / 2).ToArray();
        float[] equal = [.. row, .. row, .. row, .. row];
        Assert.Equal([32, 32, 32, 32], new Ada().Competition(new HeadRows<float>(equal, 4, 82), 32));
        for (var trial = 0; trial < 50; trial++)
        {
            var mixed = new float[4 * 82];
            for (var j = 0; j < mixed.Length; j++) mixed[j] = trial % 2 == 0 ? random.NextSingle() : random.Next(4);
            Assert.Equal(4 * 32, new Ada(0.2, trial % 3 == 0).Competition(new HeadRows<float>(mixed, 4, 82), 32).Sum());
            var (wanted, claims) = (new double[4], new double[4]);
            new Ada(1).Allocate(new BudgetFrame(2, 4, N, Window, 32, 320), new HeadRows<float>(mixed, 4, 82), new Allotment(wanted, claims));
            Assert.Equal([32.0, 32, 32, 32], wanted);
        }
    }
}
