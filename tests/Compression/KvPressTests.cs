using HeadKvLab.Compression;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Runs;

namespace HeadKvLab.Tests.Compression;

/// <summary>kvpress' names and ratios mean here what they mean there.</summary>
public sealed class KvPressTests
{
    [Theory]
    [InlineData("snapkv", "SnapKV"), InlineData("adakv_snapkv", "Ada-SnapKV"), InlineData("expected_attention", "Ada-ExpectedAttention"), InlineData("critical_adakv_snapkv", "Critical-Ada-SnapKV")]
    [InlineData("no_press", "FullKV"), InlineData("KVZIP_PLUS", "KVzip+"), InlineData("qfilter", "Q-Filters"), InlineData("streaming_llm", "StreamingLLM")]
    public void Its_names_are_aliases(string press, string method)
    {
        Assert.Equal(method, Catalogue.Find(press).Name);
        Assert.Equal(method, Catalogue.Parse(press + " @bf16").Entry.Name);
    }

    [Fact]
    public void No_alias_stands_twice_or_is_another_methods_name()
    {
        string[] aliases = [.. Catalogue.Methods.Select(m => m.KvPress).OfType<string>()];
        Assert.Equal(aliases.Length, aliases.Distinct(StringComparer.OrdinalIgnoreCase).Count());
        Assert.All(Catalogue.Methods, m => Assert.Same(m, Catalogue.Find(m.Name)));
        Assert.All(Catalogue.Methods.Where(m => m.KvPress is not null), m => Assert.Same(m, Catalogue.Find(m.KvPress!)));
    }

    /// <summary>Python: int(n * (1 - ratio)). 2000 * (1 - 0.9) is 199.99999999999997 there.</summary>
    [Theory, InlineData(0.9, 2000, 199), InlineData(0.5, 2027, 1013), InlineData(0.75, 2026, 506), InlineData(0, 2000, 2000), InlineData(0.99, 2000, 20)]
    public void A_ratio_is_what_is_removed(double ratio, int tokens, int kept)
    {
        var variant = Assert.Single(new VariantGrid { Methods = ["SnapKV"], CompressionRatios = [ratio] }.Variants(Protocol.Standard));
        Assert.Equal(kept, variant.BudgetFor(tokens).Entries);
        Assert.Equal(FormattableString.Invariant($"ratio {ratio}"), variant.BudgetName);
        Assert.Contains("rounded down", variant.Key, StringComparison.Ordinal);
    }

    [Theory, InlineData(1), InlineData(-0.1), InlineData(double.NaN)]
    public void Other_ratios_are_refused(double ratio) =>
        Assert.Contains("give the share that is removed", Assert.ThrowsAny<LabException>(() => new VariantGrid { Methods = ["SnapKV"], CompressionRatios = [ratio] }.Variants(Protocol.Standard)).Message, StringComparison.Ordinal);
}
