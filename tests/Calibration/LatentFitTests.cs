using HeadKvLab.Cache;
using HeadKvLab.Calibration;
using HeadKvLab.Compression;
using HeadKvLab.Models;
using HeadKvLab.Tests.Compression;
using HeadKvLab.World;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Calibration;

/// <summary>Projections into latent vectors: by hand, on the shipped model, and as files.</summary>
[Collection("console")]
public sealed class LatentFitTests : FolderTests
{
    private static readonly LanguageModel Model = Repository.Model;

    private static int[][] Texts(int count) => [.. WorldTexts.Make(WorldSplit.Train, [.. Enumerable.Repeat(200, count)], 0).Select(text => Model.Tokenizer.Encode(text))];

    /// <summary>
    /// By hand: keys and values of one number each, a row is (key, value). (3,1), (5,3), (1,-1), (3,1) have the mean (3,1) and lie on the diagonal: (1,1)/√2 explains everything.
    /// (2,0), (-2,0), (0,1), (0,-1) have variances 2 and 1/2: the first direction is (1,0) and explains 4/5.
    /// </summary>
    [Fact]
    public void Directions_by_hand()
    {
        using var scope = NewDisposeScope();
        var diagonal = LatentFit.Of(0, 1, tensor(new float[] { 3, 1, 5, 3, 1, -1, 3, 1 }).view(4, 2), 2);
        Assert.Equal([3f, 1f], diagonal.Mean);
        Assert.Equal(MathF.Sqrt(0.5f), diagonal.Basis[0], 1e-6f);
        Assert.Equal(MathF.Sqrt(0.5f), diagonal.Basis[1], 1e-6f);
        Assert.Equal(1, diagonal.Explained[0], 1e-9);
        var axes = LatentFit.Of(0, 1, tensor(new float[] { 2, 0, -2, 0, 0, 1, 0, -1 }).view(4, 2), 1);
        Assert.Equal((1, 0.8), (axes.Rank, Math.Round(axes.Explained[0], 9)));
        Assert.Equal(1, axes.Basis[0], 1e-6f);
        var same = LatentFit.Of(0, 1, ones(3, 2), 2);   // no variance: nothing is explained, and the mean is all
        Assert.Equal([0.0, 0.0], same.Explained);
        Assert.Equal([1f, 1f], same.Mean);
    }

    [Fact]
    public void Groups_are_as_asked_for()
    {
        var texts = Texts(2);
        static string Groups(LatentTable table) => string.Join(' ', table.Basis.Groups.Select(group => $"{group.First}+{group.Layers}:{group.Rank}"));
        Assert.Equal("1+2:20 3+2:20 5+1:20", Groups(LatentFit.Run(Model.Decoder, texts, 2, 1, 20)));
        Assert.Equal("0+4:300 4+2:300", Groups(LatentFit.Run(Model.Decoder, texts, 4, 0, 300)));
        Assert.Equal(("5+1:256", 400), (Groups(LatentFit.Run(Model.Decoder, texts, 9, 5, 999)), LatentFit.Run(Model.Decoder, texts, 9, 5, 999).Tokens));
        foreach (var from in (int[])[-1, 6]) Assert.Contains($"from layer {from} on: the model has layers 0 to 5", Assert.Throws<LabException>(() => LatentFit.Run(Model.Decoder, texts, 2, from, 20)).Message);
        Assert.Contains("0 layers at rank 5", Assert.Throws<LabException>(() => LatentFit.Run(Model.Decoder, texts, 0, 1, 5)).Message);
    }

    /// <summary>With all directions the shipped model goes on as with its rows; each text counts by its tokens, in any order, and with any number of threads.</summary>
    [Fact]
    public void All_directions_lose_nothing_of_the_model()
    {
        var texts = Texts(3);
        var table = LatentFit.Run(Model.Decoder, texts, 2, 1, 512);
        Assert.Equal(int.MaxValue, table.Basis.Rank);
        Assert.All(table.Basis.Groups, group => Assert.Equal(1, group.Explained.Sum(), 1e-6));
        var format = new EntryFormat(16, 4, Rank: 512);
        var full = Catalogue.Find("FullKV").Create();
        var losses = ContinuationLoss.Measure(Model, [new(full), new CachePolicy(full, Format: new(16)), new(full, Format: table.Of(format)), new(full, Format: table.Of(format with { Rank = 8 }))], new Budget(200), texts[0], 60);
        Assert.Equal(losses[1], losses[2], 0.01);   // bfloat16 on both sides
        Assert.True(losses[3] > losses[0] + 0.1);
        var turned = LatentFit.Run(Model.Decoder, [texts[2], texts[0], texts[1]], 2, 1, 512);
        Assert.Equal(table.Basis.Groups[0].Explained[5], turned.Basis.Groups[0].Explained[5], 1e-6);
    }

