using HeadKvLab.Compression;

namespace HeadKvLab.Tests.Compression;

/// <summary>A table for every method of the catalogue.</summary>
internal static class SomeTables
{
    /// <summary>Head scores; as gates the largest score of each group divided by the largest of all; curves that bend more from layer to layer; as change the scores, scaled to 2 at most; waves as vectors.</summary>
    internal static CalibrationTables Of(HeadImportance scores, int kvHeads, int dim = 16)
    {
        var gates = scores.Aggregate(kvHeads, GroupReduction.Max);
        var most = gates.Values.ToArray().Max();
        return CalibrationTables.HeadScores(scores).With(TableKinds.DuoGates, new HeadImportance(gates.Layers, gates.Heads, [.. gates.Values.ToArray().Select(gate => gate / most)]))
            .With(TableKinds.Prefix, Curves(scores.Layers))
            .With(TableKinds.Change, Change(scores))
            .With(TableKinds.Utility, Utility(scores.Layers, kvHeads)).With(TableKinds.LuKv, RemovalCurves.Of(Utility(scores.Layers, kvHeads)))
            .With(TableKinds.Filters, Vectors(scores, dim))
            .With(TableKinds.Moments, Vectors(scores, 3 * dim / 2));
    }

    private static UtilityCurves Utility(int layers, int heads) => new(layers, heads, [.. Enumerable.Range(0, layers * heads).SelectMany(i =>
        Enumerable.Range(0, UtilityCurves.Steps + 1).Select(k => Math.Pow(k / 100.0, 1.0 / (2 + i % 3)) / (1 + i % 2)))]);

    private static HeadVectors Vectors(HeadImportance scores, int width) => new(scores.Layers, scores.Heads, [.. Enumerable.Range(0, scores.Layers * scores.Heads * width).Select(i => 2 + MathF.Sin(i))]);

    private static HeadChange Change(HeadImportance scores)
    {
        var most = scores.Values.ToArray().Max();
        return new([.. scores.Values.ToArray().Select(score => 2 * score / (1 + most))], [.. Enumerable.Range(1, scores.Layers).Select(layer => 1.0 / layer)]);
    }

    private static PrefixCurves Curves(int layers) => new([.. Enumerable.Range(0, layers).Select(layer =>
        Enumerable.Range(0, PrefixCurves.Steps + 1).Select(i => Math.Pow((double)i / PrefixCurves.Steps, 2 + layer)).ToArray())]);
}
