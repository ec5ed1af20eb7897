using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Tests.Cache;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression;

/// <summary>Latent vectors in policies, variants and compressors.</summary>
public sealed class LatentPolicyTests
{
    private static readonly LatentTable Table = new(SomeLatents.Basis(), 100);
    private static readonly CalibrationTables Tables = CalibrationTables.None.With(TableKinds.Latents, Table);

    [Theory]
    [InlineData("latent", "latent rank=64 bits=4 recent=32 early-bits=16", "latent rank=64"), InlineData("Latent rank=32 bits=16 recent=1", "latent rank=32 bits=16 recent=1 early-bits=16", "latent rank=32 bits=16 recent=1")]
    [InlineData("latent early-bits=4 rank=1", "latent rank=1 bits=4 recent=32 early-bits=4", "latent rank=1 early-bits=4")]
    public void A_format_is_named_with_all_its_settings_and_shown_with_its_rank(string text, string name, string shown)
    {
        var format = FormatCatalogue.Parse(text)!;
        Assert.Equal((name, shown), (format.Name, FormatCatalogue.Short(name)));
        Assert.Equal((format, format), (FormatCatalogue.Parse(name), FormatCatalogue.Parse(shown)));
        Assert.Equal($"FullKV @{shown}", CachePolicy.Parse($"FullKV @{text}", Tables).Name);
        Assert.Equal(Table.Basis, CachePolicy.Parse($"FullKV @{text}", Tables).Format!.Latents);
    }

    [Theory]
    [InlineData("FullKV @latent rank=0", "rank 0: give 1 or more"), InlineData("FullKV @latent bits=3", "bits 3: give 4 or 16 or 8 or 2"), InlineData("FullKV @latent recent=0", "recent 0: give 1 or more")]
    [InlineData("SnapKV @latent", "heads that drop tokens drop them one by one: write FullKV @latent rank=64"), InlineData("H2O published @latent", "H2O every 1 @latent rank=64: a latent vector holds a token for all heads")]
    [InlineData("FullKV @latent +Quest budget=4", "a recall looks at stored keys"), InlineData("FullKV @latent /share(1>0)", "latent vectors share layers in groups of their own")]
    public void What_does_not_go_together_is_told(string text, string words)
    {
        Assert.Contains(words, Assert.Throws<LabException>(() => CachePolicy.Parse(text, Tables)).Message);
        Assert.Contains(words.Replace("H2O every 1", "H2O published", StringComparison.Ordinal), Assert.Throws<LabException>(() => Variants(text)).Message.Replace("H2O every 1", "H2O published", StringComparison.Ordinal));
    }

    [Fact]
    public void Without_its_table_it_is_refused_by_name()
    {
        Assert.Contains("@latent rank=8 bits=4 recent=32 early-bits=16 needs projections into latent vectors: measure them with `lab heads latent`", Assert.Throws<LabException>(() => CachePolicy.Parse("FullKV @latent rank=8")).Message);
        var unbound = new CachePolicy(Catalogue.Find("FullKV").Create(), Format: FormatCatalogue.Parse("latent"));
        Assert.Contains("projections are missing", Assert.Throws<LabException>(() => new Compressor(unbound, new Budget(16), new CacheShape(3, 2, 32), 4)).Message);
        var other = unbound with { Format = Table.Of(unbound.Format!) };
        Assert.Contains("projections are of another model", Assert.Throws<LabException>(() => new Compressor(other, new Budget(16), new CacheShape(4, 2, 32), 4)).Message);
    }

    private static IReadOnlyList<Variant> Variants(params string[] methods) => new SweepPlan { Suites = ["s"], Methods = methods, KvSizes = [48] }.Checked("test").Variants(Protocol.Standard);

    /// <summary>A row names the table; other tables are other variants.</summary>
    [Fact]
    public void A_variant_names_the_table_it_uses()
    {
        var variant = Assert.Single(Variants("FullKV @latent rank=16", "FullKV"), one => !one.IsFull);
        var other = CalibrationTables.None.With(TableKinds.Latents, new LatentTable(SomeLatents.Basis(6), 100));
        Variant[] both = [.. variant.With([Tables, other])];
        Assert.Equal([Table.Hash, other.Get(TableKinds.Latents).Hash], both.Select(one => one.Tables["latent"]));
        Assert.Equal(other.Get(TableKinds.Latents).Basis, both[1].Create([Tables, other], 0).Format!.Latents);
        Assert.Equal("FullKV @latent rank=16", both[0].Name);
        Assert.Contains("needs projections", Assert.Throws<LabException>(() => variant.With([CalibrationTables.None]).ToArray()).Message);
        Assert.Empty(Variants("FullKV @int4").Single(one => !one.IsFull).With([Tables]).Single().Tables);
    }

    /// <summary>A compressor stores what the cache's own test stores: groups are folded when their last layer arrives.</summary>
    [Fact]
    public void A_compressor_folds_groups_as_they_arrive()
    {
        using var scope = NewDisposeScope();
        using var expected = SomeLatents.Holding(100, SomeLatents.Format(48, 4), ScalarType.BFloat16);
        using var compressor = new Compressor(CachePolicy.Parse("FullKV @latent rank=48 recent=8", Tables), new Budget(100), new CacheShape(3, 2, 32), 4);
        for (var layer = 0; layer < 3; layer++)
            compressor.Accept(new(layer, SomeSealed.Rows(2, 100, 10 + layer), SomeSealed.Rows(2, 100, 20 + layer), empty(4, 0, 32), 0.3f) { Frequencies = SomeLatents.Frequencies });
        using var cache = compressor.TakeCache();
        Assert.Equal((expected.StoredBytes, 100, 92), (cache.StoredBytes, cache.LogicalLength, cache[2].Sealed(1)));
        for (var layer = 0; layer < 3; layer++) Assert.Equal(SomeLatents.Attend(expected, layer), SomeLatents.Attend(cache, layer));
    }
}
