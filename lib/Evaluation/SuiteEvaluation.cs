using HeadKvLab.Cache;
using HeadKvLab.Eviction;
using HeadKvLab.Models;
using static TorchSharp.torch;

namespace HeadKvLab.Evaluation;

/// <summary>What to run.</summary>
/// <param name="Methods">Compressing methods; the full cache is always run beside them.</param>
/// <param name="Shares">Budgets as shares of the prompt's entries.</param>
public sealed record EvaluationPlan(IReadOnlyList<Method> Methods, IReadOnlyList<double> Shares)
{
    /// <summary>Observation window; always kept.</summary>
    public int Window { get; init; } = Budget.PaperWindow;

    /// <summary>How budgets are settled.</summary>
    public BudgetDiscipline Discipline { get; init; } = BudgetDiscipline.EqualEntries;

    /// <summary>Token that ends an answer, beside the model's end of text; the world's answers are sentences.</summary>
    public string StopToken { get; init; } = ".";

    /// <summary>Where first tokens come from.</summary>
    public FirstToken FirstToken { get; init; } = FirstToken.RecomputeLast;
}

/// <summary>
/// Answers the questions of a suite under every method and budget. A context is prefilled once; each question continues a copy of
/// its cache, and that one pass feeds all compressors (those that look at every query of the prompt get a pass of their own), which see context and question as one prompt. Decoding is greedy up to the suite's stop token.
/// </summary>
public static class SuiteEvaluation
{
    /// <summary>Runs a plan.</summary>
    /// <param name="model">The model.</param>
    /// <param name="suite">Contexts and questions.</param>
    /// <param name="plan">Methods and budgets.</param>
    /// <param name="progress">Told how many questions are done, and of how many.</param>
    /// <param name="stop">Ends the run between two questions.</param>
    /// <returns>A row for each question, method and budget; the full cache first.</returns>
    public static IEnumerable<ResultRow> Run(LanguageModel model, QuestionSuite suite, EvaluationPlan plan, Action<int, int>? progress = null, CancellationToken stop = default)
    {
        var total = suite.Contexts.Sum(c => c.Questions.Count);
        var done = 0;
        foreach (var context in suite.Contexts)
        {
            using var full = new RaggedCache(model.CacheShape());
            var ids = model.Tokenizer.Encode(context.Text);
            using (NewDisposeScope()) model.Decoder.Prefill(ids, full);
            foreach (var question in context.Questions)
            {
                stop.ThrowIfCancellationRequested();
                var template = Template(model, suite, context, question, plan);
                foreach (var row in Ask(model, full, ids, question, plan, template)) yield return row;
                progress?.Invoke(++done, total);
            }
        }
    }

    private static List<ResultRow> Ask(LanguageModel model, RaggedCache context, int[] contextIds, Question question, EvaluationPlan plan, ResultRow template)
    {
        var ids = model.Tokenizer.Encode(question.Text, addSpecial: false);
        var n = context.LogicalLength + ids.Length;
        var runs = (from share in plan.Shares
                    from method in plan.Methods
                    let budget = Budget.OfShare(share, n, plan.Window, plan.Discipline)
                    select (Share: share, Budget: budget, Compressor: new Compressor(method, budget, model.CacheShape(), model.Config.QueryHeads))).ToArray();
        using var full = context.Clone();
        var whole = runs.Where(r => r.Compressor.QueriesWanted > ids.Length).Select(r => r.Compressor).ToArray();   // H2O looks at the context's queries too
        if (whole.Length > 0) Logits(model, [.. contextIds, .. ids], null, PromptSinks.Combine(whole));
        var rest = runs.Select(r => r.Compressor).Except(whole).ToArray();
        var logits = Logits(model, ids, full, rest.Length == 0 ? null : PromptSinks.Combine(rest));
        template = template with { PromptTokens = n };
        var rows = new List<ResultRow>
        {
            Answer(model, full, ids[^1], logits, plan, template with { Method = "FullKV", Share = 1, KvSize = n, Entries = full.Entries, Bytes = full.RealisedBytes }),
        };
        foreach (var (share, budget, compressor) in runs)
        {
            using var _ = compressor;
            using var cache = compressor.TakeCache();
            rows.Add(Answer(model, cache, ids[^1], logits, plan, template with
            {
                Method = compressor.Method.Name, Share = share, KvSize = budget.Entries, Entries = cache.Entries, Bytes = cache.RealisedBytes,
            }));
        }
        return rows;
    }

    private static ResultRow Answer(LanguageModel model, RaggedCache cache, int lastPromptToken, float[] prefillLogits, EvaluationPlan plan, ResultRow template)
    {
        ReadOnlySpan<float> logits = prefillLogits;
        if (plan.FirstToken == FirstToken.RecomputeLast)
        {
            cache.DropLast();
            logits = model.Step.Run(lastPromptToken, cache);
        }
        var expected = model.Tokenizer.Encode(" " + template.Answer, addSpecial: false);
        int[] stops = [model.Tokenizer.IdOf(plan.StopToken), .. model.Config.EosIds];
        var answer = Generation.Run(model.Step, cache, logits, expected.Length + 2, stops, Generation.Greedy);
        return template with
        {
            Prediction = model.Tokenizer.DecodeGenerated(answer).Trim(),
            AnswerTokens = expected.Length,
            TokenAccuracy = expected.Where((id, i) => i < answer.Length && answer[i] == id).Count() / (double)expected.Length,
        };
    }

    private static float[] Logits(LanguageModel model, int[] ids, RaggedCache? full, IPromptSink? sink)
    {
        using var scope = NewDisposeScope();
        return model.Decoder.Prefill(ids, full, sink).data<float>().ToArray();
    }

    private static ResultRow Template(LanguageModel model, QuestionSuite suite, QuestionContext context, Question question, EvaluationPlan plan) => new()
    {
        Suite = suite.Name,
        Family = question.Family,
        Context = context.Id,
        Question = question.Id,
        Answer = question.Answer,
        Discipline = Budget.NameOf(plan.Discipline),
        FirstToken = plan.FirstToken,
        Model = model.Hash,
        Heads = model.Config.Layers * model.Config.KvHeads,
        Method = "", Share = 0, KvSize = 0, PromptTokens = 0, Entries = 0, Bytes = 0, Prediction = "", AnswerTokens = 0, TokenAccuracy = 0,
    };
}
