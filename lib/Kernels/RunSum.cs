namespace HeadKvLab.Kernels;

/// <summary>A running sum of attention beside the entries of a head.</summary>
/// <param name="numbers">That of the head's first query, <c>[entry]</c>.</param>
/// <param name="apart">Numbers from there to that of the next query of the head.</param>
/// <param name="first">First entry that is added to.</param>
/// <param name="end">Entry after the last.</param>
/// <param name="squares">Whether the squares of the weights are added.</param>
public readonly unsafe struct RunSum(float* numbers, int apart, int first, int end, bool squares)
{
    /// <summary>Whether the squares of the weights are added.</summary>
    internal bool Squares => squares;

    /// <summary>Whether all of some entries are added to.</summary>
    internal bool Covers(int start, int count) => first <= start && end >= start + count;

    /// <summary>The sum of a query, <c>[entry]</c>.</summary>
    internal float* Row(int query) => numbers + (long)query * apart;

    /// <summary>Adds some weights of a query, each multiplied by a factor.</summary>
    /// <param name="query">The query.</param>
    /// <param name="start">First entry.</param>
    /// <param name="count">How many.</param>
    /// <param name="weights">Their weights.</param>
    /// <param name="factor">What they are multiplied by.</param>
    internal void Add(int query, int start, int count, float* weights, float factor)
    {
        var (from, to) = (Math.Max(start, first), Math.Min(start + count, end));
        if (from < to) Elementwise.AddScaled(Row(query) + from, weights + (from - start), to - from, factor, squares);
    }
}
