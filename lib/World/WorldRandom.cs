using System.Numerics;

namespace HeadKvLab.World;

/// <summary>What a document is for; the three never share a random state.</summary>
public enum WorldSplit
{
    /// <summary>Documents the model is trained on.</summary>
    Train = 0,
    /// <summary>Questions for choosing settings.</summary>
    Validation = 1,
    /// <summary>Questions for reported figures.</summary>
    Test = 2,
    /// <summary>Needles and haystacks for head scores.</summary>
    Needles = 3,
}

/// <summary>
/// xoshiro256** (Blackman and Vigna, 2018) with its state from SplitMix64: the same numbers on every platform and .NET version.
/// A generator is named by (split, seed, index), packed as 2 + 22 + 40 bits into one word. Different names are different words, and
/// SplitMix64's step maps different words to different states, so the splits are disjoint by construction.
/// </summary>
public sealed class WorldRandom
{
    private ulong s0, s1, s2, s3;

    private WorldRandom(ulong word)
    {
        s0 = SplitMix(ref word);
        s1 = SplitMix(ref word);
        s2 = SplitMix(ref word);
        s3 = SplitMix(ref word);
    }

    /// <summary>The generator of one document.</summary>
    /// <param name="split">What the document is for.</param>
    /// <param name="seed">0 to 4,194,303.</param>
    /// <param name="index">Number of the document, below 2^40.</param>
    public static WorldRandom For(WorldSplit split, int seed, long index)
    {
        if (seed is < 0 or >= 1 << 22) throw new LabException($"seed {seed} is outside 0..{(1 << 22) - 1}: choose a smaller one");
        if (index is < 0 or >= 1L << 40) throw new LabException($"document {index} is outside 0..2^40 - 1");
        return new WorldRandom((ulong)split << 62 | (ulong)seed << 40 | (ulong)index);
    }

    /// <summary>The next 64 random bits.</summary>
    public ulong Bits()
    {
        var result = BitOperations.RotateLeft(s1 * 5, 7) * 9;
        var t = s1 << 17;
        s2 ^= s0;
        s3 ^= s1;
        s1 ^= s2;
        s0 ^= s3;
        s2 ^= t;
        s3 = BitOperations.RotateLeft(s3, 45);
        return result;
    }

    /// <summary>A whole number in [0, limit); for limits as small as the world's its bias is below 2^-40.</summary>
    public int Below(int limit) => (int)Math.BigMul(Bits(), (ulong)limit, out _);

    /// <summary>A number in [0, 1).</summary>
    public double Unit() => (Bits() >> 11) * (1.0 / (1UL << 53));

    /// <summary>True with the given probability.</summary>
    public bool Chance(double probability) => Unit() < probability;

    /// <summary>Puts the items in random order (Fisher and Yates).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = Below(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    private static ulong SplitMix(ref ulong word)
    {
        var z = word += 0x9E3779B97F4A7C15;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
        z = (z ^ z >> 27) * 0x94D049BB133111EB;
        return z ^ z >> 31;
    }
}
