using System.Globalization;

namespace HeadKvLab.Compression;

/// <summary>
/// How much each query head changes what it is given, and each layer the residual stream, as a cosine distance: BaKlaVa's profile of a model. Immutable.
/// </summary>
public sealed class HeadChange : ICalibrationTable
{
    private readonly double[] _heads, _layers;

    /// <summary>Creates the table.</summary>
    /// <param name="heads">Change of every query head, <c>[layer, queryHead]</c>, 0 to 2.</param>
    /// <param name="layers">Change of every layer, <c>[layer]</c>, 0 to 2.</param>
    /// <exception cref="LabException">A number is none from 0 to 2, or the sizes do not fit.</exception>
    public HeadChange(ReadOnlySpan<double> heads, ReadOnlySpan<double> layers)
    {
        if (layers.Length == 0 || heads.Length == 0 || heads.Length % layers.Length != 0) throw new LabException($"head change: {heads.Length} heads do not fill {layers.Length} layers");
        for (var i = 0; i < heads.Length; i++)
            if (heads[i] is not (>= 0 and <= 2)) throw Impossible($"head {i / (heads.Length / layers.Length)}-{i % (heads.Length / layers.Length)}", heads[i]);
        for (var l = 0; l < layers.Length; l++)
            if (layers[l] is not (>= 0 and <= 2)) throw Impossible($"layer {l}", layers[l]);
        (_heads, _layers) = (heads.ToArray(), layers.ToArray());

        static LabException Impossible(string what, double value) => new(FormattableString.Invariant($"head change: {what} has {value}: one minus a cosine is a number from 0 to 2"));
    }

    /// <inheritdoc/>
    public int Layers => _layers.Length;

    /// <summary>Query heads of a layer.</summary>
    public int QueryHeads => _heads.Length / _layers.Length;

    /// <inheritdoc/>
    public string Hash => TableHash.Of(string.Create(CultureInfo.InvariantCulture, $"change {Layers} {QueryHeads} "), [.. _heads, .. _layers]);

    /// <inheritdoc/>
    public string? Source { get; init; }

    /// <inheritdoc/>
    public ICalibrationTable Among(IReadOnlyList<int> layers) =>
        new HeadChange([.. layers.SelectMany(layer => _heads[(layer * QueryHeads)..((layer + 1) * QueryHeads)])], [.. layers.Select(layer => _layers[layer])]) { Source = Source };

    /// <summary>Change of every query head, layer after layer.</summary>
    public ReadOnlySpan<double> OfHeads => _heads;

    /// <summary>Change of every layer.</summary>
    public ReadOnlySpan<double> OfLayers => _layers;

    /// <summary>
    /// Importance of every cache, <c>[layer, head]</c>: I · (Λ / mean Λ)^exponent, I the change of its query heads, Λ that of its layer.
    /// </summary>
    /// <param name="frame">Layers of the model, and heads of a layer that own entries.</param>
    /// <param name="reduction">How the query heads of a KV head become one.</param>
    /// <param name="exponent">How much the layer counts; 0 leaves it out.</param>
    /// <exception cref="LabException">The table has other layers or heads than the model.</exception>
    public double[] Importance(in BudgetFrame frame, GroupReduction reduction, double exponent)
    {
        if (Layers != frame.Layers || QueryHeads % frame.Heads != 0)
            throw new LabException($"{Source ?? "head change"}: describes {Layers} layers of {QueryHeads} query heads, the model has {frame.Layers} layers of {frame.Heads}: "
                + "use a table measured on this model (`lab heads change`)");
        var (group, mean) = (QueryHeads / frame.Heads, _layers.Average());
        var importance = new double[frame.Layers * frame.Heads];
        for (var g = 0; g < importance.Length; g++)
        {
            var members = _heads.AsSpan(g * group, group).ToArray();
            var change = reduction switch { GroupReduction.Max => members.Max(), GroupReduction.Mean => members.Average(), _ => members.Sum() };
            importance[g] = change * (mean > 0 ? Math.Pow(_layers[g / frame.Heads] / mean, exponent) : 1);
        }
        return importance;
    }
}
