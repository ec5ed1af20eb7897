using HeadKvLab.Compression;

namespace HeadKvLab.Tests.Compression;

/// <summary>A table for every method of the catalogue.</summary>
internal static class SomeTables
{
    /// <summary>Head scores; as gates the largest score of each group divided by the largest of all; curves that bend more from layer to layer; as change the scores, scaled to 2 at most.</summary>
    internal static CalibrationTables Of(HeadImportance scores, int kvHeads)
    {
        var gates = scores.Aggregate(kvHeads, GroupReduction.Max);
        var most = gates.Values.ToArray().Max();
        return CalibrationTables.HeadScores(scores).With(TableKinds.DuoGates, new HeadImportance(gates.Layers, gates.Heads, [.. gates.Values.ToArray().Select(gate => gate / most)]))
            .With(TableKinds.Prefix, Curves(scores.Layers))
            .With(TableKinds.Change, Change(scores));
    }

    private static HeadChange Change(HeadImportance scores)
    {
        var most = scores.Values.ToArray().Max();
        return new([.. scores.Values.ToArray().Select(score => 2 * score / (1 + most))], [.. Enumerable.Range(1, scores.Layers).Select(layer => 1.0 / layer)]);
    }

    private static PrefixCurves Curves(int layers) => new([.. Enumerable.Range(0, layers).Select(layer =>
        Enumerable.Range(0, PrefixCurves.Steps + 1).Select(i => Math.Pow((double)i / PrefixCurves.Steps, 2 + layer)).ToArray())]);
}
