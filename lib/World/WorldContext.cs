namespace HeadKvLab.World;

/// <summary>A question about a context.</summary>
/// <param name="Id">Unique in its suite.</param>
/// <param name="Family">Family of the question.</param>
/// <param name="Input">The question as LongBench stores it: "what is the holiday plan of Eva?".</param>
/// <param name="Answer">The answer without full stop; the model ends it with ".".</param>
public sealed record WorldQuestion(string Id, WorldFamily Family, string Input, string Answer)
{
    /// <summary>The sentences of the context from which the answer follows, as they stand there.</summary>
    public IReadOnlyList<string> Evidence { get; init; } = [];

    internal const string Before = " Question: ", After = " Answer:";

    /// <summary>What follows the context in the prompt: " Question: what is the holiday plan of Eva? Answer:".</summary>
    public string Text => Before + Input + After;
}

/// <summary>A context and the questions asked about it, each in a prompt of its own.</summary>
/// <param name="Id">Unique in its suite.</param>
/// <param name="Text">The context; the tokenizer puts BOS before it.</param>
/// <param name="Questions">Questions in the order of the suite.</param>
public sealed record WorldContext(string Id, string Text, IReadOnlyList<WorldQuestion> Questions)
{
    /// <summary>The whole prompt of a question; greedy decoding goes on with " answer words" and ".".</summary>
    public string Prompt(WorldQuestion question) => Text + question.Text;

    /// <summary>Where the sentence that holds the answer stands in the context, in characters.</summary>
    /// <exception cref="LabException">The context does not hold the answer.</exception>
    public Range Needle(WorldQuestion question)
    {
        var value = AnswerAt(question);
        var start = Text.LastIndexOf(". ", value, StringComparison.Ordinal) + 2;
        return start..(value + question.Answer.Length + 2);
    }

    /// <summary>Where the answer itself stands in the context, in tokens of the prompt (BOS counted).</summary>
    /// <param name="question">A question of this context.</param>
    /// <param name="encode">The tokenizer, BOS included.</param>
    /// <returns>Index of the first answer token and number of answer tokens, without the full stop.</returns>
    public (int Start, int Length) AnswerTokens(WorldQuestion question, Func<string, int[]> encode)
    {
        var value = AnswerAt(question);
        var start = encode(Text[..value]).Length;
        return (start, encode(Text[..(value + 1 + question.Answer.Length)]).Length - start);
    }

    /// <summary>
    /// The same context with another answer: every word of the answer is replaced by one of its kind that the context does not use.
    /// A model that reads the context gives the new answer. For labels every example with the label changes.
    /// </summary>
    /// <exception cref="LabException">No sentence of the context holds the answer, as with lists and counts.</exception>
    public (WorldContext Context, WorldQuestion Question) WithOtherAnswer(WorldQuestion question, WorldRandom random)
    {
        AnswerAt(question);
        var used = Text.Split([' ', '.', ',', ':', ';'], StringSplitOptions.RemoveEmptyEntries).ToHashSet();
        var words = question.Answer.Split(' ').Select(word => Kinds.TryGetValue(word, out var kind) ? Other(kind) : word);
        var answer = string.Join(' ', words);
        var text = question.Answer.Contains(' ')
            ? Text.Replace($" {question.Answer}.", $" {answer}.")
            : Text.Replace($": {question.Answer}.", $": {answer}.");
        var changed = question with { Answer = answer };
        return (this with { Text = text, Questions = [changed] }, changed);

        string Other(WordKind kind)
        {
            var free = WordLists.Of(kind).Where(w => !used.Contains(w)).ToArray();
            if (free.Length == 0) free = WordLists.Of(kind);
            var choice = free[random.Below(free.Length)];
            used.Add(choice);
            return choice;
        }
    }

    private static readonly Dictionary<string, WordKind> Kinds = Enumerable.Range(0, WordLists.Kinds)
        .SelectMany(kind => WordLists.Of((WordKind)kind).Select(word => (word, (WordKind)kind))).ToDictionary(p => p.word, p => p.Item2);

    /// <summary>Index of the blank before the answer.</summary>
    private int AnswerAt(WorldQuestion question)
    {
        var at = Text.IndexOf($" {question.Answer}.", StringComparison.Ordinal);
        return at >= 0 ? at : throw new LabException($"context {Id} does not hold the answer '{question.Answer}' of {question.Id}");
    }
}
