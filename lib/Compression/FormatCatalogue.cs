using HeadKvLab.Cache;

namespace HeadKvLab.Compression;

/// <summary>All formats, in the order of tables: the one place that knows which exist.</summary>
public static class FormatCatalogue
{
    /// <summary>A policy without a format: entries are stored as the model computes them.</summary>
    public const string None = "none";

    private static readonly PartCatalogue<EntryFormat> Known = new("format", None, "int4 recent=8", format => format.Name, "rank",
        new PartEntry<EntryFormat>("bf16", "all entries as bfloat16: the reference of formats", [], "-") { Build = _ => new(16), Fidelity = Fidelity.Ours },
        Blocks(8), Blocks(4), Blocks(2),
        new PartEntry<EntryFormat>("think", "sealed keys lack the channels that add least to the last queries' products; a list a head (kvpress' ThinKPress, which writes zeros)", [
            Setting.Number("ratio", 0.4, "0 to below 1, the share of key channels that a head drops", ratio => ratio is >= 0 and < 1),
            Setting.Word("bits", "the bits of sealed values, and of the key channels that stay", ["16", "8", "4", "2"]), Recent], "arXiv 2407.21018")
            { Build = s => new(s.Whole("bits"), s.Whole("recent"), Ratio: s.Number("ratio")), Fidelity = Fidelity.Exact },
        Latent());

    private static Setting Recent => Setting.Whole("recent", EntryFormat.UsualRecent, "1 or more, the latest entries of a head, which stay bfloat16", recent => recent >= 1);

    /// <summary>The formats.</summary>
    public static IReadOnlyList<PartEntry<EntryFormat>> All => Known.All;

    /// <summary>The format of a text such as <c>int4 recent=8</c>, whatever the case of its letters.</summary>
    /// <returns>Null for <see cref="None"/>.</returns>
    /// <exception cref="LabException">There is none, it does not take a setting, or a value is out of range.</exception>
    public static EntryFormat? Parse(string text) => Known.Parse(text);

    /// <summary>A format's name as tables write it, without what is as by default.</summary>
    /// <param name="name">The name with all settings.</param>
    public static string Short(string name) => Known.Short(name);

    private static PartEntry<EntryFormat> Latent() => new("latent", "one vector of so many numbers a token for each group of adjacent layers: keys before RoPE and values, projected", [
        Setting.Whole("rank", 64, "1 or more, the numbers of a vector", rank => rank >= 1),
        Setting.Word("bits", "the bits of each, 32 of which share a scale", ["4", "16", "8", "2"]),
        Setting.Whole("recent", EntryFormat.UsualRecent, "1 or more, the latest tokens, whose keys and values stay", recent => recent >= 1),
        Setting.Word("early-bits", "the bits of layers that no group holds, in blocks", ["16", "8", "4", "2"])], "arXiv 2410.15252")
    {
        Build = s => new(s.Whole("bits"), s.Whole("recent"), 0, s.Whole("early-bits"), Rank: s.Whole("rank")), Fidelity = Fidelity.Reconstructed,
    };

    private static PartEntry<EntryFormat> Blocks(int bits) => new($"int{bits}", $"blocks of 64 entries at {bits} bits: keys share a scale per channel, values per entry", [
        Recent, Setting.Whole("early-layers", 0, "0 or more, the first layers, which have early-bits", layers => layers >= 0),
        Setting.Word("early-bits", "the bits of the early layers", ["16", "8", "4", "2"])], "arXiv 2402.02750")
    {
        Build = s => new(bits, s.Whole("recent"), s.Whole("early-layers"), s.Whole("early-bits")), Fidelity = Fidelity.Reconstructed,
    };
}
