namespace HeadKvLab.Kernels;

/// <summary>A sum that <see cref="BlockwiseAttention"/> adds up for each query head and key: of a power of the softmax, over the queries some way behind the key; or the largest instead of a sum.</summary>
public unsafe struct ColumnSum
{
    /// <summary>Where it goes, <c>[queryHead, position]</c>.</summary>
    public float* Target;

    /// <summary>In place of a power: no sum, but the largest of the softmax.</summary>
    public const int Largest = int.MaxValue;

    /// <summary>1, or 2: the softmax or its square; or <see cref="Largest"/>.</summary>
    public int Power;

    /// <summary>A factor of each query's softmax, positive, <c>[token]</c>; null: 1. Read beside <see cref="Largest"/> alone.</summary>
    public float* Factors;

    /// <summary>Positions by which a query that counts stands behind the key, at least; 0 includes the key's own.</summary>
    public int From;

    /// <summary>The first number of positions that is too many, more than <see cref="From"/>; <see cref="int.MaxValue"/>: none is.</summary>
    public int Below;

    internal readonly bool Fits => Target != null && Power is 1 or 2 or Largest && From >= 0 && Below > From;
}
