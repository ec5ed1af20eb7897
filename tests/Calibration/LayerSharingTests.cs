using HeadKvLab.Cache;
using HeadKvLab.Calibration;
using HeadKvLab.Compression;
using HeadKvLab.Models;
using HeadKvLab.Profiling.Decode;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Calibration;

/// <summary>KVSharer's search by hand, on the shipped model, and its file.</summary>
public sealed class LayerSharingTests : FolderTests
{
    private static readonly LayerPair[] ByHand = [new(1, 0, 2.5, 1), new(2, 0, 5, 1), new(2, 1, 7.5, 2)];

    private static (LayerMap Map, IReadOnlyList<TriedPair> Tried) Search(int count, Func<LayerMap, double> cosine, Func<int, int, bool>? allowed = null) =>
        LayerSharingSearch.Search(LayerSharingSearch.Ordered(ByHand, SharingOrder.Dissimilar, 0), count, 0.5, allowed ?? ((_, _) => true), cosine);

    /// <summary>
    /// Three layers, one head, one position: K_1 = (3, 4), V_2 = (6, 8), all else 0. Keys of (1, 0) are 5 apart, values 0: 2.5. Values of (2, 0) are 10 apart: 5. (2, 1): 7.5.
    /// Normalised: 5 over the mean of 5 and 0 is 2, of which half counts; two equal layers of length 0 are 0 apart.
    /// </summary>
    [Fact]
    public void Distances_by_hand()
    {
        using var scope = NewDisposeScope();
        Tensor Row(float x, float y) => tensor(new[] { x, y }).view(1, 1, 2);
        var pairs = LayerSharingSearch.Pairs([Row(0, 0), Row(3, 4), Row(0, 0)], [Row(0, 0), Row(0, 0), Row(6, 8)]);
        Assert.Equal(ByHand, pairs);
        Assert.Equal([(2, 1), (2, 0), (1, 0)], LayerSharingSearch.Ordered(pairs, SharingOrder.Dissimilar, 0).Select(p => (p.Layer, p.With)));
        Assert.Equal([(1, 0), (2, 0), (2, 1)], LayerSharingSearch.Ordered(pairs, SharingOrder.Similar, 0).Select(p => (p.Layer, p.With)));
        Assert.Throws<ModelOverflow>(() => LayerSharingSearch.Pairs([Row(0, 0), Row(float.NaN, 0)], [Row(0, 0), Row(1, 0)]));
    }

    /// <summary>Means are over heads and positions: of two heads and two positions one key differs by 5, so 5 / 4 / 2.</summary>
    [Fact]
    public void Distances_are_means_over_heads_and_positions()
    {
        using var scope = NewDisposeScope();
        var keys = zeros(2, 2, 2);
        keys[1, 0, 0] = 3;
        keys[1, 0, 1] = 4;
        Assert.Equal(0.625, LayerSharingSearch.Pairs([zeros(2, 2, 2), keys], [ones(2, 2, 2), ones(2, 2, 2)])[0].Distance, 1e-12);
    }

    [Fact]
    public void Equal_distances_try_smaller_layers_first_and_a_seed_draws_an_order()
    {
        LayerPair[] equal = [.. from i in Enumerable.Range(0, 5) from j in Enumerable.Range(0, i) select new LayerPair(i, j, 1, 1)];
        foreach (var order in (SharingOrder[])[SharingOrder.Dissimilar, SharingOrder.Similar]) Assert.Equal(equal, LayerSharingSearch.Ordered([.. equal.Reverse()], order, 0));
        var drawn = LayerSharingSearch.Ordered(equal, SharingOrder.Random, 3);
        Assert.Equal(drawn, LayerSharingSearch.Ordered([.. equal.Reverse()], SharingOrder.Random, 3));
        Assert.NotEqual(drawn, LayerSharingSearch.Ordered(equal, SharingOrder.Random, 4));
        Assert.Equal(equal.ToHashSet(), drawn.ToHashSet());
    }

