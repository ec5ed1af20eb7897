using HeadKvLab.Eviction;
using HeadKvLab.Evaluation.Suites;
using HeadKvLab.Models;
using HeadKvLab.Text;

namespace HeadKvLab.Evaluation.Protocols;

/// <summary>When the cache is compressed.</summary>
public enum CompressionPoint
{
    /// <summary>After context and question were read, as in the papers: the question helps to choose.</summary>
    AfterQuestion,

    /// <summary>After the context, before any question is known: one compressed cache serves all questions.</summary>
    AfterContext,
}

/// <summary>How a sample becomes a prompt and an answer; its name stands in every result.</summary>
/// <param name="Name">Its name.</param>
public sealed record Protocol(string Name)
{
    /// <summary>Whether the model's chat template wraps prompts, where the dataset allows it and the model has one.</summary>
    public bool Chat { get; init; }

    /// <summary>Longest prompt, tokens; longer ones lose their middle. The model's own context may be shorter.</summary>
    public int MostPromptTokens { get; init; } = 7500;

    /// <summary>Whether all of the model's stop ids end an answer, or the tokenizer's one alone.</summary>
    public bool AllStopIds { get; init; } = true;

    /// <summary>When the cache is compressed.</summary>
    public CompressionPoint Point { get; init; }

    /// <summary>Which heads own entries.</summary>
    public Granularity Granularity { get; init; }

    /// <summary>How budgets are settled, unless asked otherwise.</summary>
    public BudgetDiscipline Discipline { get; init; } = BudgetDiscipline.EqualEntries;

    /// <summary>Where first tokens come from, unless asked otherwise.</summary>
    public FirstToken FirstToken { get; init; } = FirstToken.RecomputeLast;

    /// <summary>HeadKV's published runs, bug for bug: 7,950 tokens, no chat template, one stop id, budgets per query head.</summary>
    public static Protocol Paper { get; } = new("paper")
    {
        MostPromptTokens = 7950, AllStopIds = false, Granularity = Granularity.QueryHead, Discipline = BudgetDiscipline.AsPublished, FirstToken = FirstToken.FullFirst,
    };

    /// <summary>The same questions asked properly: chat template, all stop ids, 7,500 tokens, budgets per KV head. The default.</summary>
    public static Protocol Repaired { get; } = new("repaired") { Chat = true };

    /// <summary>As <see cref="Repaired"/>, but the context is compressed before the question is known.</summary>
    public static Protocol Agnostic { get; } = new("agnostic") { Chat = true, Point = CompressionPoint.AfterContext };

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Protocol> All { get; } = [Paper, Repaired, Agnostic];

    /// <summary>Finds a protocol.</summary>
    /// <exception cref="LabException">There is none of that name.</exception>
    public static Protocol Find(string name) => All.FirstOrDefault(p => p.Name == name) ?? throw new LabException($"protocol '{name}' is unknown: use {string.Join(", ", All.Select(p => p.Name))}");

    /// <summary>The prompt of a sample.</summary>
    /// <param name="model">Tokenizer, template, and length of its context.</param>
    /// <param name="set">The dataset.</param>
    /// <param name="sample">The sample.</param>
    public PromptTokens Prompt(LanguageModel model, SampleSet set, Sample sample)
    {
        var most = Math.Min(MostPromptTokens, model.Config.MaxPositions - set.Dataset.MaxNewTokens - 1);
        if (most < 16) throw new LabException($"{set.Dataset.Name}: answers of {set.Dataset.MaxNewTokens} tokens leave no room for a prompt in a context of {model.Config.MaxPositions}; use a model with a longer one");
        var (context, question) = set.Prompt(sample);
        var tokenizer = model.Tokenizer;
        var whole = tokenizer.Encode(context + question);
        var truncated = whole.Length > most;
        if (truncated)
        {
            // as the official script: both halves to text and back, which may cost or add a few tokens
            var half = most / 2;
            context = tokenizer.Decode(whole.AsSpan(0, half)) + tokenizer.Decode(whole.AsSpan(whole.Length - half));
            question = Point == CompressionPoint.AfterContext && context.EndsWith(question, StringComparison.Ordinal) ? question : "";
            if (question.Length > 0) context = context[..^question.Length];
            whole = tokenizer.Encode(context + question);
        }
        if (Chat && set.Dataset.Chat && ChatTemplate.Exists(model.DirectoryName))
        {
            var text = ChatTemplate.Load(model.DirectoryName).Render([new ChatMessage("user", context + question)]);
            var end = question.Length == 0 ? text.Length : text.LastIndexOf(question.Trim(), StringComparison.Ordinal);
            (context, question) = end < 0 ? (text, "") : (text[..end], text[end..]);
            whole = tokenizer.Encode(text, addSpecial: false);
            var first = tokenizer.Encode(context, addSpecial: false);
            return Split(whole, first, question, truncated, tokenizer);
        }
        return Split(whole, question.Length == 0 ? whole : tokenizer.Encode(context), question, truncated, tokenizer);
    }

    /// <summary>Ids that end an answer.</summary>
    public int[] StopIds(LanguageModel model, SampleSet set)
    {
        var own = AllStopIds ? GenerationConfig.Load(model.DirectoryName, model.Config).StopIds.Concat(model.Config.EosIds) : model.Tokenizer.EosId is { } one ? [one] : model.Config.EosIds.Take(1);
        return [.. own.Concat(set.StopToken is { } stop && model.Tokenizer.TryIdOf(stop) is { } id ? [id] : []).Distinct()];
    }

    /// <summary>The prompt in two parts: where the tokens of the context are the beginning of the whole prompt's, it can be shared among questions; where not, the two are encoded apart only if the protocol needs it.</summary>
    private PromptTokens Split(int[] whole, int[] context, string question, bool truncated, TextTokenizer tokenizer) =>
        whole.AsSpan().StartsWith(context) ? new(whole, context.Length, truncated)
        : Point == CompressionPoint.AfterContext && question.Length > 0 ? new([.. context, .. tokenizer.Encode(question, addSpecial: false)], context.Length, truncated)
        : new(whole, whole.Length, truncated);
}

/// <summary>A prompt in tokens.</summary>
/// <param name="Ids">All of it.</param>
/// <param name="ContextLength">How many of them are the context; all where it cannot be told apart from the question.</param>
/// <param name="Truncated">Whether its middle was left out.</param>
public readonly record struct PromptTokens(int[] Ids, int ContextLength, bool Truncated)
{
    /// <summary>The context.</summary>
    public ReadOnlySpan<int> Context => Ids.AsSpan(0, ContextLength);

    /// <summary>The rest.</summary>
    public ReadOnlySpan<int> Question => Ids.AsSpan(ContextLength);
}
