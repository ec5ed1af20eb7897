using System.Security.Cryptography;
using System.Text;
using HeadKvLab.Cache;
using HeadKvLab.Evaluation.Metrics;
using HeadKvLab.Models;
using HeadKvLab.Text;
using static TorchSharp.torch;

namespace HeadKvLab.Calibration;

/// <summary>The grid of tests: every needle at every length and depth.</summary>
/// <param name="Lengths">Prompt lengths, tokens.</param>
/// <param name="Depths">Depths, 0 to 1.</param>
public sealed record HaystackGrid(IReadOnlyList<int> Lengths, IReadOnlyList<double> Depths)
{
    /// <summary>The published grid: lengths evenly up to <paramref name="longest"/>, depths evenly from beginning to end.</summary>
    public static HaystackGrid Even(int shortest, int longest, int lengths = 5, int depths = 10)
    {
        if (shortest < 0 || longest < Math.Max(1, shortest) || lengths < 1 || depths < 1)
            throw new LabException($"haystack grid: {lengths} lengths from {shortest} to {longest} tokens and {depths} depths make no grid.");
        static double At(int i, int count) => count == 1 ? 0 : (double)i / (count - 1);
        return new([.. Enumerable.Range(0, lengths).Select(i => (int)Math.Round(shortest + (longest - shortest) * At(i, lengths)))],
            [.. Enumerable.Range(0, depths).Select(i => At(i, depths))]);
    }
}

/// <summary>What one series of tests gave.</summary>
/// <param name="Retrieval">Eq. 1 (Wu et al.).</param>
/// <param name="Reasoning">Eq. 2 (HeadKV).</param>
/// <param name="TestsRun">Prompts tried; those answered with an F1 above 0.5 are counted in the scores.</param>
public sealed record HeadScoreResult(HeadScores Retrieval, HeadScores Reasoning, int TestsRun);

/// <summary>
/// Scores heads on needles: decodes each answer greedily with the full cache and reads, at every step, the attention of the forward
/// pass that chose the token. Only prompts that the model answers (overlap above a half) count, as in the published code.
/// </summary>
public static class HeadScoring
{
    private const double Passed = 0.5;

    /// <summary>Runs all tests, in the clean protocol and the paper's form.</summary>
    /// <param name="model">The model.</param>
    /// <param name="set">Haystack and template.</param>
    /// <param name="needles">Which of its needles.</param>
    /// <param name="grid">Lengths and depths.</param>
    /// <param name="progress">Told how many tests are done, of how many, and how many were answered.</param>
    /// <param name="stop">Ends the run; without a journal, what it had is lost.</param>
    public static HeadScoreResult Run(LanguageModel model, NeedleSet set, IReadOnlyList<Needle> needles, HaystackGrid grid,
        Action<int, int, int>? progress = null, CancellationToken stop = default) => Run(model, set, needles, grid, new ScoringPlan(), progress, stop);

    /// <summary>Runs all tests.</summary>
    /// <param name="model">The model.</param>
    /// <param name="set">Haystack and template.</param>
    /// <param name="needles">Which of its needles.</param>
    /// <param name="grid">Lengths and depths.</param>
    /// <param name="plan">Protocol, form and journal.</param>
    /// <param name="progress">Told how many tests are done, of how many, and how many were answered.</param>
    /// <param name="stop">Ends the run between two tests; the journal remembers what it had.</param>
    public static HeadScoreResult Run(LanguageModel model, NeedleSet set, IReadOnlyList<Needle> needles, HaystackGrid grid, ScoringPlan plan,
        Action<int, int, int>? progress = null, CancellationToken stop = default)
    {
        var config = model.Config;
        var tests = (from length in grid.Lengths from needle in needles from depth in grid.Depths select (Length: length, Needle: needle, Depth: depth)).ToArray();
        var result = new HeadScoreResult(new(config.Layers, config.QueryHeads), new(config.Layers, config.QueryHeads), tests.Length);
        var prompts = Prompts(model, set, grid, plan);
        using var journal = ScoringJournal.Open(plan.Journal, About(model, set, needles, grid, plan));
        foreach (var test in journal.Finished) Count(test);
        for (var i = journal.Finished.Count; i < tests.Length; i++)
        {
            stop.ThrowIfCancellationRequested();
            ScoredTest scored;
            try
            {
                var (eq1, eq2) = Test(model, prompts(tests[i].Length, tests[i].Needle, tests[i].Depth), tests[i].Needle, plan);
                scored = new ScoredTest(i, eq1, eq2);
            }
            catch (ModelOverflow e)
            {
                throw e.At(FormattableString.Invariant($"needle '{tests[i].Needle.Question}' in {tests[i].Length} tokens at depth {tests[i].Depth:0.##}"));
            }
            journal.Add(scored);
            Count(scored);
            progress?.Invoke(i + 1, tests.Length, Math.Max(result.Retrieval.Tests, result.Reasoning.Tests));
        }
        return result;

        void Count(ScoredTest test)
        {
            if (test.Retrieval is not null) result.Retrieval.Add(test.Retrieval);
            if (test.Reasoning is not null) result.Reasoning.Add(test.Reasoning);
        }
    }

