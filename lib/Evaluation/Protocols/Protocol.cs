using HeadKvLab.Compression;
using HeadKvLab.Evaluation.Suites;
using HeadKvLab.Kernels;
using HeadKvLab.Models;
using HeadKvLab.Text;

namespace HeadKvLab.Evaluation.Protocols;

/// <summary>When the cache is compressed.</summary>
public enum CompressionPoint
{
    /// <summary>After context and question were read, as in the papers: the question helps to choose.</summary>
    QueryAware,

    /// <summary>After the context, before any question is known: one compressed cache serves all questions.</summary>
    QueryAgnostic,
}

/// <summary>How a sample becomes a prompt and an answer; its name stands in every result.</summary>
/// <param name="Name">Its name.</param>
public sealed record Protocol(string Name)
{
    private const string Seam = "\uE0F1\uE0F2\uE0F1";
    private const int ScBenchTokens = 131_072;

    /// <summary>Whether the model's chat template wraps prompts, where the dataset allows it and the model has one.</summary>
    public bool Chat { get; init; }

    /// <summary>Longest prompt of a model with a context of 8,192 tokens; longer ones lose their middle.</summary>
    public int MostPromptTokens { get; init; } = 7500;

    /// <summary>The same for contexts of 32,768 tokens and more.</summary>
    public int MostPromptTokensOfLongModels { get; init; } = 31500;

    /// <summary>Whether the first token of an answer may not end it: HeadKV's <c>min_length</c>, which the official script has for samsum alone.</summary>
    public bool NoEmptyAnswers { get; init; }

    /// <summary>Whether all of the model's stop ids end an answer, or the tokenizer's one alone.</summary>
    public bool AllStopIds { get; init; } = true;

    /// <summary>When the cache is compressed.</summary>
    public CompressionPoint Point { get; init; }

    /// <summary>Which heads own entries.</summary>
    public Granularity Granularity { get; init; }

    /// <summary>How budgets are settled, unless asked otherwise.</summary>
    public BudgetRule Rule { get; init; } = BudgetRule.EqualEntries;

    /// <summary>Where first tokens come from, unless asked otherwise.</summary>
    public FirstToken FirstToken { get; init; } = FirstToken.RecomputeLast;

    /// <summary>Number type of weights, matrix products and cache, unless asked otherwise.</summary>
    public NumberFormat Type { get; init; } = NumberFormat.BFloat16;

    /// <summary>The questions of a conversation are asked one after the other of one cache, which is compressed with the first; whose answer stands between them. Null: each is asked alone.</summary>
    public TurnAnswers? Turns { get; init; }

    /// <summary>Longest conversation, answers included, or the model's context where that is shorter: only its context loses its middle. Null: prompts are as long as those of single questions.</summary>
    public int? MostSessionTokens { get; init; }

    /// <summary>HeadKV's published runs, bug for bug: 7,950 tokens, no chat template, one stop id, budgets per query head, float16.</summary>
    public static Protocol Paper { get; } = new("paper")
    {
        MostPromptTokens = 7950, AllStopIds = false, NoEmptyAnswers = true, Granularity = Granularity.QueryHead, Rule = BudgetRule.AsPublished, FirstToken = FirstToken.FullFirst,
        Type = NumberFormat.Float16,
    };

    /// <summary>The same questions asked properly: chat template, all stop ids, 7,500 tokens, budgets per KV head. The default.</summary>
    public static Protocol Standard { get; } = new("standard") { Chat = true };

    /// <summary>As <see cref="Standard"/>, but the context is compressed before the question is known.</summary>
    public static Protocol Agnostic { get; } = new("agnostic") { Chat = true, Point = CompressionPoint.QueryAgnostic };

    /// <summary>SCBench's conversations: the first question is compressed with the context, later ones are appended to what was kept, after the reference answers.</summary>
    public static Protocol GoldenTurns { get; } = Standard with { Name = "turns-golden", Turns = TurnAnswers.Golden, MostSessionTokens = ScBenchTokens };

    /// <summary>The same after the model's own answers.</summary>
    public static Protocol OwnTurns { get; } = GoldenTurns with { Name = "turns-own", Turns = TurnAnswers.Own };

    /// <summary>SCBench's requests: as <see cref="Agnostic"/>, each question of a conversation for itself, on copies of one compressed context.</summary>
    public static Protocol Requests { get; } = Agnostic with { Name = "requests", MostSessionTokens = ScBenchTokens };

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Protocol> All { get; } = [Paper, Standard, Agnostic, GoldenTurns, OwnTurns, Requests];

    /// <summary>A protocol's name today: earlier versions called <c>standard</c> <c>repaired</c>.</summary>
    internal static string Current(string name) => name == "repaired" ? Standard.Name : name;

    /// <summary>Finds a protocol.</summary>
    /// <exception cref="LabException">There is none of that name.</exception>
    public static Protocol Find(string name) => All.FirstOrDefault(p => p.Name == Current(name)) ?? throw new LabException($"protocol '{name}' is unknown: use {string.Join(", ", All.Select(p => p.Name))}");

