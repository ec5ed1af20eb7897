using HeadKvLab.Text;

namespace HeadKvLab.Heads;

/// <summary>A needle hidden in a haystack, as token ids.</summary>
/// <param name="Ids">The prompt.</param>
/// <param name="AnswerStart">First token of the correct answer inside the needle.</param>
/// <param name="AnswerLength">Tokens of the answer.</param>
public sealed record HaystackPrompt(int[] Ids, int AnswerStart, int AnswerLength)
{
    /// <summary>
    /// The clean protocol: one begin-of-text mark, the needle between two sentences of the haystack, its place known by its characters.
    /// (The published code decodes and encodes the text several times, which leaves begin-of-text marks in the middle.)
    /// </summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="set">Haystack and template.</param>
    /// <param name="needle">What to hide.</param>
    /// <param name="length">Most tokens of the prompt.</param>
    /// <param name="depth">Where: 0 at the beginning, 1 at the end of the haystack.</param>
    /// <exception cref="LabException">The prompt is too short for the needle and the question.</exception>
    public static HaystackPrompt Build(TextTokenizer tokenizer, NeedleSet set, Needle needle, int length, double depth)
    {
        string Prompt(string context) => set.Template.Replace("{context}", context).Replace("{question}", needle.Question);
        var sentences = Sentences(set.Haystack);
        var room = length - tokenizer.Encode(Prompt(needle.Text)).Length;
        if (room < 0) throw new LabException($"a prompt of {length} tokens has no room for the needle '{needle.Text[..Math.Min(40, needle.Text.Length)]}...': it alone takes {length - room}; use longer lengths.");
        var count = 0;
        for (var i = 0; ; i = (i + 1) % sentences.Length)                          // a short haystack repeats, as in the published code
        {
            var cost = tokenizer.Encode(" " + sentences[i], addSpecial: false).Length;
            if (cost > room) break;
            (room, count) = (room - cost, count + 1);
        }
        var before = string.Concat(Enumerable.Range(0, (int)Math.Round(depth * count)).Select(i => sentences[i % sentences.Length] + " "));
        var after = string.Concat(Enumerable.Range((int)Math.Round(depth * count), count - (int)Math.Round(depth * count)).Select(i => " " + sentences[i % sentences.Length]));
        var text = Prompt(before + needle.Text + after);
        var answer = text.IndexOf(needle.Text, StringComparison.Ordinal) + needle.Text.IndexOf(needle.Answer, StringComparison.Ordinal);
        var start = tokenizer.Encode(text[..answer].TrimEnd()).Length;
        var end = tokenizer.Encode(text[..(answer + needle.Answer.Length)]).Length;
        return new HaystackPrompt(tokenizer.Encode(text), start, end - start);
    }

    /// <summary>Sentences end with a full stop before a blank.</summary>
    private static string[] Sentences(string text) =>
        [.. text.Split(". ", StringSplitOptions.RemoveEmptyEntries).Select(s => s.Trim()).Where(s => s.Length > 0).Select(s => s.EndsWith('.') ? s : s + ".")];
}
