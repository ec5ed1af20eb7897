namespace HeadKvLab.Cache;

/// <summary>A sum of attention that goes on while tokens are decoded, beside the entries.</summary>
/// <param name="Sum">What is summed.</param>
/// <param name="Prompt">Tokens whose queries the prefill has counted: one that is decoded again counts for its own entry alone, which was made anew.</param>
public readonly record struct StepSum(AttentionSum Sum, int Prompt)
{
    /// <summary>The entries that the query of the last of them counts for: the first, and the one after the last of them.</summary>
    /// <param name="positions">Positions of a head's entries, ascending.</param>
    public (int Start, int End) Range(ReadOnlySpan<int> positions)
    {
        var position = positions[^1];
        var start = position < Prompt ? positions.Length - 1
            : Sum.Width(position + 1) is var width && width > position ? 0 : LayerCache.FirstAfter(positions, position - width);
        return (start, Sum.Skip == 0 ? positions.Length : LayerCache.FirstAfter(positions, position - Sum.Skip));
    }
}