    /// <summary>The prompt of a sample.</summary>
    /// <param name="model">Tokenizer, template, and length of its context.</param>
    /// <param name="set">The dataset.</param>
    /// <param name="sample">The sample.</param>
    /// <param name="session">All turns of the conversation that it is the beginning of; null: it stands alone.</param>
    public PromptTokens Prompt(LanguageModel model, SampleSet set, Sample sample, IReadOnlyList<(SampleSet Set, Sample Sample)>? session = null)
    {
        var most = MostSessionTokens is not null && session is not null ? SessionLimit(model, session) : PromptLimit(model.Config.MaxPositions, set.Dataset.MaxNewTokens);
        if (most < 16) throw new LabException($"{set.Dataset.Name}: answers of {session?.Sum(turn => turn.Set.Dataset.MaxNewTokens) ?? set.Dataset.MaxNewTokens} tokens leave no room for a prompt in a context of {model.Config.MaxPositions}; use a model with a longer one");
        var tokenizer = model.Tokenizer;
        var (context, question, whole) = Shorten(tokenizer, set, sample, most);
        if (!IsChat(model, set))
            return Split(whole ?? tokenizer.Encode(context + question), () => tokenizer.Encode(context), question, whole is null, tokenizer);
        // templates may trim what they wrap: the seam is found again by a mark that no text holds
        var parts = ChatTemplate.Load(model.DirectoryName).Render([new ChatMessage("user", context + Seam + question)]).Split(Seam, 2);
        return Split(tokenizer.Encode(string.Concat(parts), addSpecial: false), () => tokenizer.Encode(parts[0], addSpecial: false), parts[^1], whole is null, tokenizer);
    }

    /// <summary>The prompt of a sample in three parts, for those who shorten its context. The middle of one that is too long is left out of the context alone.</summary>
    /// <param name="model">Tokenizer, template, and length of its context.</param>
    /// <param name="set">The dataset.</param>
    /// <param name="sample">The sample.</param>
    public PromptParts Parts(LanguageModel model, SampleSet set, Sample sample)
    {
        var prompt = Prompt(model, set, sample);
        if (prompt.Truncated && Point == CompressionPoint.QueryAware) prompt = (this with { Point = CompressionPoint.QueryAgnostic }).Prompt(model, set, sample);
        var start = prompt.Ids.AsSpan().CommonPrefixLength(Beginning(model, set, set.Before(sample)));
        var end = prompt.Truncated ? prompt.ContextLength : prompt.Ids.AsSpan().CommonPrefixLength(Beginning(model, set, set.Prompt(sample).Context));
        return new(prompt.Ids[..start], prompt.Ids[start..Math.Max(start, end)], prompt.Ids[Math.Max(start, end)..]);
    }

    /// <summary>Tokens of the beginning of a prompt.</summary>
    private int[] Beginning(LanguageModel model, SampleSet set, string text) => IsChat(model, set)
        ? model.Tokenizer.Encode(ChatTemplate.Load(model.DirectoryName).Render([new ChatMessage("user", text + Seam)]).Split(Seam)[0], addSpecial: false) : model.Tokenizer.Encode(text);

    /// <summary>Most tokens of a conversation's first prompt: SCBench's length less the answers of all turns, or what the model's context leaves of later questions and answers.</summary>
    private int SessionLimit(LanguageModel model, IReadOnlyList<(SampleSet Set, Sample Sample)> turns)
    {
        var answers = turns.Sum(turn => turn.Set.Dataset.MaxNewTokens + 1);
        var questions = turns.Skip(1).Sum(turn => Next(model, turn.Set, turn.Sample).Length);
        var golden = turns.Sum(turn => model.Tokenizer.Encode(turn.Set.ReplyTo(turn.Sample), addSpecial: false).Length);
        return Math.Min(MostSessionTokens!.Value - answers + turns.Count, model.Config.MaxPositions - questions - Math.Max(answers, golden + turns[^1].Set.Dataset.MaxNewTokens));
    }

    /// <summary>What follows an answer in a conversation: the tokens of the next question, in the model's chat template where that wraps prompts.</summary>
    /// <param name="model">Tokenizer and template.</param>
    /// <param name="set">The dataset.</param>
    /// <param name="sample">A later turn.</param>
    public int[] Next(LanguageModel model, SampleSet set, Sample sample)
    {
        if (!IsChat(model, set)) return model.Tokenizer.Encode(set.NextOf(sample), addSpecial: false);
        var parts = ChatTemplate.Load(model.DirectoryName).Render([new ChatMessage("user", "?"), new ChatMessage("assistant", Seam), new ChatMessage("user", Seam)]).Split(Seam);
        return model.Tokenizer.Encode(parts[1] + set.NextOf(sample).TrimStart('\n') + parts[^1], addSpecial: false);
    }

