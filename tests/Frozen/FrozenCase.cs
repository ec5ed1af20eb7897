using HeadKvLab.Compression;
using HeadKvLab.Evaluation.Runs;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Frozen;

/// <summary>A method under a rule, a granularity and a number type: what the frozen files have lines for.</summary>
internal sealed record FrozenCase(CatalogueEntry Entry, BudgetRule Rule, Granularity Owners, ScalarType Type)
{
    /// <summary>All of them, for the number types that are named.</summary>
    internal static IEnumerable<FrozenCase> All(params ScalarType[] types) =>
        from type in types
        from entry in Catalogue.Methods
        from rule in Enum.GetValues<BudgetRule>()
        from owners in Enum.GetValues<Granularity>()
        select new FrozenCase(entry, rule, owners, type);

    internal Budget Budget => new(48, Rule: Rule, Granularity: Owners);

    /// <summary>The case as rows name it.</summary>
    internal Variant VariantWith(CalibrationTables scores) => Entry.Name == Variant.Full.Method ? Variant.Full
        : new() { Method = Entry.Name, KvSize = Budget.Entries, Rule = Names<BudgetRule>.Of(Rule), Granularity = Names<Granularity>.Of(Owners), Settings = Entry.Resolve(), Tables = Entry.TablesOf(scores) };

    public override string ToString() => $"{Entry.Name} {Names<BudgetRule>.Of(Rule)} {Names<Granularity>.Of(Owners)} {Type.ToString().ToLowerInvariant()}";
}
