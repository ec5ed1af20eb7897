using HeadKvLab.Text;

namespace HeadKvLab.Evaluation.Reducers;

/// <summary>Cuts a context into segments, and chooses among them.</summary>
public static class Segmentation
{
    /// <summary>Most tokens of a sentence; a longer one is cut.</summary>
    public const int Longest = 64;

    /// <summary>Sentences: up to a token that ends with a full stop, a question or exclamation mark, or a line end, at most <see cref="Longest"/> tokens.</summary>
    /// <param name="tokenizer">Gives the tokens' texts.</param>
    /// <param name="context">Tokens of the context.</param>
    public static Segment[] Sentences(TextTokenizer tokenizer, ReadOnlySpan<int> context)
    {
        var (segments, start) = (new List<Segment>(), 0);
        for (var i = 0; i < context.Length; i++)
        {
            if (i + 1 < context.Length && i + 1 - start < Longest && !Ends(tokenizer.BytesOf(context[i]))) continue;
            segments.Add(new(start, i + 1 - start));
            start = i + 1;
        }
        return [.. segments];
    }

    /// <summary>Pieces of the same length, the last one shorter.</summary>
    /// <param name="tokens">Tokens of the context.</param>
    /// <param name="length">Tokens of a piece, above 0.</param>
    public static Segment[] Pieces(int tokens, int length) => [.. Enumerable.Range(0, (tokens + length - 1) / length).Select(i => new Segment(i * length, Math.Min(length, tokens - i * length)))];

    /// <summary>The best segments, whole, until <paramref name="tokens"/> are used up; of the last one its beginning. Among equal ones the earlier stays.</summary>
    /// <param name="segments">The segments.</param>
    /// <param name="scores">A number for each; NaN is below all others.</param>
    /// <param name="tokens">Tokens that stay, above 0.</param>
    /// <returns>Ascending indices of the tokens that stay.</returns>
    public static int[] Best(IReadOnlyList<Segment> segments, ReadOnlySpan<double> scores, int tokens)
    {
        if (segments.Count != scores.Length) throw new ArgumentException($"{scores.Length} scores for {segments.Count} segments", nameof(scores));
        ArgumentOutOfRangeException.ThrowIfLessThan(tokens, 1);
        var own = scores.ToArray();
        var kept = new List<int>(tokens);
        foreach (var best in Enumerable.Range(0, segments.Count).OrderByDescending(i => own[i])) // a stable sort
        {
            var (start, length) = segments[best];
            kept.AddRange(Enumerable.Range(start, Math.Min(length, tokens - kept.Count)));
            if (kept.Count == tokens) break;
        }
        kept.Sort();
        return [.. kept];
    }

    private static bool Ends(ReadOnlySpan<byte> text) => text.Length > 0 && text[^1] is (byte)'.' or (byte)'?' or (byte)'!' or (byte)'\n';
}
