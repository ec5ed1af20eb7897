using System.Globalization;

namespace HeadKvLab.Compression;

/// <summary>Some numbers for each query head of a model, <c>[layer, queryHead, number]</c>: directions and moments of its queries. Immutable.</summary>
public sealed class HeadVectors : ICalibrationTable
{
    private readonly float[] _values;

    /// <summary>Creates a table.</summary>
    /// <param name="layers">Layers of the model.</param>
    /// <param name="queryHeads">Query heads of a layer.</param>
    /// <param name="values">Numbers, head after head: finite, as many for each.</param>
    /// <exception cref="LabException">A number is not finite, or the sizes do not fit.</exception>
    public HeadVectors(int layers, int queryHeads, ReadOnlySpan<float> values)
    {
        var heads = layers * queryHeads;
        if (layers < 1 || queryHeads < 1 || values.Length == 0 || values.Length % heads != 0)
            throw new LabException($"vectors of heads: {values.Length} numbers do not fill {layers} layers of {queryHeads} query heads");
        (Layers, QueryHeads, Width, _values) = (layers, queryHeads, values.Length / heads, values.ToArray());
        for (var i = 0; i < values.Length; i++)
            if (!float.IsFinite(values[i]))
                throw new LabException(FormattableString.Invariant($"vectors of heads: head {i / Width / queryHeads}-{i / Width % queryHeads} has {values[i]}: numbers are finite"));
    }

    /// <inheritdoc/>
    public int Layers { get; }

    /// <summary>Query heads of a layer.</summary>
    public int QueryHeads { get; }

    /// <summary>Numbers of a head.</summary>
    public int Width { get; }

    /// <inheritdoc/>
    public string? Source { get; init; }

    /// <inheritdoc/>
    public string Hash => TableHash.Of(string.Create(CultureInfo.InvariantCulture, $"vectors {Layers} {QueryHeads} "), Array.ConvertAll(_values, value => (double)value));

    /// <inheritdoc/>
    public ICalibrationTable Among(IReadOnlyList<int> layers) => this;

    /// <summary>Numbers of some query heads of a layer, head after head.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="first">The first of them.</param>
    /// <param name="count">How many.</param>
    /// <param name="width">Numbers that each must have.</param>
    /// <exception cref="LabException">The model has more layers or heads, or they have other sizes.</exception>
    public ReadOnlySpan<float> Of(int layer, int first, int count, int width) => layer < Layers && first + count <= QueryHeads && width == Width
        ? _values.AsSpan((layer * QueryHeads + first) * Width, count * Width)
        : throw new LabException($"{Source ?? "vectors of heads"}: describes {Layers} layers of {QueryHeads} query heads with {Width} numbers each, "
            + $"the model asks for layer {layer}, head {first + count - 1}, {width} numbers: use a table measured on this model");
}
