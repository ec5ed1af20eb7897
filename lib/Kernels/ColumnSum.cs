namespace HeadKvLab.Kernels;

/// <summary>A sum that <see cref="BlockwiseAttention"/> adds up for each query head and key: of a power of the softmax, over the queries some way behind the key.</summary>
public unsafe struct ColumnSum
{
    /// <summary>Where it goes, <c>[queryHead, position]</c>.</summary>
    public float* Target;

    /// <summary>1, or 2: the softmax or its square.</summary>
    public int Power;

    /// <summary>Positions by which a query that counts stands behind the key, at least; 0 includes the key's own.</summary>
    public int From;

    /// <summary>The first number of positions that is too many, more than <see cref="From"/>; <see cref="int.MaxValue"/>: none is.</summary>
    public int Below;

    internal readonly bool Fits => Target != null && Power is 1 or 2 && From >= 0 && Below > From;
}
