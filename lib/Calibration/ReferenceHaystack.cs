using HeadKvLab.Text;

namespace HeadKvLab.Calibration;

/// <summary>
/// The published code's prompts, step by step, with its quirks: the text is decoded and encoded again with its begin-of-text marks, so that the prompt
/// starts with up to three of them and has one right before the needle; 200 tokens are kept free; the needle goes behind a full stop
/// token; its place is found again by the overlap of token sets.
/// Source: FYYFU/HeadKV <c>Important_Head/retrieval_head_detection*.py</c>. No chat template.
/// </summary>
public sealed class ReferenceHaystack
{
    /// <summary>Tokens kept free for question and answer.</summary>
    private const int Buffer = 200;

    private readonly TextTokenizer _tokenizer;
    private readonly int[] _stops;
    private readonly int _longest;
    private readonly Dictionary<string, int[]> _contexts = [];

    /// <summary>Prepares prompts of one grid.</summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="longest">Largest length of the grid: the haystack repeats until it has as many words.</param>
    public ReferenceHaystack(TextTokenizer tokenizer, int longest)
    {
        (_tokenizer, _longest) = (tokenizer, longest);
        _stops = StopsOf(tokenizer);
    }

    /// <summary>Builds the prompt's ids.</summary>
    /// <param name="haystack">The needle's haystack.</param>
    /// <param name="needle">What to hide.</param>
    /// <param name="length">Target length, tokens; the question comes on top.</param>
    /// <param name="depthPercent">Whole percent, 0 to 100.</param>
    public int[] Build(string haystack, Needle needle, int length, int depthPercent)
    {
        if (!_contexts.TryGetValue(haystack, out var all)) _contexts[haystack] = all = _tokenizer.Encode(Repeated(haystack));
        var text = all.Length > length ? _tokenizer.Decode(all.AsSpan(0, length), skipSpecial: false) : Repeated(haystack);
        var hidden = _tokenizer.Encode(needle.Text);
        var context = _tokenizer.Encode(text);
        length -= Buffer;
        if (context.Length + hidden.Length > length) context = Before(context, length - hidden.Length);

        var at = context.Length;
        if (depthPercent != 100)
        {
            at = (int)(context.Length * (depthPercent / 100.0));
            while (at > 0 && !_stops.Contains(context[at - 1])) at--;
        }
        var whole = _tokenizer.Decode([.. context[..at], .. hidden, .. context[at..]], skipSpecial: false);
        return _tokenizer.Encode(whole + $"Based on the content of the book, Question: {needle.Question}\nAnswer:");
    }

    /// <summary>Eq. 1's needle: the first window of its length that shares more than nine tenths of its tokens.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="copied">The text that the answer should repeat.</param>
    /// <returns>First position and length; (-1, 0) when it is not found, so that nothing is credited.</returns>
    public (int Start, int Length) FindNeedle(ReadOnlySpan<int> prompt, string copied)
    {
        var needle = _tokenizer.Encode(copied, addSpecial: false);
        var set = needle.ToHashSet();
        for (var i = 0; i < prompt.Length; i++)
            if (Overlap(prompt, i, needle.Length, set) > 0.9) return (i, needle.Length);
        return (-1, 0);
    }

    /// <summary>
    /// Eq. 2's needle: the window that shares most tokens, the later of equals; where the tokenizer marks the beginning of a text, only windows
    /// right behind such a mark count.
    /// </summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="copied">The text of the correct answer.</param>
    public (int Start, int Length) FindAnswer(ReadOnlySpan<int> prompt, string copied)
    {
        var needle = _tokenizer.Encode(copied, addSpecial: false);
        var set = needle.ToHashSet();
        var mark = _tokenizer.Encode("") is [var bos, ..] ? bos : (int?)null;
        var (start, best) = (-1, 0.0);
        for (var i = 0; i < prompt.Length; i++)
        {
            if (mark is not null && (i == 0 || prompt[i - 1] != mark)) continue;
            if (Overlap(prompt, i, needle.Length, set) is var overlap && overlap >= best) (start, best) = (i, overlap);
        }
        return start < 0 ? (-1, 0) : (start, needle.Length);
    }

    private string Repeated(string haystack)
    {
        var words = haystack.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Length;
        if (words == 0) throw new LabException("the haystack is empty: give it some text");
        var copies = _longest == 0 ? 0 : 1;
        while (copies > 0 && WordsOf(copies) < _longest) copies++;
        return string.Concat(Enumerable.Repeat(haystack, copies));

        // where two copies meet without a blank between them, two words become one
        long WordsOf(int n) => (long)words * n - (char.IsWhiteSpace(haystack[0]) || char.IsWhiteSpace(haystack[^1]) ? 0 : n - 1);
    }

    private static double Overlap(ReadOnlySpan<int> prompt, int start, int length, HashSet<int> needle)
    {
        var seen = new HashSet<int>();
        foreach (var id in prompt[start..Math.Min(prompt.Length, start + length)])
            if (needle.Contains(id)) seen.Add(id);
        return needle.Count == 0 ? 0 : (double)seen.Count / needle.Count;
    }

    /// <summary>A slice up to a bound that counts from the end when it is negative, as Python cuts.</summary>
    private static int[] Before(int[] ids, int bound) => ids[..Math.Clamp(bound < 0 ? ids.Length + bound : bound, 0, ids.Length)];

    /// <summary>
    /// The full stop with and without a blank before it: the published lists, {13} of Llama-3, {842, 28723} of Mistral, {29889, 869} of Llama-2. Merges
    /// such as ". \n" do not count there either.
    /// </summary>
    private static int[] StopsOf(TextTokenizer tokenizer)
    {
        int[] stops = [.. new[] { tokenizer.TryIdOf("."), tokenizer.TryIdOf("▁.") }.OfType<int>()];
        return stops.Length > 0 ? stops : tokenizer.Encode(".", addSpecial: false);
    }
}