    private bool IsChat(LanguageModel model, SampleSet set) => (Chat && set.Dataset.Chat || set.Dataset.AlwaysChat) && ChatTemplate.Exists(model.DirectoryName);

    /// <summary>
    /// Leaves out the middle of a prompt that is too long, as the official script does: both halves of its tokens to text and back, which may cost or add a few tokens.
    /// Where the question comes after compression it stays whole, at the cost of the context's second half.
    /// </summary>
    /// <returns>Both texts, and the tokens of one after the other if nothing was left out.</returns>
    private (string Context, string Question, int[]? Whole) Shorten(TextTokenizer tokenizer, SampleSet set, Sample sample, int most)
    {
        var (context, question) = set.Prompt(sample, Point == CompressionPoint.QueryAgnostic);
        var whole = tokenizer.Encode(context + question);
        if (whole.Length <= most) return (context, question, whole);
        if (Point == CompressionPoint.QueryAware && MostSessionTokens is null) return (Ends(whole, most / 2, most / 2), "", null);
        var asked = tokenizer.Encode(question, addSpecial: false).Length;
        if (asked > most - 2) throw new LabException($"{set.Dataset.Name}, sample '{sample.Id}': its question alone has {asked} tokens, the prompt may have {most}; use a model with a longer context, or leave the sample out");
        var head = Math.Min(most / 2, most - asked);
        return (Ends(tokenizer.Encode(context), head, most - asked - head), question, null);

        string Ends(int[] ids, int first, int last) => tokenizer.Decode(ids.AsSpan(0, first)) + tokenizer.Decode(ids.AsSpan(ids.Length - last));
    }

    /// <summary>Ids that end an answer.</summary>
    public int[] StopIds(LanguageModel model, SampleSet set)
    {
        var own = AllStopIds ? GenerationConfig.Load(model.DirectoryName, model.Config).StopIds.Concat(model.Config.EosIds) : model.Tokenizer.EosId is { } one ? [one] : model.Config.EosIds.Take(1);
        var mark = set.StopToken ?? (set.Dataset.EndsAtNewline && AllStopIds ? "\n" : null);
        int[] extra = mark is null ? [] : [model.Tokenizer.TryIdOf(mark) ?? model.Tokenizer.Encode(mark, addSpecial: false)[^1]];
        return [.. own.Concat(extra).Distinct()];
    }

    /// <summary>Most tokens of a prompt: the published figure where the model's context is as long as the papers', else what answer and chat template leave of it.</summary>
    /// <param name="context">The model's context, tokens.</param>
    /// <param name="newTokens">Tokens of an answer at most.</param>
    public int PromptLimit(int context, int newTokens) => context >= 32_768 ? MostPromptTokensOfLongModels : context >= 8192 ? MostPromptTokens : Math.Min(MostPromptTokens, context - newTokens - Math.Min(64, context / 8));

    /// <summary>The prompt in two parts: where the tokens of the context are the beginning of the whole prompt's, it can be shared among questions; where not, the two are encoded apart only if the protocol needs it.</summary>
    private PromptTokens Split(int[] whole, Func<int[]> encodeContext, string question, bool truncated, TextTokenizer tokenizer)
    {
        if (Point == CompressionPoint.QueryAware) return new(whole, () => Common(encodeContext()), truncated);
        var context = encodeContext();
        if (question.Length > 0 && !whole.AsSpan().StartsWith(context)) whole = [.. context, .. tokenizer.Encode(question, addSpecial: false)];
        return new(whole, () => Common(context), truncated);

        int Common(int[] part) => whole.AsSpan().StartsWith(part) ? part.Length : whole.Length;
    }
}

/// <summary>A prompt in three parts; one after the other they are the prompt.</summary>
/// <param name="Before">BOS, chat marks, instruction.</param>
/// <param name="Context">The context.</param>
/// <param name="After">The question, and what follows it.</param>
public sealed record PromptParts(int[] Before, int[] Context, int[] After);

/// <summary>A prompt in tokens.</summary>
/// <param name="ids">All of it.</param>
/// <param name="contextLength">Finds out how many of them are the context; not called unless somebody asks, because it encodes the context once more.</param>
/// <param name="truncated">Whether its middle was left out.</param>
public sealed class PromptTokens(int[] ids, Func<int> contextLength, bool truncated)
{
    private readonly Lazy<int> _contextLength = new(contextLength);

    /// <summary>All of it.</summary>
    public int[] Ids { get; } = ids;

    /// <summary>Whether its middle was left out.</summary>
    public bool Truncated { get; } = truncated;

    /// <summary>How many of the tokens are the context; all where it cannot be told apart from the question.</summary>
    public int ContextLength => _contextLength.Value;

    /// <summary>The context.</summary>
    public ReadOnlySpan<int> Context => Ids.AsSpan(0, ContextLength);

    /// <summary>The rest.</summary>
    public ReadOnlySpan<int> Question => Ids.AsSpan(ContextLength);
}
