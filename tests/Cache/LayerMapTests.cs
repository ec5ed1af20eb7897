using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Recalls;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Cache;

/// <summary>Layer maps as texts, and what a cache of shared layers stores, copies and takes back.</summary>
public sealed class LayerMapTests
{
    private static readonly CacheShape Shape = new(6, 2, 4);

    private static RaggedCache Filled(LayerMap? map, int tokens = 10)
    {
        var cache = new RaggedCache(Shape, map);
        for (var layer = 0; layer < Shape.Layers; layer++)
            if (map?.IsShared(layer) != true) cache[layer].Append(full([2, tokens, 4], layer + 1f), full([2, tokens, 4], -layer - 1f));
        cache.Advance(tokens);
        return cache;
    }

    [Theory]
    [InlineData("share(5>1)", new[] { 0, 1, 2, 3, 4, 1 }, "share(5>1)"), InlineData("share(5>1,4>0)", new[] { 0, 1, 2, 3, 0, 1 }, "share(5>1,4>0)")]
    [InlineData("Share( 4>0 , 5>1 )", new[] { 0, 1, 2, 3, 0, 1 }, "share(5>1,4>0)"), InlineData("share(1>0,2>0)", new[] { 0, 0, 0 }, "share(2>0,1>0)")]
    public void A_text_and_its_map(string text, int[] roots, string name)
    {
        var map = LayerMap.Parse(text);
        Assert.Equal(roots, map.Roots);
        Assert.Equal((name, name), (map.Name, map.ToString()));
        Assert.Equal(map, new LayerMap([.. roots, roots.Length, roots.Length + 1]));   // layers that read themselves behind the last shared one make no difference
        Assert.Equal(map.GetHashCode(), LayerMap.Parse(map.Name).GetHashCode());
    }

    [Theory]
    [InlineData("share()", "'' is no pair of layers"), InlineData("share(5)", "'5' is no pair of layers"), InlineData("share(5>1", "write share(LAYER>ROOT,...)"), InlineData("5>1", "write share(LAYER>ROOT,...)")]
    [InlineData("share(5>-1)", "'5>-1' is no pair"), InlineData("share(5>1,5>2)", "layer 5 is named twice"), InlineData("share(3>3)", "'3>3' shares nothing"), InlineData("share(1>5)", "layer 1 reads layer 5: a layer reads itself or an earlier one")]
    [InlineData("share(5>1,1>0)", "layer 5 reads layer 1, which reads layer 0: name the layer that stores, 5>0"), InlineData("share(2000000000>0)", "is no pair of layers"), InlineData("share(99999999999>0)", "is no pair of layers")]
    public void What_is_wrong_is_told(string text, string words) => Assert.Contains(words, Assert.Throws<LabException>(() => LayerMap.Parse(text)).Message);

    [Fact]
    public void Lists_that_are_no_maps_are_refused()
    {
        Assert.Contains("layer 0 reads layer -1", Assert.Throws<LabException>(() => new LayerMap(-1)).Message);
        Assert.Contains("layer 1 reads layer 2", Assert.Throws<LabException>(() => new LayerMap(0, 2, 2)).Message);
        Assert.Contains("layer 2 reads layer 1, which reads layer 0", Assert.Throws<LabException>(() => new LayerMap(0, 0, 1)).Message);
        Assert.Contains("there is no layer 6; the last of 6 is layer 5", Assert.Throws<LabException>(() => new RaggedCache(Shape, LayerMap.Parse("share(6>1)"))).Message);
    }

    /// <summary>Hand check: accept (2, 1), then (1, 0): layer 2 reads layer 0 as well.</summary>
    [Fact]
    public void A_root_that_is_shared_takes_its_readers_along()
    {
        var first = new LayerMap().With(2, 1);
        Assert.Equal([0, 1, 1], first.Roots);
        Assert.Equal([0, 0, 0], first.With(1, 0).Roots);
        Assert.Equal([0, 1, 1, 1], first.With(3, 2).Roots);   // its root, not the shared layer
        Assert.Equal([0, 1, 3], first.Stored(4));
    }

    /// <summary>Entries of 2 heads of dimension 4 in float32 take 64 bytes a token and layer.</summary>
    [Theory]
    [InlineData("share(5>1)", 5), InlineData("share(5>1,4>0)", 4), InlineData("share(1>0,2>0,3>0,4>0,5>0)", 1)]
    public void A_shared_layer_takes_no_bytes(string text, int stored)
    {
        using RaggedCache whole = Filled(null), shared = Filled(LayerMap.Parse(text));
        Assert.Equal((6 * 640, 6 * 20), (whole.StoredBytes, whole.Entries));
        Assert.Equal((stored * 640, stored * 20), (shared.StoredBytes, shared.Entries));
        Assert.Equal(whole.ReservedBytes * stored / 6, shared.ReservedBytes);
        for (var layer = 0; layer < 6; layer++) Assert.Same(shared[LayerMap.Parse(text).Root(layer)], shared[layer]);
    }

