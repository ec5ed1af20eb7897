using HeadKvLab.Cache;

namespace HeadKvLab.Compression;

/// <summary>In which order pairs of layers are tried.</summary>
public enum SharingOrder
{
    /// <summary>The least similar first, as KVSharer does.</summary>
    Dissimilar,

    /// <summary>The most similar first.</summary>
    Similar,

    /// <summary>Drawn with a seed.</summary>
    Random,
}

/// <summary>How unlike the keys and values of two layers are.</summary>
/// <param name="Layer">The later layer.</param>
/// <param name="With">The earlier one.</param>
/// <param name="Distance">Half the mean Euclidean distance of the keys, over heads and positions, and half that of the values.</param>
/// <param name="Normalised">The same, keys and values each divided by the mean of the two layers' mean lengths: the plain distance favours layers of long keys and values.</param>
public sealed record LayerPair(int Layer, int With, double Distance, double Normalised);

/// <summary>A pair that was tried.</summary>
/// <param name="Pair">The pair.</param>
/// <param name="Root">The layer that the later one was to read.</param>
/// <param name="Cosine">Mean cosine of the last hidden states with and without the shared layers.</param>
/// <param name="Accepted">Whether it was above the threshold.</param>
public sealed record TriedPair(LayerPair Pair, int Root, double Cosine, bool Accepted);

/// <summary>A layer map that was searched for on a model.</summary>
/// <param name="Layers">Layers of the model.</param>
/// <param name="Map">The map; it shares nothing where no pair was accepted.</param>
/// <param name="Order">How pairs were tried.</param>
/// <param name="Seed">Seed of <see cref="SharingOrder.Random"/>.</param>
/// <param name="Threshold">Cosine above which a pair was accepted.</param>
/// <param name="Texts">Texts that were used.</param>
/// <param name="Dropped">Texts that were too short.</param>
/// <param name="Tried">The pairs that were tried, in order.</param>
public sealed record LayerSharing(int Layers, LayerMap Map, SharingOrder Order, int Seed, double Threshold, int Texts, int Dropped, IReadOnlyList<TriedPair> Tried) : ICalibrationTable
{
    /// <inheritdoc/>
    public string Hash => TableHash.Of($"layer map {Layers} ", [.. Enumerable.Range(0, Layers).Select(layer => (double)Map.Root(layer))]);

    /// <inheritdoc/>
    public string? Source { get; init; }

    /// <inheritdoc/>
    public ICalibrationTable Among(IReadOnlyList<int> layers) => this;
}
