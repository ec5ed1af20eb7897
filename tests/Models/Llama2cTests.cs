using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Models;

public sealed class Llama2cTests : IDisposable
{
    private readonly TestFiles files = new();
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose()
    {
        scope.Dispose();
        files.Dispose();
    }

    /// <summary>A checkpoint whose floats count up: dim 8, hidden 6, 2 layers, 2 heads of 4, 1 KV head, 5 tokens, 3 positions.</summary>
    private string Counting(int vocabulary = 5, int missing = 0, params (int Field, int Value)[] changes)
    {
        int[] header = [8, 6, 2, 2, 1, vocabulary, 3];
        foreach (var (field, value) in changes) header[field] = value;
        var floats = 40 + 2 * (8 + 64 + 32 + 32 + 64 + 8 + 48 * 3) + 8 + 2 * 6 + (vocabulary < 0 ? 40 : 0) - missing;
        var bytes = new byte[28 + 4 * floats];
        for (var i = 0; i < 7; i++) BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4 * i), header[i]);
        for (var i = 0; i < floats; i++) BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(28 + 4 * i), i);
        return files.Write("model.bin", bytes);
    }

    /// <summary>
    /// Wq starts at float 40 + 16 = 56, 64 floats a layer, 8 columns. Head 0 has old rows 0 1 2 3; half-split order is 0 2 1 3.
    /// Head 1 likewise 4 6 5 7. Wv is not permuted: it starts at 56 + 128 + 64 = 248, 32 floats a layer.
    /// </summary>
    [Fact]
    public void PermutesQueryAndKeyRowsOnly()
    {
        using var file = Llama2cFile.Open(Counting());
        Assert.Equal([56f, 72, 64, 80, 88, 104, 96, 112], FirstColumn("model.layers.0.self_attn.q_proj.weight"));
        Assert.Equal([120f, 136, 128, 144, 152, 168, 160, 176], FirstColumn("model.layers.1.self_attn.q_proj.weight"));
        Assert.Equal([184f, 200, 192, 208], FirstColumn("model.layers.0.self_attn.k_proj.weight"));
        Assert.Equal([248f, 256, 264, 272], FirstColumn("model.layers.0.self_attn.v_proj.weight"));
        Assert.Equal([0f, 8, 16, 24, 32], FirstColumn(ModelTensors.Embedding));
        Assert.True(file.Config is { TieEmbeddings: true, KvHeads: 1, HeadDim: 4, MaxPositions: 3, BosId: 1 });

        float[] FirstColumn(string name) => file.Load(name).select(1, 0).contiguous().data<float>().ToArray();
    }

    [Fact]
    public void NegativeVocabularyMeansAnOutputMatrix()
    {
        using var file = Llama2cFile.Open(Counting(-5));
        Assert.False(file.Config.TieEmbeddings);
        Assert.Equal([5, 8], file.Load(ModelTensors.Output).shape);
        Assert.NotEqual(0f, file.Load(ModelTensors.Output)[0, 0].ToSingle());
    }

    [Fact]
    public void WritesWhatItReads()
    {
        var original = Counting(-5);
        using (var file = Llama2cFile.Open(original))
            Llama2cWriter.Write(files.Path("again.bin"), file.Config, file.Load);
        var (a, b) = (File.ReadAllBytes(original), File.ReadAllBytes(files.Path("again.bin")));
        Assert.Equal(a.Length, b.Length);
        var rope = 28 + 4 * (40 + 2 * (8 + 64 + 32 + 32 + 64 + 8 + 48 * 3) + 8);
        Assert.True(a.AsSpan(0, rope).SequenceEqual(b.AsSpan(0, rope)), "weights before the rope tables");
        Assert.True(a.AsSpan(rope + 48).SequenceEqual(b.AsSpan(rope + 48)), "output matrix");
        Assert.Equal(MathF.Sin(2 * 0.01f), BinaryPrimitives.ReadSingleLittleEndian(b.AsSpan(rope + 24 + 20)), 1e-7f); // sin, position 2, pair 1
    }

    [Fact]
    public void RefusesOtherFiles()
    {
        Assert.Contains("28 bytes", Refusal(files.Write("short.bin", new byte[27])));
        Assert.Contains("dim = 0", Refusal(files.Write("zero.bin", new byte[100])));
        Assert.Contains("the file has", Refusal(Counting(missing: 1)));
        Assert.Contains("layers = 1000000000", Refusal(Counting(5, 0, (2, 1_000_000_000))));
        Assert.Contains("kvHeads = 3", Refusal(Counting(5, 0, (4, 3))));
        Assert.Contains("cannot be opened", Refusal(files.Path("absent.bin")));

        static string Refusal(string path) => Assert.Throws<LabException>(() => Llama2cFile.Open(path).Dispose()).Message;
    }

    private string Tokenizer(params string[] pieces)
    {
        using var stream = new MemoryStream();
        stream.Write(BitConverter.GetBytes(8));
        var all = new[] { "<unk>", "\n<s>\n", "\n</s>\n" }.Concat(Enumerable.Range(0, 256).Select(b => $"<0x{b:X2}>")).Concat(pieces).ToArray();
        for (var id = 0; id < all.Length; id++)
        {
            var bytes = Encoding.UTF8.GetBytes(all[id]);
            stream.Write(BitConverter.GetBytes(id < 259 ? 0f : -(id - 259f)));
            stream.Write(BitConverter.GetBytes(bytes.Length));
            stream.Write(bytes);
        }
        return files.Write("tokenizer.bin", stream.ToArray());
    }

    /// <summary>Pieces by score: "ab", " ab", "abc", then single characters. "abc" splits as ab+c and a+bc; bc is no piece. " ab" splits as " "+"ab".</summary>
    [Fact]
    public void TokenizerBecomesMerges()
    {
        Llama2cTokenizer.Read(Tokenizer("ab", " ab", "abc", " ", "a", "b", "c"), 266).Save(files.Folder);
        using var json = JsonDocument.Parse(File.ReadAllBytes(files.Path("tokenizer.json")));
        var model = json.RootElement.GetProperty("model");
        Assert.Equal(["a b", "▁ ab", "ab c"], model.GetProperty("merges").EnumerateArray().Select(m => m.GetString()));
        Assert.Equal(260, model.GetProperty("vocab").GetProperty("▁ab").GetInt32());
        Assert.Equal(1, json.RootElement.GetProperty("added_tokens")[1].GetProperty("id").GetInt32());
    }

    [Fact]
    public void RefusesOtherTokenizers()
    {
        var good = File.ReadAllBytes(Tokenizer("a", "b"));
        Assert.Contains("more tokens than the checkpoint", Refusal(good, 260));
        Assert.Contains("ends within token 261", Refusal(good, 262));
        Assert.Contains("no room", Refusal(good, 200));
        Assert.Contains("claims", Refusal(good[..^1], 261));
        Assert.Contains("not valid UTF-8", Refusal([.. good[..^1], 0xff], 261));
        Assert.Contains("the same text", Refusal([.. good[..^1], (byte)'a'], 261));

        string Refusal(byte[] bytes, int vocabulary) => Assert.Throws<LabException>(() => Llama2cTokenizer.Read(files.Write("t.bin", bytes), vocabulary)).Message;
    }
}
