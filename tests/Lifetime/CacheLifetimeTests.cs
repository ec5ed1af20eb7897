using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Allocators;
using HeadKvLab.Compression.Scorers;
using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Lifetime;

/// <summary>A cache after its end, while it is collected, and when something fails halfway.</summary>
public sealed class CacheLifetimeTests : IDisposable
{
    private const int Dim = 16;

    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static Tensor Numbers(int heads, int n, int dim = Dim)
    {
        using var generator = new Generator(1);
        return randn([heads, n, dim], generator: generator);
    }

    public static TheoryData<string, Action<RaggedCache, LayerCache>> Uses => new()
    {
        { "append a token", (_, layer) => layer.Append(new float[2 * Dim], new float[2 * Dim]) },
        { "append a prompt", (_, layer) => layer.Append(Numbers(2, 3), Numbers(2, 3)) },
        { "store", (_, layer) => layer.Store(Numbers(2, 3), Numbers(2, 3), new int[][] { [0, 2], [2] }) },
        { "store a head", (_, layer) => layer.Store(1, Numbers(2, 3)[1], Numbers(2, 3)[1], [0, 2]) },
        { "attend", (_, layer) => layer.Attend(new float[2 * Dim], new float[2 * Dim], 1) },
        { "attend in a window", (_, layer) => layer.Attend(new float[2 * Dim], new float[2 * Dim], 1, 2) },
        { "keys", (_, layer) => layer.Keys() },
        { "values", (_, layer) => layer.Values() },
        { "keys of a head", (_, layer) => layer.KeysOf(0) },
        { "read keys", (_, layer) => layer.ReadKeys(0, 0, new float[Dim]) },
        { "marks", (_, layer) => layer.Marks(0, 0).Clear() },
        { "reserve marks", (_, layer) => layer.ReserveMarks(1) },
        { "positions", (_, layer) => Assert.NotEqual(-1, layer.Positions(0).Length) },
        { "counts", (_, layer) => Assert.NotEqual(-1, layer.Counts.Length) },
        { "entries", (cache, _) => Assert.NotEqual(-1, cache.Entries) },
        { "bytes", (cache, _) => Assert.NotEqual(-1, cache.StoredBytes) },
        { "reserve", (cache, _) => cache.Reserve(5) },
        { "clone", (cache, _) => cache.Clone() },
        { "retain", (cache, _) => cache[0].Retain(0, [0]) },
        { "trim", (cache, _) => cache.Trim() },
        { "copy to a device", (cache, _) => new GroupedCache(cache, CPU, ScalarType.Float32, 4) },
    };

    [Theory]
    [MemberData(nameof(Uses))]
    public void Use_after_the_end_is_an_exception(string what, Action<RaggedCache, LayerCache> use)
    {
        var cache = new RaggedCache(new CacheShape(1, 2, Dim));
        cache[0].Append(Numbers(2, 3), Numbers(2, 3));
        cache.Advance(3);
        var layer = cache[0];
        cache.Dispose();
        var error = Assert.Throws<ObjectDisposedException>(() => use(cache, layer));
        Assert.True(error.ObjectName.EndsWith(nameof(RaggedCache), StringComparison.Ordinal), $"{what}: {error.ObjectName}");
        cache.Dispose();
        Assert.Equal(0, cache.ReservedBytes);
    }

    [Fact]
    public void A_disposed_compressor_gives_no_cache_that_works()
    {
        var compressor = new Compressor(new Method("all", new SinksAndRecent(0), new FullCache()), new Budget(8, 1), new CacheShape(1, 2, Dim), 2);
        compressor.Accept(new LayerView(0, Numbers(2, 3), Numbers(2, 3), Numbers(2, 1), 1));
        compressor.Dispose();
        Assert.Throws<ObjectDisposedException>(() => compressor.TakeCache().Entries);
    }

    /// <summary>In a process of its own, since rows that are freed under the kernel end the process: each cache attends once and is never used again.</summary>
    [Fact]
    public void Rows_stay_while_the_last_use_of_a_cache_runs()
    {
        var (code, said) = Child.Start("last-use").End();
        Assert.True(code == 0, $"exit code {code}: {said}");
    }

