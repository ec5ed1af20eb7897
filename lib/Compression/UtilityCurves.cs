using System.Globalization;

namespace HeadKvLab.Compression;

/// <summary>
/// For each KV head the share of the answers' attention that the best k % of a prompt's entries would have held, k = 0 ... 100, best by a scorer that did not see the answers; linear between.
/// A budget is spent where it gains most: every curve is replaced by its concave hull, whose pieces are bought from the steepest down, whole or not at all; a head whose next
/// piece is more than is left gets no other. What then is left is the budget rule's to hand on.
/// After LU-KV (arXiv 2602.08585), which calls it a combinatorial optimum relaxed to hulls and solved greedily; its own program is not public (<see cref="RemovalCurves"/>).
/// </summary>
public sealed class UtilityCurves : HeadShares
{
    /// <summary>Steps of the kept share from 0 to 1.</summary>
    public const int Steps = 100;

    private readonly double[] _curves; // [layer, head, point]

    /// <summary>Creates the table.</summary>
    /// <param name="layers">Layers of the model.</param>
    /// <param name="heads">KV heads of a layer.</param>
    /// <param name="curves">Held shares, <c>[layer, head, point]</c>, <see cref="Steps"/> + 1 points each: from 0, not falling.</param>
    /// <exception cref="LabException">A curve is none.</exception>
    public UtilityCurves(int layers, int heads, ReadOnlySpan<double> curves)
    {
        if (layers < 1 || heads < 1 || curves.Length != layers * heads * (Steps + 1)) throw new LabException($"utility curves: {curves.Length} points do not make {layers} layers of {heads} curves of {Steps + 1}");
        (Layers, Heads, _curves) = (layers, heads, curves.ToArray());
        for (var i = 0; i < layers * heads; i++)
        {
            var curve = _curves.AsSpan(i * (Steps + 1), Steps + 1);
            if (curve[0] != 0) throw new LabException(FormattableString.Invariant($"utility curves: head {i / heads}-{i % heads} begins with {curve[0]}: no entry holds nothing"));
            for (var k = 1; k <= Steps; k++)
                if (!(curve[k] >= curve[k - 1] && double.IsFinite(curve[k]))) throw new LabException(FormattableString.Invariant($"utility curves: head {i / heads}-{i % heads} has {curve[k]} after {curve[k - 1]} at {k} %: more entries hold no less"));
        }
    }

    /// <inheritdoc/>
    public override int Layers { get; }

    /// <inheritdoc/>
    public override int Heads { get; }

    /// <inheritdoc/>
    public override string Hash => TableHash.Of(string.Create(CultureInfo.InvariantCulture, $"utility {Layers} {Heads} "), _curves);

    /// <summary>The curve of a head, <c>[point]</c>.</summary>
    public ReadOnlySpan<double> this[int layer, int head] => _curves.AsSpan((layer * Heads + head) * (Steps + 1), Steps + 1);

    /// <inheritdoc/>
    public override ICalibrationTable Among(IReadOnlyList<int> layers) =>
        new UtilityCurves(layers.Count, Heads, [.. layers.SelectMany(layer => _curves[(layer * Heads * (Steps + 1))..((layer + 1) * Heads * (Steps + 1))])]) { Source = Source };

    /// <summary>Points of a curve's concave hull, ascending: the curve lies on it there and below it between. Points on a straight line stay.</summary>
    /// <param name="curve">The curve, <c>[point]</c>.</param>
    public static IReadOnlyList<int> Hull(ReadOnlySpan<double> curve)
    {
        var hull = new List<int>();
        for (var k = 0; k < curve.Length; k++)
        {
            while (hull.Count > 1 && Below(curve, hull[^2], hull[^1], k)) hull.RemoveAt(hull.Count - 1);
            hull.Add(k);
        }
        return hull;

        static bool Below(ReadOnlySpan<double> curve, int left, int middle, int right) =>
            (curve[middle] - curve[left]) * (right - left) < (curve[right] - curve[left]) * (middle - left) - 1e-12;
    }

    /// <summary>Pieces of all hulls, the steepest first; of equal ones the lower layer's, head's and share's.</summary>
    protected override double[] Entries(in BudgetFrame frame)
    {
        var pieces = new List<(double Slope, int Head, int Percent)>();
        for (var i = 0; i < Layers * Heads; i++)
        {
            var curve = _curves.AsSpan(i * (Steps + 1), Steps + 1);
            var hull = Hull(curve);
            for (var p = 1; p < hull.Count; p++) pieces.Add(((curve[hull[p]] - curve[hull[p - 1]]) / (hull[p] - hull[p - 1]), i, hull[p] - hull[p - 1]));
        }
        var (kept, closed) = (new double[Layers * Heads], new bool[Layers * Heads]);
        var (left, entries) = ((double)frame.Selectable * kept.Length, (double)frame.Candidates / Steps);
        foreach (var (slope, head, percent) in pieces.OrderByDescending(piece => Math.Round(piece.Slope, 12)))   // rounding makes no order
        {
            if (closed[head] || slope <= 0) continue;
            if (percent * entries > left + 1e-6) closed[head] = true;
            else (kept[head], left) = (kept[head] + percent * entries, left - percent * entries);
        }
        return kept;
    }
}