    /// <summary>(2, 1) and (1, 0) are accepted, (2, 0) is passed over since layer 2 is shared by then: layer 2 reads layer 0 in the end.</summary>
    [Fact]
    public void Chains_are_resolved_again()
    {
        var (map, tried) = Search(2, _ => 1);
        Assert.Equal([0, 0, 0], map.Roots);
        Assert.Equal([(2, 1, 1, true), (1, 0, 0, true)], tried.Select(t => (t.Pair.Layer, t.Pair.With, t.Root, t.Accepted)));
        Assert.Equal([0, 1, 1], Search(1, _ => 1).Map.Roots);
    }

    /// <summary>(2, 1) fails, which leaves layer 2 free for (2, 0). A cosine of the threshold, or of no number, fails.</summary>
    [Theory]
    [InlineData(0.4), InlineData(0.5), InlineData(double.NaN), InlineData(-1)]
    public void A_pair_that_fails_changes_nothing(double cosine)
    {
        var (map, tried) = Search(1, changed => changed.Root(2) == 1 ? cosine : 0.6);
        Assert.Equal([0, 1, 0], map.Roots);
        Assert.Equal([false, true], tried.Select(t => t.Accepted));
        Assert.Equal((0, 3), (Search(2, _ => cosine).Map.Shared, Search(2, _ => cosine).Tried.Count));
    }

    [Fact]
    public void A_pair_that_is_not_allowed_is_not_tried()
    {
        var (map, tried) = Search(2, _ => 1, (layer, root) => layer != 2);
        Assert.Equal([0, 0], map.Roots);
        Assert.Single(tried);
    }

    [Fact]
    public void On_a_model_texts_are_cut_and_windows_respected()
    {
        ModelConfig config = new() { Architecture = "LlamaForCausalLM", VocabSize = 97, HiddenSize = 64, IntermediateSize = 96, Layers = 4, QueryHeads = 4, KvHeads = 2, HeadDim = 32, MaxPositions = 128, SlidingWindow = 8, SlidingLayers = [false, true, true, false] };
        using var decoder = RandomModel.Create(config);
        int[][] texts = [[.. Enumerable.Range(0, 20)], [.. Enumerable.Range(30, 12)], [.. Enumerable.Range(50, 40)]];
        var sharing = LayerSharingSearch.Run(decoder, texts, 16, 3, -1);
        Assert.Equal((2, 1, 4), (sharing.Texts, sharing.Dropped, sharing.Layers));
        Assert.Equal([0, 1, 1, 0], sharing.Map.Roots);   // two of three: the others have another window
        Assert.All(sharing.Tried, one => Assert.InRange(one.Cosine, -1, 1));
        Assert.Equal(sharing.Tried, LayerSharingSearch.Run(decoder, [texts[0][..16], texts[2][..16]], 16, 3, -1).Tried);
        Assert.Contains("none of the 3 texts has 41 tokens", Assert.Throws<LabException>(() => LayerSharingSearch.Run(decoder, texts, 41, 1)).Message);
        foreach (var count in (int[])[0, 4]) Assert.Contains($"{count} shared layers: give 1 to 3", Assert.Throws<LabException>(() => LayerSharingSearch.Run(decoder, texts, 16, count)).Message);
    }

