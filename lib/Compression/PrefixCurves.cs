using System.Globalization;

namespace HeadKvLab.Compression;

/// <summary>
/// PrefixKV's curves: for each layer the share of a prompt's positions, most attended first, that hold the share p of its attention, at p = 0, 1/512, ..., 1.
/// Between two of these it is linear, so that the layers' sum takes every value and one p spends a budget exactly; a mean of curves is a curve. At p = 1 all positions are held.
/// Paper: PrefixKV (arXiv 2412.03409), section 3; its own files hold the solution for one budget each (<see cref="DroppedShares"/>).
/// </summary>
public sealed class PrefixCurves : LayerShares
{
    /// <summary>Steps of p from 0 to 1.</summary>
    public const int Steps = 512;

    private const int Halvings = 60;

    private readonly double[] _curves; // [layer, point]

    /// <summary>Creates the table.</summary>
    /// <param name="curves">Share of the positions, <c>[layer][point]</c>: <see cref="Steps"/> + 1 points, from 0 to 1, not falling.</param>
    /// <exception cref="LabException">A curve is none.</exception>
    public PrefixCurves(IReadOnlyList<double[]> curves)
    {
        if (curves.Count == 0) throw new LabException("prefix curves: there is none; give one for each layer");
        for (var layer = 0; layer < curves.Count; layer++)
        {
            var curve = curves[layer];
            if (curve.Length != Steps + 1) throw new LabException($"prefix curves: layer {layer} has {curve.Length} points; a curve has {Steps + 1}");
            if (curve[0] != 0 || curve[^1] != 1) throw new LabException(FormattableString.Invariant($"prefix curves: layer {layer} runs from {curve[0]} to {curve[^1]}; a curve runs from 0 to 1"));
            for (var i = 1; i <= Steps; i++)
                if (!(curve[i] >= curve[i - 1])) throw new LabException(FormattableString.Invariant($"prefix curves: layer {layer} has {curve[i]} after {curve[i - 1]} at point {i}: a curve does not fall"));
        }
        _curves = [.. curves.SelectMany(curve => curve)];
    }

    /// <summary>Curves of layers that attend to all positions alike: under them every layer keeps the same.</summary>
    /// <param name="layers">Layers of the model.</param>
    public static PrefixCurves Alike(int layers) => new([.. Enumerable.Repeat(Enumerable.Range(0, Steps + 1).Select(i => (double)i / Steps).ToArray(), layers)]);

    /// <inheritdoc/>
    public override int Layers => _curves.Length / (Steps + 1);

    /// <inheritdoc/>
    public override string Hash => TableHash.Of(string.Create(CultureInfo.InvariantCulture, $"prefix {Layers} "), _curves);

    /// <inheritdoc/>
    public override ICalibrationTable Among(IReadOnlyList<int> layers) => new PrefixCurves([.. layers.Select(layer => this[layer].ToArray())]) { Source = Source };

    /// <inheritdoc/>
    public override bool FollowsBudget => true;

    /// <summary>The curve of a layer, <c>[point]</c>.</summary>
    public ReadOnlySpan<double> this[int layer] => _curves.AsSpan(layer * (Steps + 1), Steps + 1);

    /// <summary>Share of the positions of a layer that hold the share <paramref name="p"/> of its attention.</summary>
    public double At(int layer, double p)
    {
        var place = p * Steps;
        var point = Math.Min((int)place, Steps - 1);
        return this[layer][point] + (place - point) * (this[layer][point + 1] - this[layer][point]);
    }

    /// <summary>The curve of one prompt, <c>[point]</c>. A layer without any attention holds equal shares.</summary>
    /// <param name="scores">Attention that each position received, <c>[position]</c>, not negative; reordered.</param>
    public static double[] Of(Span<double> scores)
    {
        scores.Sort((a, b) => b.CompareTo(a));
        double all = 0;
        foreach (var score in scores) all += score;
        var curve = new double[Steps + 1];
        var (k, before) = (0, 0.0);                                        // positions that hold less than p, and what they hold
        for (var i = 1; i < Steps; i++)
        {
            var wanted = (double)i / Steps;
            if (all > 0)
                while (k < scores.Length - 1 && before + scores[k] / all < wanted) before += scores[k++] / all;
            curve[i] = all > 0 ? Math.Min(1, (k + Math.Min(1, (wanted - before) * all / scores[k])) / scores.Length) : wanted;
        }
        curve[Steps] = 1;
        return curve;
    }

    /// <summary>One p for all layers, by halving: so many candidates of each layer that their sum is the budget's.</summary>
    protected override double[] Entries(in BudgetFrame frame)
    {
        var (low, high) = (0.0, 1.0);
        var wanted = (double)frame.Selectable / frame.Candidates * Layers;
        for (var i = 0; i < Halvings; i++)
        {
            var p = (low + high) / 2;
            double sum = 0;
            for (var layer = 0; layer < Layers; layer++) sum += At(layer, p);
            if (sum < wanted) low = p;
            else high = p;
        }
        var entries = new double[Layers];
        for (var layer = 0; layer < Layers; layer++) entries[layer] = At(layer, high) * frame.Candidates;
        return entries;
    }
}
