using System.Buffers.Binary;
using System.Text;
using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Settlements;
using HeadKvLab.Tests.Compression;
using HeadKvLab.Kernels;
using HeadKvLab.Models;
using HeadKvLab.Tests.Models;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Lifetime;

/// <summary>Tensors beyond the 2 GiB that TorchSharp shows at once. Each case is a process of its own: what it maps, touched or not, shall not count as the tests' memory.</summary>
public sealed class LargeTensorTests
{
    [Theory]
    [InlineData("layers"), InlineData("compensation"), InlineData("embedding")]
    public void Everything_works_beyond_2_GiB(string what)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "memory that is never touched and files with holes cost nothing on Linux");
        var (code, said) = Child.Start("large", what).End();
        Assert.True(code == 0, said);
    }

    /// <summary>The child's part.</summary>
    internal static int Run(string what)
    {
        using var scope = NewDisposeScope();
        if (what == "layers") Layers();
        else if (what == "compensation") Compensation();
        else Embedding();
        return 0;
    }

    /// <summary>Memory that is never touched costs nothing: only the rows used here do.</summary>
    private static void Layers()
    {
        const int dim = 1024, room = 300_000;
        using var cache = new RaggedCache(new CacheShape(1, 2, dim));
        cache.Reserve(room);
        float[] Row(float value) => [.. Enumerable.Repeat(value, dim)];
        cache[0].Append([.. Row(1), .. Row(2)], [.. Row(3), .. Row(4)]);
        cache.Advance(1);
        Assert.True(cache.ReservedBytes > 2L * 2 * room * dim);
        var output = new float[2 * dim];
        cache[0].Attend(new float[2 * dim], output, 1);
        Assert.Equal([.. Row(3), .. Row(4)], output);

        var (keys, values) = (empty(2, room, dim), empty(2, room, dim));
        foreach (var (head, position, value) in new[] { (0, 0, 5f), (0, room - 1, 7f), (1, 1, 1f), (1, room - 1, 2f) }) values[head][position].fill_(value);
        foreach (var (head, position) in new[] { (0, 0), (0, room - 1), (1, 1), (1, room - 1) }) keys[head][position].fill_(0);
        using var kept = new RaggedCache(new CacheShape(1, 2, dim));
        kept[0].Store(keys, values, new int[][] { [0, room - 1], [1, room - 1] });
        kept[0].Attend(new float[2 * dim], output, 1);
        Assert.Equal([.. Row(6), .. Row(1.5f)], output);
        kept[0].Store(1, keys[1], values[1], [room - 1]);
        kept[0].Attend(new float[2 * dim], output, 1);
        Assert.Equal([.. Row(6), .. Row(2)], output);
    }

    /// <summary>The second head begins beyond 2^31 bytes.</summary>
    private static void Compensation()
    {
        const int dim = 64, n = 4_700_000;
        var keys = empty(2, n, dim); // fresh memory of this size is zeros
        keys[1][n - 2].fill_(n);
        var summaries = CompensationTokenTests.Summaries(new LayerView(0, keys, keys, keys.narrow(1, 0, 1), 1), [[n - 1], [n - 1]]);
        Assert.Equal((n - 1, n - 1), (summaries[0].Dropped, summaries[1].Dropped));
        Assert.All(summaries[0].Key, mean => Assert.Equal(0, mean));
        Assert.All(summaries[1].Value, mean => Assert.Equal(n / (n - 1f), mean, 1e-6f));
    }

    /// <summary>
    /// The embedding of Qwen2.5-7B, [152064, 3584] in float32, is 2.18 GB. A mapped file of holes has the like: the prompt's last row and the decoder's
    /// last logit lie beyond 2^31 bytes.
    /// </summary>
    private static void Embedding()
    {
        const int vocabulary = 152_064, hidden = 3584;
        using var files = new TestFiles();
        var config = new ModelConfig
        {
            Architecture = "LlamaForCausalLM", VocabSize = vocabulary, HiddenSize = hidden, IntermediateSize = 16, Layers = 1, QueryHeads = 2, KvHeads = 1, HeadDim = 16,
            NormEpsilon = 1e-6, RopeTheta = 10_000, MaxPositions = 64, TieEmbeddings = true, StorageType = NumberFormat.Float32,
        };
        config.Save(files.Folder);
        WriteHoles(files.Path("model.safetensors"), config, ("model.norm.weight", 0, 1), (ModelTensors.Embedding, vocabulary - 1, 0.5f), (ModelTensors.Embedding, 1, -0.25f));
        using var folder = ModelFolder.Open(files.Folder);
        using var decoder = folder.LoadDecoder(ScalarType.Float32);
        using var step = new DecodeStep(decoder, DecodePrecision.AsLoaded);
        using var cache = new RaggedCache(new CacheShape(1, 1, 16));
        var logits = step.Run(vocabulary - 1, cache);           // all layers give 0: the norm turns the row into ones
        Assert.Equal(hidden * 0.5f, logits[vocabulary - 1], 1e-3f * hidden);
        Assert.Equal(hidden * -0.25f, logits[1], 1e-3f * hidden);
        Assert.Equal(0, logits[vocabulary - 2]);
        using var prefilled = decoder.Prefill([1, vocabulary - 1]);
        Assert.Equal(hidden * 0.5f, prefilled[0][vocabulary - 1].item<float>(), 1e-3f * hidden);
    }

    /// <summary>A safetensors file of zeros that take no place, but for some rows of one value.</summary>
    private static void WriteHoles(string path, ModelConfig config, params (string Name, int Row, float Value)[] rows)
    {
        long end = 0;
        var places = new Dictionary<string, (long Begin, long Row)>();
        var header = new StringBuilder("{");
        foreach (var (name, shape) in ModelTensors.Of(config))
        {
            var bytes = 4 * shape.Aggregate(1L, (a, b) => a * b);
            places.Add(name, (end, shape[^1]));
            header.Append(FormattableString.Invariant($"{(end == 0 ? "" : ",")}\"{name}\":{{\"dtype\":\"F32\",\"shape\":[{string.Join(',', shape)}],\"data_offsets\":[{end},{end += bytes}]}}"));
        }
        var json = Encoding.UTF8.GetBytes(header.Append('}').ToString().PadRight((header.Length + 8) / 8 * 8));
        using var file = File.Create(path);
        var prefix = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(prefix, json.Length);
        file.Write(prefix);
        file.Write(json);
        file.SetLength(8 + json.Length + end);
        foreach (var (name, row, value) in rows)
        {
            file.Position = 8 + json.Length + places[name].Begin + 4 * row * places[name].Row;
            for (var i = 0; i < places[name].Row; i++) file.Write(BitConverter.GetBytes(value));
        }
    }
}
