using HeadKvLab.Compression;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>The tables of a results folder, by name: the hash of each with the file it was read from.</summary>
internal static class FolderTables
{
    /// <summary>The tables that the variants of a run use.</summary>
    internal static SortedDictionary<string, SortedDictionary<string, string>> Of(IReadOnlyList<EvalSet> sets)
    {
        var needed = sets.SelectMany(set => set.Variants).SelectMany(variant => variant.Needs()).Distinct().ToArray();
        var sources = sets.SelectMany(set => set.Tables).SelectMany(tables => needed.Select(kind => tables.Find(kind))).OfType<ICalibrationTable>()
            .DistinctBy(table => table.Hash).ToDictionary(table => table.Hash, table => table.Source ?? ProgramBuild.Unknown);
        var used = new SortedDictionary<string, SortedDictionary<string, string>>(StringComparer.Ordinal);
        foreach (var (name, hash) in sets.SelectMany(set => set.Variants).SelectMany(variant => variant.Tables).Distinct())
        {
            if (!used.TryGetValue(name, out var tables)) used[name] = tables = new(StringComparer.Ordinal);
            tables[hash] = sources[hash];
        }
        return used;
    }

    /// <summary>The tables of a folder after a run. Of one name a run may use more tables than are there, or fewer, but not others.</summary>
    /// <exception cref="LabException">It would use others.</exception>
    internal static SortedDictionary<string, SortedDictionary<string, string>> Joined(
        string path, SortedDictionary<string, SortedDictionary<string, string>> there, SortedDictionary<string, SortedDictionary<string, string>> wanted)
    {
        var joined = new SortedDictionary<string, SortedDictionary<string, string>>(there, StringComparer.Ordinal);
        foreach (var (name, tables) in wanted)
        {
            var old = there.GetValueOrDefault(name, []);
            if (tables.Keys.Except(old.Keys).Any() && old.Keys.Except(tables.Keys).Any())
                throw new LabException($"{path}: results of other tables: its table '{name}' is {InWords(old)}, not {InWords(tables)}; give another --out, or name both in the \"scores\" of a sweep");
            joined[name] = tables.Count > old.Count ? tables : old;
        }
        return joined;
    }

    private static string InWords(SortedDictionary<string, string> tables) => string.Join(" and ", tables.Select(one => $"{one.Key} ({one.Value})"));
}
