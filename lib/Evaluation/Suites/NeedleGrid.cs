using System.Globalization;
using System.Text;
using HeadKvLab.Text;

namespace HeadKvLab.Evaluation.Suites;

/// <summary>A fact to hide, a question about it, and what its answer is compared with.</summary>
/// <param name="Text">The sentences that are hidden.</param>
/// <param name="Question">The question.</param>
/// <param name="Answer">The reference.</param>
public sealed record HiddenNeedle(string Text, string Question, string Answer);

/// <summary>
/// Every needle at every depth of haystacks of several lengths. By default it stands between two sentences and the prompt has at most the wanted
/// tokens; <see cref="Published"/> repeats the rule of <c>run_needle_in_haystack.py</c> with its begin-of-text marks inside the context.
/// </summary>
/// <param name="Template">The prompt, with <c>{context}</c> and <c>{input}</c>.</param>
/// <param name="Haystack">A text that knows nothing of the needles; it repeats where it is too short.</param>
/// <param name="CountTokens">Tokens of a text without special ones.</param>
public sealed record NeedleGrid(string Template, string Haystack, Func<string, int> CountTokens)
{
    /// <summary>Prompt of HeadKV's and PyramidKV's runs, for every model.</summary>
    public const string PublishedTemplate = "<|im_start|> This is a very long story book: <book> {context} </book>.\n Based on the content of the book, Question: {input}\nAnswer:";

    /// <summary>Tokens that the published rule leaves for the question.</summary>
    private const int PublishedBuffer = 200;

    /// <summary>The needle of those runs.</summary>
    public static HiddenNeedle SanFrancisco { get; } = new("\nThe best thing to do in San Francisco is eat a sandwich and sit in Dolores Park on a sunny day.\n",
        "The best thing to do in San Francisco is: ", "The best thing to do in San Francisco is eat a sandwich and sit in Dolores Park on a sunny day.");

    /// <summary>Inserts tokens as the published runs do, where a tokenizer is given.</summary>
    public TextTokenizer? Published { get; init; }

    /// <summary>Depths in percent: equal steps from 0 to 100, rounded half to even; one alone is the middle.</summary>
    public static int[] Depths(int count) => count == 1 ? [50] : [.. Enumerable.Range(0, count).Select(i => (int)Math.Round(100.0 * i / (count - 1), MidpointRounding.ToEven))];

    /// <summary>Makes a dataset.</summary>
    /// <param name="name">Its name, <c>needle</c> or <c>needle_r2</c>.</param>
    /// <param name="needles">The needles.</param>
    /// <param name="lengths">Prompt lengths in tokens.</param>
    /// <param name="depths">How many depths.</param>
    /// <exception cref="LabException">A length has no room for a sentence of the haystack.</exception>
    public SampleSet Make(string name, IReadOnlyList<HiddenNeedle> needles, IReadOnlyList<int> lengths, int depths)
    {
        string[] sentences = [.. Haystack.Split(". ", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(s => s.EndsWith('.') ? s : s + ".")];
        if (sentences.Length == 0) throw new LabException("needle grid: the haystack is empty; give a text of many sentences");
        int[] tokens = [.. sentences.Select(s => CountTokens(" " + s))];
        var samples = from length in lengths
                      from needle in needles.Select((needle, index) => (Hidden: needle, Index: index))
                      from depth in Depths(depths)
                      let context = Published is { } tokenizer ? InsertTokens(tokenizer, Haystack, needle.Hidden.Text, length, depth) : InsertSentence(sentences, tokens, needle.Hidden, length, depth)
                      select new Sample(string.Create(CultureInfo.InvariantCulture, $"{length}-{depth}-{needle.Index}"), context, needle.Hidden.Question, [needle.Hidden.Answer]) { Length = length };
        return new SampleSet(KnownDatasets.Find(name), Template, [.. samples]) { StopToken = "\n" };
    }

    private string InsertSentence(string[] sentences, int[] tokens, HiddenNeedle needle, int length, int depth)
    {
        var room = length - 1 - CountTokens(Template.Replace("{context}", needle.Text + " ", StringComparison.Ordinal).Replace("{input}", needle.Question, StringComparison.Ordinal));
        var count = 0;
        for (; tokens[count % tokens.Length] <= room; count++) room -= tokens[count % tokens.Length];
        if (count == 0) throw new LabException($"needle grid: a prompt of {length} tokens has no room for a sentence of the haystack beside the needle '{needle.Text.Trim()}'; give longer --lengths");
        var before = (int)Math.Round(depth / 100.0 * count);
        var text = new StringBuilder();
        for (var i = 0; i < before; i++) text.Append(sentences[i % sentences.Length]).Append(' ');
        text.Append(needle.Text.Trim());
        for (var i = before; i < count; i++) text.Append(' ').Append(sentences[i % sentences.Length]);
        return text.ToString();
    }

    /// <summary>The published rule: tokens with begin-of-text marks, a buffer for the question, the needle after the last full stop before the depth, decoded with the marks.</summary>
    internal static string InsertTokens(TextTokenizer tokenizer, string haystack, string needle, int length, int depth)
    {
        var words = haystack.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Length;
        var text = string.Concat(Enumerable.Repeat(haystack, words == 0 ? 1 : (length + words - 1) / words));
        var whole = tokenizer.Encode(text);
        if (whole.Length > length) text = tokenizer.Decode(whole.AsSpan(0, length), skipSpecial: false);
        int[] hidden = tokenizer.Encode(needle), context = whole.Length > length ? tokenizer.Encode(text) : whole;
        var most = length - PublishedBuffer;
        if (context.Length + hidden.Length > most) context = context[..Math.Clamp(most - hidden.Length, 0, context.Length)];
        var at = context.Length;
        if (depth < 100)
        {
            var stops = tokenizer.Encode(".", addSpecial: false);
            for (at = (int)(context.Length * (depth / 100.0)); at > 0 && !stops.Contains(context[at - 1]);) at--;
        }
        return tokenizer.Decode([.. context.AsSpan(0, at), .. hidden, .. context.AsSpan(at)], skipSpecial: false);
    }
}
