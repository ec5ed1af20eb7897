namespace HeadKvLab.Calibration;

/// <summary>
/// Retrieval score, Eq. 1: a head gains 1/N at each step at which the position it attends to most lies in the needle and the
/// token there is the one just generated; N is the length of the needle.
/// Paper: Retrieval Head Mechanistically Explains Long-Context Factuality (arXiv 2404.15574), as its code runs it: the row is that
/// of the forward pass that produced the token, and a needle token may be credited at several steps, so that sums above 1 occur.
/// Of equal attentions the earliest position counts as the most attended.
/// </summary>
public static class RetrievalScore
{
    /// <summary>Adds one decoding step of one layer.</summary>
    /// <param name="attention">Attention of the step's query, <c>[queryHead, position]</c>.</param>
    /// <param name="prompt">Token ids of the prompt, <c>[position]</c>; generated positions lie after it.</param>
    /// <param name="needle">Positions of the needle in the prompt.</param>
    /// <param name="generated">Token the step produced.</param>
    /// <param name="scores">Sums so far, <c>[queryHead]</c>.</param>
    public static void Add(ReadOnlySpan<float> attention, ReadOnlySpan<int> prompt, Range needle, int generated, Span<double> scores)
    {
        var (start, length) = needle.GetOffsetAndLength(prompt.Length);
        if (length == 0) return;
        var positions = attention.Length / scores.Length;
        for (var head = 0; head < scores.Length; head++)
        {
            var top = MostAttended(attention.Slice(head * positions, positions));
            if (top >= start && top < start + length && prompt[top] == generated) scores[head] += 1.0 / length;
        }
    }

    private static int MostAttended(ReadOnlySpan<float> row)
    {
        var top = 0;
        for (var j = 1; j < row.Length; j++)
            if (row[j] > row[top]) top = j;
        return top;
    }
}
