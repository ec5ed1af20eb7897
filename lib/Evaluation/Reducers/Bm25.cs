using System.Text.RegularExpressions;
using HeadKvLab.Compression;

namespace HeadKvLab.Evaluation.Reducers;

/// <summary>
/// BM25 (Robertson and others): segments that share rare words with the question,
/// <code>sum over question words w: idf(w) tf(w) (k1 + 1) / (tf(w) + k1 (1 - b + b length / mean length)),  idf = ln(1 + (N - df + 0.5) / (df + 0.5))</code>
/// with k1 = 1.2 and b = 0.75. Words are runs of letters and digits, without case; a word that stands twice in the question counts once. With expansion the words of the best
/// segment join the question for a second round, which finds the second of two hops. Where no word of the question stands in the context the beginning stays.
/// </summary>
/// <param name="expand">Whether there is a second round.</param>
/// <param name="pieces">Tokens of a segment; null: sentences.</param>
/// <param name="keep">See <see cref="IReducer.Keep"/>.</param>
public sealed partial class Bm25(bool expand, int? pieces = null, double? keep = null) : IReducer
{
    private const double K1 = 1.2, B = 0.75;

    /// <inheritdoc/>
    public string Name => ReducerSettings.Name(expand ? "BM25-expand" : "BM25", keep, ("segment", pieces));

    /// <inheritdoc/>
    public bool AsksQuestion => true;

    /// <inheritdoc/>
    public double? Keep => keep;

    /// <inheritdoc/>
    public ISegmentIndex Index(ReducibleContext context) => new WordIndex(context, pieces is { } length ? Segmentation.Pieces(context.Tokens.Length, length) : Segmentation.Sentences(context.Model.Tokenizer, context.Tokens), expand);

    /// <summary>The words of a text.</summary>
    internal static string[] Words(string text) => [.. Word().Matches(text.ToLowerInvariant()).Select(match => match.Value)];

    /// <summary>Scores of segments for question words.</summary>
    internal static double[] Score(IReadOnlyList<string[]> segments, IReadOnlyCollection<string> question)
    {
        var mean = segments.Average(segment => (double)segment.Length);
        var scores = new double[segments.Count];
        foreach (var word in question.Distinct())
        {
            int[] found = [.. segments.Select(segment => segment.Count(own => own == word))];
            var holding = found.Count(count => count > 0);
            var rarity = Math.Log(1 + (segments.Count - holding + 0.5) / (holding + 0.5));
            for (var i = 0; i < scores.Length; i++)
                if (found[i] > 0) scores[i] += rarity * found[i] * (K1 + 1) / (found[i] + K1 * (1 - B + B * segments[i].Length / mean));
        }
        return scores;
    }

    [GeneratedRegex(@"[\p{L}\p{N}]+")]
    private static partial Regex Word();

    private sealed class WordIndex(ReducibleContext context, Segment[] segments, bool expand) : ISegmentIndex
    {
        private readonly string[][] _words = [.. segments.Select(segment => Words(context.Model.Tokenizer.Decode(context.Tokens.AsSpan(segment.Start, segment.Length))))];

        public IReadOnlyList<Segment> Segments => segments;

        public double[] Score(ReducerQuestion question)
        {
            var asked = Words(context.Model.Tokenizer.Decode(question.Tokens));
            var scores = Bm25.Score(_words, asked);
            if (!expand || scores.Max() <= 0) return scores;
            return Bm25.Score(_words, [.. asked, .. _words[Array.IndexOf(scores, scores.Max())]]);
        }
    }
}