    /// <summary>The cosine of the pair that is tried first, from two passes; the loss against logits with and without a cache.</summary>
    [Fact]
    public void Cosines_and_losses_are_those_of_the_shared_layers()
    {
        using var scope = NewDisposeScope();
        var decoder = Repository.Model.Decoder;
        int[] text = [.. Enumerable.Range(0, 64).Select(i => i * 37 % 1900)];
        var first = LayerSharingSearch.Run(decoder, [text], 64, 1, -1).Tried[0];
        var map = new LayerMap().With(first.Pair.Layer, first.Root);
        Tensor a = decoder.Hidden(text, null).flatten(), b = decoder.Hidden(text, map).flatten();
        Assert.Equal((a * b).sum().item<float>() / (a.norm().item<float>() * b.norm().item<float>()), first.Cosine, 1e-4);
        using var cache = new RaggedCache(Repository.Model.CacheShape(), map);
        var logits = decoder.Prefill(text, cache, allLogits: true).log_softmax(-1);
        Assert.Equal(Enumerable.Range(1, 63).Average(t => -logits[t - 1, text[t]].item<float>()), LayerSharingSearch.Losses(decoder, [text], map)[0], 1e-3);
        Assert.NotEqual(LayerSharingSearch.Losses(decoder, [text], map)[0], LayerSharingSearch.Losses(decoder, [text], null)[0], 1e-3);
        Assert.Throws<LabException>(() => LayerSharingSearch.Losses(decoder, [[1]], null));
    }

    [Fact]
    public void A_file_is_read_as_written_and_refused_elsewhere()
    {
        var path = Inside("share.json");
        var sharing = new LayerSharing(6, LayerMap.Parse("share(5>1)"), SharingOrder.Random, 3, 0.5, 30, 2, [new(new(4, 0, 1.5, 0.1), 0, 0.25, false), new(new(5, 1, 1.25, 0.125), 1, 0.75, true)]);
        LayerSharingFile.Write(path, sharing, new("abc", "a layer map", "texts", 30, 64, 64, 3, "p"));
        Assert.True(LayerSharingFile.IsOne(path));
        var read = LayerSharingFile.Read(path, 6);
        Assert.Equal(sharing.Tried, read.Tried);
        Assert.Equal(sharing with { Tried = [], Source = path }, read with { Tried = [] });
        Assert.Contains("has 6 layers, the model has 32", Assert.Throws<LabException>(() => LayerSharingFile.Read(path, 32)).Message);
        var config = Repository.Model.Config;
        var tables = CalibrationFolder.Open(path, config, () => "abc");
        Assert.Equal("SnapKV /share(5>1)", CachePolicy.Parse("SnapKV /share", tables).Name);
        Assert.Equal(read.Hash, CalibrationFolder.Open(Folder, config).Get(TableKinds.Sharing).Hash);
        Assert.Contains("was measured on model abc, this model is abd", Assert.Throws<LabException>(() => CachePolicy.Parse("SnapKV /share", CalibrationFolder.Open(path, config, () => "abd"))).Message);
        LayerSharingFile.Write(path, sharing with { Map = new() });
        Assert.Contains("no layer is shared, since no pair was above 0.5", Assert.Throws<LabException>(() => CachePolicy.Parse("SnapKV /share", CalibrationFolder.Open(path, config))).Message);
    }

    [Theory]
    [InlineData("{\"share\": [0, 2, 2]}", "missing required"), InlineData("{\"share\": [0, 2, 2], \"order\": \"similar\", \"seed\": 0, \"threshold\": 0.5, \"texts\": 1, \"dropped\": 0, \"tried\": []}", "layer 1 reads layer 2")]
    [InlineData("{\"share\": 3}", "share"), InlineData("{\"share\": [0], \"order\": \"odd\", \"seed\": 0, \"threshold\": 0.5, \"texts\": 1, \"dropped\": 0, \"tried\": []}", "odd")]
    [InlineData("{\"share\": null, \"order\": \"similar\", \"seed\": 0, \"threshold\": 0.5, \"texts\": 1, \"dropped\": 0, \"tried\": []}", "null")]
    public void A_broken_file_is_told(string text, string words)
    {
        var path = Inside("share.json");
        File.WriteAllText(path, text);
        var message = Assert.Throws<LabException>(() => LayerSharingFile.Read(path)).Message;
        Assert.StartsWith(path, message);
        Assert.Contains(words, message);
        Assert.Contains("lab heads share", message);
    }
}
