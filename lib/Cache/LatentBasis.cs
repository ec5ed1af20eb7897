namespace HeadKvLab.Cache;

/// <summary>
/// What turns the keys and values that a group of layers has of one token into a latent vector and back: with y all of them in a row, keys before RoPE,
/// <c>c = B (y - mean)</c> and <c>y = mean + Bᵀ c</c>, the first r of B's orthonormal rows. A row holds layer after layer: its keys <c>[kvHead, dim]</c>, then its values.
/// </summary>
public sealed class LatentGroup
{
    /// <summary>Creates a group.</summary>
    /// <param name="first">First layer.</param>
    /// <param name="layers">How many there are, adjacent.</param>
    /// <param name="mean">Mean row, <c>[width]</c>.</param>
    /// <param name="basis">B, <c>[rank, width]</c>, the direction of the largest variance first.</param>
    /// <exception cref="LabException">The numbers do not fit together, or one is infinite or none.</exception>
    public LatentGroup(int first, int layers, float[] mean, float[] basis)
    {
        if (first < 0 || layers < 1 || mean.Length == 0 || basis.Length == 0 || basis.Length % mean.Length != 0)
            throw new LabException($"latents of layers {first} to {first + layers - 1}: {basis.Length} numbers are no directions of {mean.Length} numbers");
        if (mean.Concat(basis).Any(number => !float.IsFinite(number))) throw new LabException($"latents of layers {first} to {first + layers - 1}: a number is infinite or none");
        (First, Layers, Mean, Basis, Rank) = (first, layers, mean, basis, basis.Length / mean.Length);
        Lift = new float[basis.Length];
        for (var k = 0; k < Rank; k++)
            for (var i = 0; i < Width; i++) Lift[i * Rank + k] = basis[k * Width + i];
    }

    /// <summary>First layer.</summary>
    public int First { get; }

    /// <summary>Layers, adjacent.</summary>
    public int Layers { get; }

    /// <summary>Directions.</summary>
    public int Rank { get; }

    /// <summary>Numbers that the layers have of a token.</summary>
    public int Width => Mean.Length;

    /// <summary>Mean row, <c>[width]</c>.</summary>
    internal float[] Mean { get; }

    /// <summary>Directions, <c>[rank, width]</c>.</summary>
    internal float[] Basis { get; }

    /// <summary>The same, <c>[width, rank]</c>: a number of the row is an inner product with the latent vector.</summary>
    internal float[] Lift { get; }

    /// <summary>Share of the variance that each direction explains, in order; empty where it was not measured.</summary>
    public IReadOnlyList<double> Explained { get; init; } = [];
}

/// <summary>The groups of a model.</summary>
public sealed class LatentBasis
{
    /// <summary>Creates a basis.</summary>
    /// <param name="layers">Layers of the model.</param>
    /// <param name="kvHeads">KV heads of a layer.</param>
    /// <param name="headDim">Numbers in a key or a value.</param>
    /// <param name="groups">The groups; layers in none store keys and values.</param>
    /// <exception cref="LabException">A layer is in two groups or is none of the model's, or a group has other heads.</exception>
    public LatentBasis(int layers, int kvHeads, int headDim, params IReadOnlyList<LatentGroup> groups)
    {
        (Layers, KvHeads, HeadDim, Groups) = (layers, kvHeads, headDim, groups);
        foreach (var group in groups)
            if (group.First + group.Layers > layers || group.Width != 2 * group.Layers * kvHeads * headDim)
                throw new LabException($"latents of layers {group.First} to {group.First + group.Layers - 1}: {group.Width} numbers of a token are not those of {group.Layers} layers of {kvHeads} KV heads of dimension {headDim}, among {layers} layers");
        if (groups.SelectMany(group => Enumerable.Range(group.First, group.Layers)).GroupBy(layer => layer).FirstOrDefault(one => one.Count() > 1) is { } twice)
            throw new LabException($"latents: layer {twice.Key} is in two groups");
        if (groups.Count == 0) throw new LabException("latents: there is no group of layers");
    }

    /// <summary>Layers of the model.</summary>
    public int Layers { get; }

    /// <summary>KV heads of a layer.</summary>
    public int KvHeads { get; }

    /// <summary>Numbers in a key or a value.</summary>
    public int HeadDim { get; }

    /// <summary>The groups, in the order of layers.</summary>
    public IReadOnlyList<LatentGroup> Groups { get; }

    /// <summary>The largest rank of which every group has all directions: one that has as many as numbers has them all.</summary>
    public int Rank => Groups.Min(group => group.Rank < group.Width ? group.Rank : int.MaxValue);

    /// <summary>The group of a layer; null: it stores keys and values.</summary>
    internal LatentGroup? Of(int layer) => Groups.FirstOrDefault(group => layer >= group.First && layer < group.First + group.Layers);
}
