using HeadKvLab.Compression;

namespace HeadKvLab.Tests.Compression;

/// <summary>A table for every method of the catalogue.</summary>
internal static class SomeTables
{
    /// <summary>Head scores, and as gates the largest score of each group divided by the largest of all.</summary>
    internal static CalibrationTables Of(HeadTable scores, int kvHeads)
    {
        var gates = scores.Aggregate(kvHeads, GroupReduction.Max);
        var most = gates.Values.ToArray().Max();
        return CalibrationTables.HeadScores(scores).With(TableKinds.DuoGates, new HeadTable(gates.Layers, gates.Heads, [.. gates.Values.ToArray().Select(gate => gate / most)]));
    }
}
