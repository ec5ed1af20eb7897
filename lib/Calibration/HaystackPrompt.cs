using HeadKvLab.Text;

namespace HeadKvLab.Calibration;

/// <summary>A needle hidden in a haystack, as token ids.</summary>
/// <param name="Ids">The prompt.</param>
/// <param name="Needle">First token and length of what Eq. 1 counts as the needle; length 0 when it was not found.</param>
/// <param name="Answer">First token and length of the correct answer inside the needle.</param>
public sealed record HaystackPrompt(int[] Ids, (int Start, int Length) Needle, (int Start, int Length) Answer)
{
    /// <summary>First token of the correct answer.</summary>
    public int AnswerStart => Answer.Start;

    /// <summary>Tokens of the correct answer.</summary>
    public int AnswerLength => Answer.Length;

    /// <summary>
    /// The clean protocol: one begin-of-text mark, the needle between two sentences of the haystack, its place known by its characters.
    /// (The published code decodes and encodes the text several times, which leaves begin-of-text marks in the middle.)
    /// </summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="set">Haystack and template.</param>
    /// <param name="needle">What to hide.</param>
    /// <param name="length">Most tokens of the prompt.</param>
    /// <param name="depth">Where: 0 at the beginning, 1 at the end of the haystack.</param>
    /// <param name="chat">The model's chat template, where the prompt is to be a user's message; null: plain text.</param>
    /// <exception cref="LabException">The prompt is too short for the needle and the question.</exception>
    public static HaystackPrompt Build(TextTokenizer tokenizer, NeedleSet set, Needle needle, int length, double depth, ChatTemplate? chat = null)
    {
        string Prompt(string context)
        {
            var plain = set.Template.Replace("{context}", context).Replace("{question}", needle.Question);
            return chat is null ? plain : chat.Render([new ChatMessage("user", plain)]);
        }
        int[] Encode(string text) => tokenizer.Encode(text, addSpecial: chat is null);  // a chat template writes its own marks
        var inside = needle.Text.IndexOf(needle.Answer, StringComparison.OrdinalIgnoreCase);
        if (inside < 0) throw new LabException($"the needle '{needle.Text}' does not contain its answer '{needle.Answer}', so that its place is unknown; write the answer as it stands in the needle.");
        var sentences = Sentences(needle.Haystack ?? set.Haystack);
        var room = length - Encode(Prompt(needle.Text)).Length;
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
        var answer = text.IndexOf(needle.Text, StringComparison.Ordinal) + inside;
        var start = Encode(text[..answer].TrimEnd()).Length;
        var end = Encode(text[..(answer + needle.Answer.Length)]).Length;
        return new HaystackPrompt(Encode(text), (start, end - start), (start, end - start));
    }

    /// <summary>Sentences end with a full stop before a blank.</summary>
    private static string[] Sentences(string text) =>
        [.. text.Split(". ", StringSplitOptions.RemoveEmptyEntries).Select(s => s.Trim()).Where(s => s.Length > 0).Select(s => s.EndsWith('.') ? s : s + ".")];
}
