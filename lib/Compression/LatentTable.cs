using HeadKvLab.Cache;

namespace HeadKvLab.Compression;

/// <summary>The projections of a model's keys and values into latent vectors, as they were measured.</summary>
/// <param name="Basis">The groups of layers and their directions.</param>
/// <param name="Tokens">Tokens of the texts.</param>
public sealed record LatentTable(LatentBasis Basis, int Tokens) : ICalibrationTable
{
    /// <summary>The groups of layers and their directions.</summary>
    public LatentBasis Basis { get; } = Basis;

    /// <inheritdoc/>
    public int Layers => Basis.Layers;

    /// <inheritdoc/>
    public string Hash { get; } = TableHash.Of(FormattableString.Invariant($"latents {Basis.Layers} {Basis.KvHeads} {Basis.HeadDim} {string.Join(' ', Basis.Groups.Select(group => $"{group.First}+{group.Layers}x{group.Rank}"))} "),
        [.. Basis.Groups.SelectMany(group => group.Mean.Concat(group.Basis)).Select(number => (double)number)]);

    /// <inheritdoc/>
    public string? Source { get; init; }

    /// <inheritdoc/>
    public ICalibrationTable Among(IReadOnlyList<int> layers) => this;

    /// <summary>A format of latent vectors with these projections.</summary>
    /// <param name="format">The format.</param>
    /// <exception cref="LabException">A group has fewer directions than its vectors numbers.</exception>
    internal EntryFormat Of(EntryFormat format) => format.Rank <= Basis.Rank ? format with { Latents = Basis }
        : throw new LabException($"{format.Name}: {Source ?? "the table of latents"} has {Basis.Rank} directions of a group: give rank={Basis.Rank} or less, or measure more with `lab heads latent --rank {format.Rank}`");
}
