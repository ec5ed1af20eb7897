using HeadKvLab.Compression;

namespace HeadKvLab.Calibration;

/// <summary>
/// Score of HeadKV-ER and HeadKV-R2, Eq. 2: at each step a head gains a / N for each of its N most attended positions that lie
/// inside the correct answer, a being the attention there and N the answer's length. What is generated does not matter.
/// Paper: Not All Heads Matter (arXiv 2410.19258). Its code takes N from the needle text, the paper from the answer; for the
/// published needles both are equal. Each step adds at most 1/N, so that N steps reach at most 1.
/// </summary>
public static class ReasoningScore
{
    /// <summary>Adds one decoding step of one layer.</summary>
    /// <param name="attention">Attention of the step's query over all positions so far, <c>[queryHead, position]</c>.</param>
    /// <param name="start">First position of the correct answer in the prompt.</param>
    /// <param name="length">Tokens of the correct answer, N.</param>
    /// <param name="scores">Sums so far, <c>[queryHead]</c>.</param>
    public static void Add(ReadOnlySpan<float> attention, int start, int length, Span<double> scores)
    {
        if (length <= 0) return;
        var positions = attention.Length / scores.Length;
        var top = new int[Math.Min(length, positions)];
        for (var head = 0; head < scores.Length; head++)
        {
            var row = attention.Slice(head * positions, positions);
            foreach (var j in top.AsSpan(0, Selection.Best(row, top.Length, top)))
                if (j >= start && j < start + length) scores[head] += row[j] / (double)length;
        }
    }
}