    [Fact]
    public void A_map_that_changes_nothing_is_none()
    {
        using var cache = new RaggedCache(Shape, new LayerMap(0, 1, 2));
        Assert.Null(cache.Layers);
        CachePolicy policy = new(Catalogue.Find("FullKV").Create(), Layers: new LayerMap());
        Assert.Equal((null, true, "FullKV"), (policy.Layers, policy.IsReference, policy.Name));
        Assert.Null((CachePolicy.Parse("FullKV /share(1>0)") with { Layers = new LayerMap(0, 1) }).Layers);
    }

    /// <summary>Copied once, so that what is appended through one layer is there for the other, and not in the source; taken back once.</summary>
    [Fact]
    public void Shared_entries_are_copied_and_taken_back_once()
    {
        using var cache = Filled(LayerMap.Parse("share(5>1)"));
        using var copy = cache.Clone();
        Assert.Same(copy[1], copy[5]);
        Assert.NotSame(cache[1], copy[1]);
        Assert.Equal((cache.StoredBytes, cache.Layers), (copy.StoredBytes, copy.Layers));
        float[] row = [1, 2, 3, 4, 5, 6, 7, 8];
        foreach (var layer in (int[])[0, 1, 2, 3, 4]) copy[layer].Append(row, row);
        copy.Advance(1);
        Assert.Equal((11, 10), (copy[5].Counts[0], cache[5].Counts[0]));
        copy.Truncate(10);
        Assert.Equal((10, 10), (copy[5].Counts[1], copy.LogicalLength));
        copy.Truncate(7);
        Assert.Equal((7, 7 * 5 * 64L), (copy[1].Counts[0], copy.StoredBytes));
        Assert.Equal(2f, copy[5].Keys()[1, 6, 3].item<float>());
    }

    [Fact]
    public void Entries_are_sealed_once()
    {
        using var cache = new RaggedCache(Shape with { Storage = ScalarType.BFloat16 }, LayerMap.Parse("share(5>1)"));
        foreach (var layer in (int[])[0, 1, 2, 3, 4]) cache[layer].Append(randn(2, 40, 4), randn(2, 40, 4));
        cache.Advance(40);
        var format = new EntryFormat(4, Recent: 8);
        cache.Seal(format);
        Assert.Equal(5 * 2 * format.BytesFor(0, 40, 4), cache.StoredBytes);
    }

    [Fact]
    public void What_belongs_to_one_layer_is_refused()
    {
        using var cache = Filled(LayerMap.Parse("share(5>1)"));
        Assert.Contains("share(5>1): entries that several layers read are not recalled", Assert.Throws<InvalidOperationException>(() => cache.Recall = new ExactTop(4, 0)).Message);
        Assert.Contains("share(5>1): layers share entries on the CPU only", Assert.Throws<LabException>(() => new GroupedCache(cache, CPU, ScalarType.Float32, 1)).Message);
        (cache.Recall, cache.Retention) = (null, null);
    }

    [Theory]
    [InlineData("SnapKV every 8 /share(5>1)", "are not dropped again while generating"), InlineData("FullKV +Quest budget=64 /share(5>1)", "what a recall learns"), InlineData("SnapKV @int4 early-layers=2 /share(5>1)", "leave early-layers or the layer map out")]
    [InlineData("SnapKV /share(1>5)", "layer 1 reads layer 5"), InlineData("SnapKV /share", "/share needs a layer map: search it with `lab heads share`"), InlineData("SnapKV /tie(5>1)", "write share(LAYER>ROOT,...)"), InlineData("SnapKV /share(5>1) @int4", "layer map 'share(5>1) @int4': write share(LAYER>ROOT,...)")]
    public void Policies_that_do_not_go_together_are_refused(string text, string words) =>
        Assert.Contains(words, Assert.Throws<LabException>(() => CachePolicy.Parse(text)).Message);

    [Fact]
    public void A_policy_names_its_map_last()
    {
        var policy = CachePolicy.Parse("snapkv kernel=5 @int4 /share(4>0, 5>1)");
        Assert.Equal((LayerMap.Parse("share(5>1,4>0)"), "SnapKV @int4 /share(5>1,4>0)", false), (policy.Layers, policy.Name, policy.IsReference));
        Assert.False(CachePolicy.Parse("FullKV /share(5>1)").IsReference);
    }
}
