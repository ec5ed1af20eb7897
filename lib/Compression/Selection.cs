using System.Runtime.CompilerServices;

namespace HeadKvLab.Compression;

/// <summary>
/// Chooses the highest-scored positions of a head without sorting: a radix search finds the score of the last position kept
/// (three counting passes over 11, 11 and 10 bits), one more pass collects positions in ascending order.
/// Equal scores go to the later position. A NaN counts as the lowest score of all.
/// Cost: four linear passes, no memory beside 8 KB of stack.
/// </summary>
public static class Selection
{
    private const int BucketBits = 11;

    /// <summary>Writes the <paramref name="count"/> best positions of <paramref name="scores"/>, ascending.</summary>
    /// <param name="scores">Scores, <c>[position]</c>.</param>
    /// <param name="count">Positions to choose; all of them when it is not less than the number of scores.</param>
    /// <param name="chosen">Where they go.</param>
    /// <returns>How many were chosen: <c>min(count, scores.Length)</c>.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int Best(ReadOnlySpan<float> scores, int count, Span<int> chosen)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (count >= scores.Length)
        {
            for (var j = 0; j < scores.Length; j++) chosen[j] = j;
            return scores.Length;
        }
        if (count == 0) return 0;

        var (threshold, equalSkipped) = Threshold(scores, count);
        var filled = 0;
        for (var j = 0; j < scores.Length; j++)
        {
            var key = Key(scores[j]);
            if (key < threshold) continue;
            if (key == threshold && equalSkipped-- > 0) continue; // the earlier of equal positions go
            chosen[filled++] = j;
        }
        return filled;
    }

    /// <summary>The score of the last position kept, as an ordered key, and how many positions with that very score are not kept.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (uint Threshold, int EqualSkipped) Threshold(ReadOnlySpan<float> scores, int count)
    {
        Span<int> buckets = stackalloc int[1 << BucketBits];
        var wanted = count;
        uint prefix = 0;
        var known = 0; // bits of the threshold found so far
        while (true)
        {
            var bits = Math.Min(BucketBits, 32 - known);
            var shift = 32 - known - bits;
            buckets.Clear();
            foreach (var score in scores)
            {
                var key = Key(score);
                if (known == 0 || key >> (32 - known) == prefix)
                    buckets[(int)((key >> shift) & ((1u << bits) - 1))]++;
            }
            var bucket = (1 << bits) - 1;
            while (buckets[bucket] < wanted) wanted -= buckets[bucket--];
            prefix = (prefix << bits) | (uint)bucket;
            known += bits;
            if (known == 32) return (prefix, buckets[bucket] - wanted);
        }
    }

    /// <summary>An unsigned number in the order of the scores; NaN is 0, and both zeros are equal.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Key(float score)
    {
        var bits = BitConverter.SingleToUInt32Bits(score + 0f);
        var key = (bits & 0x80000000) != 0 ? ~bits : bits | 0x80000000;
        return float.IsNaN(score) ? 0 : key;
    }
}
