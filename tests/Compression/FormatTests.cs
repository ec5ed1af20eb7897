using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Runs;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression;

/// <summary>Formats in policies, variants and budgets.</summary>
public sealed class FormatTests : IDisposable
{
    private const int Layers = 3, KvHeads = 2, QueryHeads = 4, Dim = 16, N = 500, Window = 8;
    private static readonly CalibrationTables Importances = SomeTables.Of(new HeadImportance(Layers, QueryHeads, [9, 0, 1, 2, 0.1, 0.1, 5, 0, 0, 0.3, 0.2, 1]), KvHeads);

    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static RaggedCache Compress(string policy, Budget budget)
    {
        using var compressor = new Compressor(CachePolicy.Parse(policy, Importances), budget, new CacheShape(Layers, KvHeads, Dim), QueryHeads);
        for (var layer = 0; layer < Layers; layer++)
            compressor.Accept(new(layer, RandomTensors.Make(KvHeads, N, Dim, 10 + layer), RandomTensors.Make(KvHeads, N, Dim, 20 + layer), RandomTensors.Make(QueryHeads, N, Dim, 30 + layer), 0.25f, Kinds: SomeKinds.Of(N)));
        return compressor.TakeCache();
    }

    [Theory]
    [InlineData("int4", "int4 recent=32 early-layers=0 early-bits=16", "int4"), InlineData("INT4 recent=8", "int4 recent=8 early-layers=0 early-bits=16", "int4 recent=8")]
    [InlineData("int2 early-bits=8 early-layers=2", "int2 recent=32 early-layers=2 early-bits=8", "int2 early-layers=2 early-bits=8"), InlineData("bf16", "bf16", "bf16")]
    [InlineData("think", "think ratio=0.4 bits=16 recent=32", "think"), InlineData("Think bits=4 ratio=.25", "think ratio=0.25 bits=4 recent=32", "think ratio=0.25 bits=4")]
    public void A_format_is_named_with_all_its_settings_and_shown_with_those_that_differ(string text, string name, string shown)
    {
        var format = FormatCatalogue.Parse(text)!;
        Assert.Equal((name, shown), (format.Name, FormatCatalogue.Short(name)));
        Assert.Equal((format, format), (FormatCatalogue.Parse(name), FormatCatalogue.Parse(shown)));
    }

    [Fact]
    public void A_policy_names_its_format_before_its_recall()
    {
        var policy = CachePolicy.Parse("SnapKV kernel=5 every 64 @bf16 +Quest budget=32");
        Assert.Equal("SnapKV every 64 @bf16 +Quest budget=32", policy.Name);
        Assert.Equal(new EntryFormat(4), CachePolicy.Parse("HeadKV-R2 @int4", Importances).Format);
        Assert.False(CachePolicy.Parse("FullKV @bf16").IsReference);
        Assert.Null(CachePolicy.Parse("FullKV @none").Format);
    }

    [Theory]
    [InlineData("SnapKV @int3", "format 'int3' is unknown: use one of bf16, int8, int4, int2, think, latent, or none"), InlineData("SnapKV @int4 recent=0", "recent 0: give 1 or more"), InlineData("SnapKV @bf16 recent=4", "bf16 takes no setting 'recent'; it takes none")]
    [InlineData("SnapKV @int4 early-bits=3", "early-bits 3"), InlineData("SnapKV @int4 every 3", "'every' is no setting"), InlineData("SnapKV every 3 @int4", "SnapKV every 3 @int4: sealed entries are not dropped again while generating")]
    [InlineData("SnapKV @think ratio=1", "ratio 1: give 0 to below 1"), InlineData("SnapKV @think early-layers=1", "think takes no setting 'early-layers'; it takes ratio, bits, recent"), InlineData("SnapKV every 3 @think", "SnapKV every 3 @think: sealed entries are not dropped again while generating")]
    [InlineData("SnapKV +Quest @int4", "'@int4' is no setting")]
    public void What_is_wrong_is_told(string text, string words) => Assert.Contains(words, Assert.Throws<LabException>(() => CachePolicy.Parse(text)).Message);

    /// <summary>Equal bytes: never more than the budget's entries as bfloat16, and within a block of it; the entries are more, the fewer the bits.</summary>
    [Theory]
    [InlineData("SnapKV"), InlineData("HeadKV-R2"), InlineData("Ada-SnapKV"), InlineData("PyramidKV"), InlineData("StreamingLLM"), InlineData("H2O"), InlineData("RazorAttention")]
    public void Equal_bytes_are_what_the_entries_take_as_bfloat16(string method)
    {
        foreach (var granularity in Enum.GetValues<Granularity>())
            foreach (var size in (int[])[40, 64, 100])
            {
                var (budget, most, before) = (new Budget(size, Window, BudgetRule.EqualBytes, granularity), (long)size * Layers * KvHeads * 4 * Dim, 0L);
                foreach (var format in (string[])["bf16", "int8", "int4", "int4 recent=8", "int2 recent=1"])
                {
                    using var cache = Compress($"{method} @{format}", budget);
                    Assert.InRange(cache.StoredBytes, most - 600L * Layers, most);   // a short block of 8 entries takes 208 to 400 bytes, and 7 open ones 448
                    if (granularity == Granularity.KvHead && !format.Contains("recent=8", StringComparison.Ordinal)) Assert.True(cache.Entries >= before, $"{format}: {cache.Entries} entries after {before}");
                    if (granularity == Granularity.KvHead && !format.Contains("recent=8", StringComparison.Ordinal)) before = cache.Entries;
                }
            }
    }

