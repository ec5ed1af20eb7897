using System.Globalization;

namespace HeadKvLab.Compression;

/// <summary>
/// One importance per head of a model, <c>[layer, head]</c>: what a static allocator spends a shared pool by.
/// Immutable; double precision, because single is not enough to repeat the published allocations.
/// </summary>
public sealed class HeadImportance : ICalibrationTable
{
    private readonly double[] _values;

    /// <summary>Creates a table.</summary>
    /// <param name="layers">Number of layers.</param>
    /// <param name="heads">Heads in a layer.</param>
    /// <param name="values">Importances, layer after layer: finite, not negative, at least one above 0.</param>
    /// <exception cref="LabException">A value is NaN, infinite or negative, or all are zero.</exception>
    public HeadImportance(int layers, int heads, ReadOnlySpan<double> values)
    {
        if (layers < 1 || heads < 1 || values.Length != layers * heads)
            throw new LabException($"head scores: {values.Length} values do not make {layers} layers of {heads} heads");
        var any = false;
        for (var i = 0; i < values.Length; i++)
        {
            if (!double.IsFinite(values[i]) || values[i] < 0)
                throw new LabException(FormattableString.Invariant(
                    $"head scores: head {i / heads}-{i % heads} has importance {values[i]}: importances are finite and not negative"));
            any |= values[i] > 0;
        }
        if (!any) throw new LabException("head scores: all are zero, so that no head is more important than another; score the heads on prompts the model answers");
        Layers = layers;
        Heads = heads;
        _values = values.ToArray();
    }

    /// <inheritdoc/>
    public int Layers { get; }

    /// <summary>Heads in a layer.</summary>
    public int Heads { get; }

    /// <inheritdoc/>
    public string? Source { get; init; }

    /// <inheritdoc/>
    public string Hash => TableHash.Of(string.Create(CultureInfo.InvariantCulture, $"{Layers} {Heads} "), _values);

    /// <inheritdoc/>
    public ICalibrationTable Among(IReadOnlyList<int> layers) => new HeadImportance(layers.Count, Heads, [.. layers.SelectMany(layer => _values[(layer * Heads)..((layer + 1) * Heads)])]) { Source = Source };

    /// <summary>Importance of one head.</summary>
    public double this[int layer, int head] => _values[layer * Heads + head];

    /// <summary>All importances, layer after layer.</summary>
    public ReadOnlySpan<double> Values => _values;

    /// <summary>The importances as <c>[layer, head]</c>, for charts.</summary>
    public double[,] ToMatrix()
    {
        var matrix = new double[Layers, Heads];
        Buffer.BlockCopy(_values, 0, matrix, 0, sizeof(double) * _values.Length);
        return matrix;
    }

    /// <summary>Shares that sum to 1: <c>S = m / sum m</c>, then <c>S^T / sum S^T</c>.</summary>
    /// <param name="temperature">T; 1 in all published runs.</param>
    public HeadImportance Normalised(double temperature = 1)
    {
        if (!double.IsFinite(temperature) || temperature <= 0)
            throw new LabException(FormattableString.Invariant($"temperature {temperature}: give a number above 0; 1 is the paper's"));
        var shares = Divide(_values);
        for (var i = 0; i < shares.Length; i++) shares[i] = Math.Pow(shares[i], temperature);
        return new(Layers, Heads, Divide(shares));
    }

    /// <summary>Importances of KV heads from those of the query heads that share them.</summary>
    /// <param name="kvHeads">KV heads of a layer; must divide <see cref="Heads"/>.</param>
    /// <param name="reduction">How a group's importances become one.</param>
    public HeadImportance Aggregate(int kvHeads, GroupReduction reduction)
    {
        var group = HeadGroups.Of(Heads, kvHeads);
        if (group == 1) return this;
        var reduced = new double[Layers * kvHeads];
        for (var g = 0; g < reduced.Length; g++)
        {
            var members = _values.AsSpan(g * group, group);
            double sum = 0, max = 0;
            foreach (var value in members) (sum, max) = (sum + value, Math.Max(max, value));
            reduced[g] = reduction switch { GroupReduction.Mean => sum / group, GroupReduction.Max => max, _ => sum };
        }
        return new(Layers, kvHeads, reduced);
    }

    /// <summary>Refuses a model that the table does not describe.</summary>
    /// <param name="frame">Layers and heads of the model.</param>
    /// <param name="byKvHead">Whether the table has a value for each KV head, not for each query head.</param>
    /// <exception cref="LabException">Layers or heads differ.</exception>
    internal void Require(in BudgetFrame frame, bool byKvHead = false)
    {
        if (Layers == frame.Layers && (byKvHead ? frame.Heads % Heads : Heads % frame.Heads) == 0) return;
        throw new LabException($"{(byKvHead ? "gates" : "head scores")} describe {Layers} layers of {Heads} {(byKvHead ? "KV" : "query")} heads, "
            + $"the model has {frame.Layers} layers of {frame.Heads}: use scores computed on this model");
    }

    /// <summary>Heads in descending order of importance; equal ones in row-major order.</summary>
    public (int Layer, int Head)[] Ranked()
    {
        var order = Enumerable.Range(0, _values.Length).OrderByDescending(i => _values[i]);
        return [.. order.Select(i => (i / Heads, i % Heads))];
    }

    private static double[] Divide(ReadOnlySpan<double> values)
    {
        double sum = 0;
        foreach (var value in values) sum += value;
        var shares = values.ToArray();
        for (var i = 0; i < shares.Length; i++) shares[i] /= sum;
        return shares;
    }
}
