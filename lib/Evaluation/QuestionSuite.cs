namespace HeadKvLab.Evaluation;

/// <summary>A question about a context.</summary>
/// <param name="Id">Unique in its suite.</param>
/// <param name="Family">Kind of the question, for tables.</param>
/// <param name="Text">What follows the context in the prompt.</param>
/// <param name="Answer">The expected answer.</param>
public sealed record Question(string Id, string Family, string Text, string Answer);

/// <summary>A context and the questions about it, each asked in a prompt of its own.</summary>
/// <param name="Id">Unique in its suite.</param>
/// <param name="Text">The context; begin-of-text comes from the tokenizer.</param>
/// <param name="Questions">At least one.</param>
public sealed record QuestionContext(string Id, string Text, IReadOnlyList<Question> Questions);

/// <summary>Questions grouped by context, so that one prefill can serve all questions on it.</summary>
/// <param name="Name">Name in results.</param>
/// <param name="Contexts">Contexts, in order.</param>
public sealed record QuestionSuite(string Name, IReadOnlyList<QuestionContext> Contexts)
{
    /// <summary>Number of questions.</summary>
    public int Count => Contexts.Sum(c => c.Questions.Count);

    /// <summary>The same suite with only the first questions of each family; contexts left without a question are dropped.</summary>
    /// <param name="perFamily">Most questions of a family.</param>
    /// <param name="families">Families to keep; none named: all.</param>
    public QuestionSuite Take(int perFamily, params IReadOnlyCollection<string> families)
    {
        var taken = new Dictionary<string, int>();
        bool Keep(Question q) => (families.Count == 0 || families.Contains(q.Family)) && (taken[q.Family] = taken.GetValueOrDefault(q.Family) + 1) <= perFamily;
        return this with { Contexts = [.. Contexts.Select(c => c with { Questions = [.. c.Questions.Where(Keep)] }).Where(c => c.Questions.Count > 0)] };
    }

    /// <summary>One question as a suite of its own.</summary>
    public QuestionSuite One(QuestionContext context, Question question) => this with { Contexts = [context with { Questions = [question] }] };

    /// <summary>The same suite with only the first questions of each context: more contexts for the same number of questions, hence more independent ones.</summary>
    /// <param name="most">Most questions of a context.</param>
    public QuestionSuite PerContext(int most) => this with { Contexts = [.. Contexts.Select(c => c with { Questions = [.. c.Questions.Take(most)] })] };
}