    internal static int LastUse()
    {
        const int entries = 30_000, dim = 128;
        var (queries, expected, found) = (new float[dim], new float[dim], new float[dim]);
        queries[0] = 1;
        var busy = true;
        var collector = new Thread(() =>
        {
            while (Volatile.Read(ref busy))
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        });
        using var rows = Numbers(1, entries, dim);
        Attend(Filled(rows), queries, expected);
        collector.Start();
        for (var round = 0; round < 60; round++)
        {
            Attend(Filled(rows), queries, found);
            if (!found.AsSpan().SequenceEqual(expected)) throw new LabException($"round {round}: other numbers than before");
        }
        Volatile.Write(ref busy, false);
        collector.Join();
        return 0;
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.AggressiveOptimization)]
    private static void Attend(LayerCache layer, float[] queries, float[] output) => layer.Attend(queries, output, 1);

    private static LayerCache Filled(Tensor rows)
    {
        var cache = new RaggedCache(new CacheShape(1, 1, (int)rows.shape[2]));
        cache[0].Append(rows, rows);
        return cache[0];
    }

    private sealed class Refusing(int layer) : IPromptSink, IStepObserver
    {
        public ScorerNeeds Needs => ScorerNeeds.None;

        public void Accept(in LayerView prompt) => Check(prompt.Layer);

        public void After(int at, ReadOnlySpan<float> queries, StepWeights weights, LayerCache cache) => Check(at);

        private void Check(int at)
        {
            if (at == layer) throw new InvalidOperationException("refused");
        }
    }

    /// <summary>The first layer has appended, the second fails: both are as before, and what follows comes out as if nothing had been tried.</summary>
    [Fact]
    public void A_failed_prefill_and_a_failed_step_leave_the_cache_as_it_was()
    {
        var model = Repository.Model;
        int[] first = [1, 20, 300, 40, 50], second = [60, 70, 80];
        using var cache = new RaggedCache(model.CacheShape());
        model.Engine.Prefill(first, cache);
        using var untouched = cache.Clone();
        Assert.Throws<InvalidOperationException>(() => model.Engine.Prefill(second, cache, new Refusing(1)));
        AssertSame(untouched, cache);
        Assert.Throws<InvalidOperationException>(() => { model.Step.Session(new Refusing(1)).Run(9, cache); });
        AssertSame(untouched, cache);
        Assert.Equal(model.Engine.Prefill(second, untouched), model.Engine.Prefill(second, cache));
        AssertSame(untouched, cache);

        using var empty = new RaggedCache(model.CacheShape());
        Assert.Throws<InvalidOperationException>(() => new Engine(model.Decoder, byTensors: true).Prefill(second, empty, new Refusing(1)));
        Assert.Equal((0, 0), (empty.Entries, empty.LogicalLength));
    }

    private static void AssertSame(RaggedCache expected, RaggedCache found)
    {
        Assert.Equal((expected.LogicalLength, expected.Entries), (found.LogicalLength, found.Entries));
        for (var layer = 0; layer < expected.Shape.Layers; layer++)
            for (var head = 0; head < expected.Shape.KvHeads; head++)
            {
                Assert.Equal(expected[layer].Positions(head).ToArray(), found[layer].Positions(head).ToArray());
                Assert.True(expected[layer].KeysOf(head).equal(found[layer].KeysOf(head)).all().item<bool>());
            }
    }

    /// <summary>The first layer's groups are on the device when the second turns out to be empty.</summary>
    [Fact]
    public void A_copy_to_a_device_that_fails_leaves_no_tensor()
    {
        using var cache = new RaggedCache(new CacheShape(2, 2, Dim));
        cache[0].Append(Numbers(2, 3), Numbers(2, 3));
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Assert.Contains("layer 1", Assert.Throws<InvalidOperationException>(() => new GroupedCache(cache, CPU, ScalarType.Float32, 4)).Message);
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void A_copy_on_a_device_says_when_a_token_was_left_halfway()
    {
        using var cache = new RaggedCache(new CacheShape(1, 2, Dim));
        cache[0].Append(Numbers(2, 3), Numbers(2, 3));
        using var copy = new GroupedCache(cache, CPU, ScalarType.Float32, 4);
        var row = Numbers(2, 1).view(2, Dim);
        copy.Append(0, row, row);
        Assert.Contains("halfway", Assert.Throws<InvalidOperationException>(() => copy.Append(0, row, row)).Message);
    }
}