    /// <summary>Makes the prompt of a length, a needle and a depth.</summary>
    internal static Func<int, Needle, double, HaystackPrompt> Prompts(LanguageModel model, NeedleSet set, HaystackGrid grid, ScoringPlan plan)
    {
        if (plan.Protocol == HaystackProtocol.Clean)
        {
            var chat = !set.OwnTemplate && ChatTemplate.Exists(model.DirectoryName) ? ChatTemplate.Load(model.DirectoryName) : null;
            return (length, needle, depth) => HaystackPrompt.Build(model.Tokenizer, set, needle, length, depth, chat);
        }
        var reference = new ReferenceHaystack(model.Tokenizer, grid.Lengths.Max());
        return (length, needle, depth) =>
        {
            var ids = reference.Build(needle.Haystack ?? set.Haystack, needle, length, (int)Math.Round(100 * depth, MidpointRounding.ToEven));
            return new HaystackPrompt(ids, reference.FindNeedle(ids, needle.Copied), reference.FindAnswer(ids, needle.Copied));
        };
    }

    /// <summary>Scores of one test, null where the model's answer does not pass.</summary>
    private static (double[]? Retrieval, double[]? Reasoning) Test(LanguageModel model, HaystackPrompt prompt, Needle needle, ScoringPlan plan)
    {
        var config = model.Config;
        var code = plan.Form == ScoreForm.Code;
        int[] newlines = [.. new[] { model.Tokenizer.TryIdOf("<0x0A>"), 144 }.OfType<int>()];
        int[] ends = [.. config.EosIds];
        var answerSteps = plan.Protocol == HaystackProtocol.Clean ? prompt.AnswerLength : model.Tokenizer.Encode(needle.Answer, addSpecial: false).Length;
        var eq1 = code
            ? new AnswerReading(model, prompt.Ids, prompt.Needle, ScoringPlan.MostSteps, newlines, reasoning: false, rounded: false)
            : new AnswerReading(model, prompt.Ids, prompt.Needle, Math.Max(prompt.Needle.Length, answerSteps), ends, reasoning: false, rounded: false);
        var eq2 = code
            ? new AnswerReading(model, prompt.Ids, prompt.Answer, Math.Min(ScoringPlan.MostSteps, answerSteps), [.. newlines, .. ends], reasoning: true, rounded: true)
            : new AnswerReading(model, prompt.Ids, prompt.Answer, answerSteps, ends, reasoning: true, rounded: false);

        var recorder = new AttentionRecorder(config);
        using var cache = new RaggedCache(model.CacheShape());
        using (NewDisposeScope()) model.Decoder.Prefill(prompt.Ids.AsSpan(..^1), cache);
        var step = model.Step.Session(recorder);
        for (var token = prompt.Ids[^1]; (eq1.Open || eq2.Open) && cache.LogicalLength < config.MaxPositions;)
        {
            token = Generation.Greedy(step.Run(token, cache));
            if (eq1.Open) eq1.Step(token, recorder);
            if (eq2.Open) eq2.Step(token, recorder);
        }
        var retrieved = (plan.Recall ?? QaF1.English)(eq1.Response, plan.Recall is null ? needle.Answer : needle.Copied) > Passed;
        return (retrieved ? eq1.Scores : null, QaF1.English(eq2.Response, needle.Answer) > Passed ? eq2.Scores : null);
    }

    private static string About(LanguageModel model, NeedleSet set, IReadOnlyList<Needle> needles, HaystackGrid grid, ScoringPlan plan)
    {
        var texts = string.Join('\n', needles.Select(n => $"{n.Text}|{n.Question}|{n.Answer}|{n.Copied}|{n.Haystack}")) + set.Haystack + set.Template;
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(texts)))[..16];
        return FormattableString.Invariant($"model {model.Hash}, needles {hash}, lengths {string.Join(' ', grid.Lengths)}, depths {grid.Depths.Count}, {plan}");
    }
}
