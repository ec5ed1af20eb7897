using System.Runtime.InteropServices;
using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Allocators;
using HeadKvLab.Compression.Scorers;
using HeadKvLab.Calibration;
using HeadKvLab.Models;
using HeadKvLab.Tests.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Cache;

/// <summary>A sliding window counts positions, not entries: what eviction left of them lies further apart than in a full cache.</summary>
public sealed class SlidingWindowTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static float[] Numbers(Tensor t) => MemoryMarshal.Cast<byte, float>(t.contiguous().bytes).ToArray();

    /// <summary>Softmax over the entries at positions later than <c>last - window</c>, one head and one query, by the definition; ln(weight) is added to an entry's logit.</summary>
    private static float[] Reference(IEnumerable<(int Position, float[] Key, float[] Value, double Weight)> entries, float[] query, double scale, int last, int window)
    {
        var seen = entries.Where(e => e.Position > last - window).ToArray();
        var weights = seen.Select(e => e.Weight * Math.Exp(scale * e.Key.Zip(query, (a, b) => (double)a * b).Sum())).ToArray();
        return [.. query.Select((_, i) => (float)(seen.Select((e, j) => weights[j] * e.Value[i]).Sum() / weights.Sum()))];
    }

    [Theory]
    [InlineData(16, ScalarType.Float32), InlineData(6, ScalarType.Float32), InlineData(16, ScalarType.BFloat16)]
    public void Evicted_heads_see_the_positions_inside_the_window(int dim, ScalarType storage)
    {
        const int Prompt = 40, Steps = 30, Window = 12;
        using var generator = new Generator(11);
        // few bits, so that every storage holds them exactly
        Tensor keys = randn([2, Prompt + Steps, dim], generator: generator).mul(8).to(ScalarType.Int64).to(ScalarType.Float32).mul(0.125), values = randn([2, Prompt + Steps, dim], generator: generator).mul(8).to(ScalarType.Int64).to(ScalarType.Float32).mul(0.125);
        float[] k = Numbers(keys), v = Numbers(values);
        float[] Row(float[] all, int head, int position) => all.AsSpan((head * (Prompt + Steps) + position) * dim, dim).ToArray();
        int[][] kept = [[0, 1, 20, 29, 30, 31, 39], [3, 33, 34, 35, 36, 37, 38, 39]];
        using var cache = new RaggedCache(new CacheShape(1, 2, dim, storage));
        cache[0].Store(keys.narrow(1, 0, Prompt), values.narrow(1, 0, Prompt), kept);
        cache.Advance(Prompt);
        for (var t = Prompt; t < Prompt + Steps; t++)
        {
            cache[0].Append([.. Row(k, 0, t), .. Row(k, 1, t)], [.. Row(v, 0, t), .. Row(v, 1, t)]);
            cache.Advance(1);
            float[] queries = [.. Row(k, 0, t - 1), .. Row(v, 0, t - 1), .. Row(k, 1, t - 1), .. Row(v, 1, t - 1)];   // two of each head
            var output = new float[queries.Length];
            cache[0].Attend(queries, output, 0.3f, Window);
            for (var q = 0; q < 4; q++)
            {
                var entries = kept[q / 2].Concat(Enumerable.Range(Prompt, t - Prompt + 1)).Select(p => (p, Row(k, q / 2, p), Row(v, q / 2, p), 1.0));
                var expected = Reference(entries, queries.AsSpan(q * dim, dim).ToArray(), 0.3, t, Window);
                for (var i = 0; i < dim; i++) Assert.Equal(expected[i], output[q * dim + i], 2e-5f);
            }
        }
    }

    /// <summary>A compensation token stands for entries from the beginning on: it counts as often as they were until the window has left the beginning.</summary>
    [Fact]
    public void A_summary_keeps_its_weight_while_the_window_reaches_the_beginning()
    {
        const int Dim = 16;
        using var generator = new Generator(12);
        Tensor keys = randn([1, 12, Dim], generator: generator), values = randn([1, 12, Dim], generator: generator);
        float[] k = Numbers(keys), v = Numbers(values);
        float[] Row(float[] all, int position) => all.AsSpan(position * Dim, Dim).ToArray();
        var summary = new MergedEntry(Row(k, 3), Row(v, 3), 7);
        using var cache = new RaggedCache(new CacheShape(1, 1, Dim));
        cache[0].Store(keys.narrow(1, 0, 10), values.narrow(1, 0, 10), new[] { new[] { 0, 8, 9 } }, [summary]);
        cache.Advance(10);
        cache[0].Append(Row(k, 10), Row(v, 10));
        cache.Advance(1);
        foreach (var (window, with) in new[] { (int.MaxValue, true), (12, true), (11, false), (2, false) })
        {
            var output = new float[Dim];
            cache[0].Attend(Row(k, 11), output, 0.25f, window);
            (int, float[], float[], double)[] entries = [(-1, summary.Key, summary.Value, 7), .. ((int[])[0, 8, 9, 10]).Select(p => (p, Row(k, p), Row(v, p), 1.0))];
            var expected = Reference(with ? entries : entries[1..], Row(k, 11), 0.25, 10, with ? int.MaxValue >> 1 : window);
            for (var i = 0; i < Dim; i++) Assert.Equal(expected[i], output[i], 2e-5f);
        }
    }

    /// <summary>What scorers call attention is the model's: nothing outside a layer's window received any.</summary>
    [Theory]
    [InlineData(5), InlineData(12), InlineData(33), InlineData(39), InlineData(40)]
    public void Scores_count_no_attention_outside_the_window(int window)
    {
        const int N = 40, Rows = 8, Dim = 16;
        using var generator = new Generator(13);
        Tensor keys = randn([2, N, Dim], generator: generator), queries = randn([4, N, Dim], generator: generator);
        float[] k = Numbers(keys), q = Numbers(queries);
        foreach (var (scorer, rows) in new (IScorer, int)[] { (new SnapKv(new Pooling(1)), Rows), (new H2O(), N) })
        {
            var scores = new float[2 * N];
            scorer.Score(new LayerView(0, keys, keys, queries.narrow(1, N - rows, rows), 0.3f, window), Rows, new HeadRows<float>(scores, 2, N));
            var expected = new double[2 * N];
            for (var head = 0; head < 4; head++)
                for (var p = N - rows; p < N; p++)
                {
                    var weights = Enumerable.Range(0, N).Select(j => j > p || j <= p - window ? 0 : Math.Exp(0.3 * Enumerable.Range(0, Dim).Sum(i => (double)q[(head * N + p) * Dim + i] * k[(head / 2 * N + j) * Dim + i]))).ToArray();
                    for (var j = 0; j < N; j++) expected[head / 2 * N + j] += weights[j] / weights.Sum() / rows / 2;
                }
            for (var j = 0; j < 2 * N; j++) Assert.Equal(expected[j], scores[j], 1e-6);
            if (window + rows <= N) Assert.Equal(0, scores[N - rows - window]);   // to the number, so that ties go to the later position
        }
    }

    [Fact]
    public void Recorded_attention_is_none_outside_the_window()
    {
        using var folder = ModelFolder.Open(TestFiles.Fixture("models", "mistral"));
        using var decoder = folder.LoadDecoder(ScalarType.Float32);
        var (config, recorder) = (decoder.Config, new AttentionRecorder(decoder.Config));
        using var cache = new RaggedCache(new CacheShape(config.Layers, config.KvHeads, config.HeadDim));
        var step = new DecodeStep(decoder) { Observer = recorder };
        for (var n = 1; n <= 20; n++)
        {
            step.Run(3 + n * 7 % 60, cache);
            for (var layer = 0; layer < config.Layers; layer++)
                foreach (var row in recorder.Row(layer).ToArray().Chunk(n))
                {
                    Assert.All(row[..Math.Max(0, n - 7)], weight => Assert.Equal(0, weight));
                    Assert.All(row[Math.Max(0, n - 7)..], weight => Assert.True(weight > 0));
                    Assert.Equal(1, row.Sum(), 1e-5);
                }
        }
    }

    /// <summary>
    /// Mistral v0.1 whole: what the window hides from all later tokens may be evicted without a trace, bit for bit; what it shows may not. The sinks,
    /// kept and far outside, must not be seen either.
    /// </summary>
    [Theory]
    [InlineData("mistral", 7), InlineData("mistral-long", 37)]
    public void Evicting_what_the_window_hides_changes_no_logit(string name, int window)
    {
        using var folder = ModelFolder.Open(TestFiles.Fixture("models", name));
        using var decoder = folder.LoadDecoder(ScalarType.Float32);
        Assert.Equal(window, decoder.Config.SlidingWindow);
        int[] ids = [.. Enumerable.Range(0, 3 * window).Select(i => 3 + i * 11 % 60)];
        var full = Decode(null);
        Assert.Equal(full, Decode(window + 3));      // 4 sinks, the last window - 1
        Assert.NotEqual(full, Decode(window + 2));   // one visible position less
        Assert.NotEqual(full, Decode(window / 2 + 4));

        float[] Decode(int? entries)
        {
            var shape = new CacheShape(decoder.Config.Layers, decoder.Config.KvHeads, decoder.Config.HeadDim);
            RaggedCache cache;
            if (entries is null) decoder.Prefill(ids, cache = new RaggedCache(shape)).Dispose();
            else
            {
                using var compressor = new Compressor(new Method("sinks", new SinksAndRecent(4), new Uniform()), new Budget(entries.Value, 1), shape, decoder.Config.QueryHeads);
                decoder.Prefill(ids, null, compressor).Dispose();
                cache = compressor.TakeCache();
                Assert.Equal((long)entries.Value * decoder.Config.Layers * decoder.Config.KvHeads, cache.Entries);
            }
            using var _ = cache;
            var step = new DecodeStep(decoder);
            return [.. Enumerable.Range(0, window + 5).SelectMany(i => step.Run(3 + i * 7 % 60, cache).ToArray())];
        }
    }
}