    /// <summary>Under equal entries a format changes bytes and nothing else.</summary>
    [Fact]
    public void Equal_entries_are_the_same_entries()
    {
        foreach (var method in (string[])["SnapKV", "HeadKV-R2", "KV-Compress"])
        {
            using RaggedCache plain = Compress(method, new Budget(100)), four = Compress($"{method} @int4", new Budget(100));
            for (var layer = 0; layer < Layers; layer++)
                for (var head = 0; head < KvHeads; head++) Assert.Equal(plain[layer].Positions(head).ToArray(), four[layer].Positions(head).ToArray());
            Assert.Equal(Enumerable.Range(0, Layers).Sum(layer => Enumerable.Range(0, KvHeads).Sum(head => new EntryFormat(4).BytesFor(layer, four[layer].Counts[head], Dim))), four.StoredBytes);
        }
    }

    /// <summary>Only one layer is ever whole: after each of three, what is held is the codes of those that have arrived. Where heads compete all are whole until the last.</summary>
    [Theory]
    [InlineData("FullKV", true), InlineData("SnapKV", true), InlineData("KV-Compress", false)]
    public void Layers_are_sealed_as_they_arrive(string method, bool atOnce)
    {
        using var compressor = new Compressor(CachePolicy.Parse($"{method} @int4 recent=8"), new Budget(400, Window), new CacheShape(Layers, KvHeads, Dim), QueryHeads);
        var entries = method == "FullKV" ? N : 400;
        for (var layer = 0; layer < Layers; layer++)
        {
            compressor.Accept(new(layer, RandomTensors.Make(KvHeads, N, Dim, 10 + layer), RandomTensors.Make(KvHeads, N, Dim, 20 + layer), RandomTensors.Make(QueryHeads, N, Dim, 30 + layer), 0.25f, Kinds: SomeKinds.Of(N)));
            long rows = (layer + 1) * KvHeads * entries * 4L * Dim, codes = (layer + 1) * KvHeads * new EntryFormat(4, 8).BytesFor(layer, entries, Dim);
            if (atOnce) Assert.InRange(compressor.ReservedBytes, codes, codes + (layer + 1) * KvHeads * 128);
            else Assert.InRange(compressor.ReservedBytes, rows, 2 * rows);
        }
        using var cache = compressor.TakeCache();
        if (atOnce) Assert.Equal(Layers * KvHeads * new EntryFormat(4, 8).BytesFor(0, entries, Dim), cache.StoredBytes);
        Assert.True(cache.ReservedBytes < 0.5 * Layers * KvHeads * entries * 4 * Dim);
    }

    [Fact]
    public void A_value_that_overflows_fails_by_name()
    {
        using var compressor = new Compressor(CachePolicy.Parse("FullKV @int8"), new Budget(400, Window), new CacheShape(1, KvHeads, Dim), QueryHeads);
        var values = RandomTensors.Make(KvHeads, N, Dim, 20);
        values[1, 3, 2] = float.PositiveInfinity;
        Assert.Contains("layer 0, head 1", Assert.Throws<ModelOverflow>(() => compressor.Accept(new(0, RandomTensors.Make(KvHeads, N, Dim, 10), values, RandomTensors.Make(QueryHeads, N, Dim, 30), 0.25f))).Message);
    }

    [Theory]
    [InlineData("int4"), InlineData("think")]
    public void Heads_that_compete_cannot_do_so_for_bytes(string format) =>
        Assert.Contains($"KV-Compress: the heads of the model compete for entries, and equal-bytes with {format}", Assert.Throws<LabException>(() => Compress($"KV-Compress @{format}", new Budget(100, Rule: BudgetRule.EqualBytes))).Message);

    [Fact]
    public void Formats_are_multiplied_into_a_grid()
    {
        var plan = new SweepPlan { Suites = ["s"], Methods = ["FullKV", "SnapKV", "H2O @int2"], KvSizes = [64], Formats = ["none", "int4"] }.Checked("test");
        var variants = plan.Variants(Protocol.Standard);
        Assert.Equal(["FullKV", "FullKV @int4", "SnapKV", "SnapKV @int4", "H2O @int2"], variants.Select(v => v.Name).Order(StringComparer.Ordinal).OrderBy(n => n.StartsWith('H')).ThenBy(n => n, StringComparer.Ordinal));
        Assert.Single(variants, v => v.IsFull);
        Assert.Contains(" @[int4 recent=32 early-layers=0 early-bits=16] ", variants.Single(v => v.Name == "SnapKV @int4").Key);
        Assert.Equal(new EntryFormat(4), variants.Single(v => v.Name == "FullKV @int4").Create([CalibrationTables.None], 0).Format);
        var wrong = Assert.ThrowsAny<LabException>(() => new SweepPlan { Suites = ["s"], Methods = ["SnapKV", "KV-Compress"], KvSizes = [64], Rules = ["equal-bytes"], Schedules = ["every 4", "never"], Formats = ["int8"] }.Checked("test").Variants(Protocol.Standard));
        Assert.Contains("SnapKV every 4 @int8: sealed entries", wrong.Message);
        Assert.Contains("KV-Compress: the heads of the model compete", wrong.Message);
    }
}