    [Fact]
    public void A_file_is_read_as_written_and_refused_elsewhere()
    {
        var path = Inside("latent.json");
        var table = LatentFit.Run(Model.Decoder, Texts(1), 3, 1, 5);
        LatentFile.Write(path, table, new("abc", "projections", "texts", 30, 64, 64, 3, "p"));
        Assert.True(LatentFile.IsOne(path));
        var read = LatentFile.Read(path, 6, 4);
        Assert.Equal((table.Hash, table.Tokens, path), (read.Hash, read.Tokens, read.Source));
        Assert.Equal(table.Basis.Groups[1].Explained[0], read.Basis.Groups[1].Explained[0], 1e-6);
        Assert.Contains("is of 6 layers of 4 KV heads, the model has 32 of 8", Assert.Throws<LabException>(() => LatentFile.Read(path, 32, 8)).Message);
        var config = Model.Config;
        Assert.Equal("FullKV @latent rank=5 bits=2", CachePolicy.Parse("FullKV @latent rank=5 bits=2", CalibrationFolder.Open(path, config, () => "abc")).Name);
        Assert.Equal(read.Hash, CalibrationFolder.Open(Folder, config).Get(TableKinds.Latents).Hash);
        Assert.NotEqual(read.Hash, LatentFit.Run(Model.Decoder, Texts(1), 3, 1, 4).Hash);
        Assert.Contains("was measured on model abc, this model is abd", Assert.Throws<LabException>(() => CachePolicy.Parse("FullKV @latent rank=5", CalibrationFolder.Open(path, config, () => "abd"))).Message);
        Assert.Contains("give rank=5 or less, or measure more with `lab heads latent --rank 6`", Assert.Throws<LabException>(() => CachePolicy.Parse("FullKV @latent rank=6", CalibrationFolder.Open(path, config))).Message);
    }

    [Fact]
    public void The_command_writes_what_a_policy_reads()
    {
        string[] command = ["heads", "latent", "--model", Model.DirectoryName, "--prompts", "2", "--longest", "300", "--rank", "32", "--share", "3", "--out", Folder];
        var (code, text, error) = CommandTests.Lab(command);
        Assert.True(code == 0, error);
        Assert.Contains("layers 1 to 3: rank 16 explains 0.", text);
        Assert.Contains("layers 4 to 5: rank 16 explains 0.", text);
        Assert.Contains(Inside("latent.json"), error);
        Assert.Equal(Model.Hash, CardFile.Read<ProfileCard>(Inside("latent.json"))!.ModelHash);
        Assert.Equal("FullKV @latent rank=32", CachePolicy.Parse("FullKV @latent rank=32", CalibrationFolder.Open(Folder, Model.Config, () => Model.Hash)).Name);
        Assert.Contains("from layer 6 on: the model has layers 0 to 5", CommandTests.Lab([.. command, "--from", "6"]).Error);
    }

    [Theory]
    [InlineData("{\"latent\": []}", "missing required"), InlineData("{\"latent\": [], \"layers\": 6, \"kvHeads\": 4, \"headDim\": 32, \"tokens\": 9}", "no group of layers"), InlineData("{\"latent\": 3}", "latent")]
    [InlineData("{\"latent\": [{\"first\": 0, \"layers\": 1, \"mean\": \"AAAA\", \"basis\": \"AAAAAA==\", \"explained\": []}], \"layers\": 1, \"kvHeads\": 1, \"headDim\": 2, \"tokens\": 9}", "3 bytes are no float32 numbers")]
    [InlineData("{\"latent\": [{\"first\": 0, \"layers\": 1, \"mean\": \"?\", \"basis\": \"AAAAAA==\", \"explained\": []}], \"layers\": 1, \"kvHeads\": 1, \"headDim\": 2, \"tokens\": 9}", "Base-64")]
    public void A_broken_file_is_told(string text, string words)
    {
        var path = Inside("latent.json");
        File.WriteAllText(path, text);
        var message = Assert.Throws<LabException>(() => LatentFile.Read(path)).Message;
        Assert.StartsWith(path, message);
        Assert.Contains(words, message);
        Assert.Contains("lab heads latent", message);
    }
}
