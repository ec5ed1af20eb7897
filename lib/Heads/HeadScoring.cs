using HeadKvLab.Cache;
using HeadKvLab.Models;
using HeadKvLab.Text;
using static TorchSharp.torch;

namespace HeadKvLab.Heads;

/// <summary>The grid of tests: every needle at every length and depth.</summary>
/// <param name="Lengths">Prompt lengths, tokens.</param>
/// <param name="Depths">Depths, 0 to 1.</param>
public sealed record HaystackGrid(IReadOnlyList<int> Lengths, IReadOnlyList<double> Depths)
{
    /// <summary>The published grid: lengths evenly up to <paramref name="longest"/>, depths evenly from beginning to end.</summary>
    public static HaystackGrid Even(int shortest, int longest, int lengths = 5, int depths = 10)
    {
        if (shortest < 1 || longest < shortest || lengths < 1 || depths < 1)
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
/// pass that chose the token. Only prompts that the model answers (QA-F1 above 0.5) count, as in the published code.
/// </summary>
public static class HeadScoring
{
    private const double Passed = 0.5;

    /// <summary>Runs all tests.</summary>
    /// <param name="model">The model.</param>
    /// <param name="set">Haystack and template.</param>
    /// <param name="needles">Which of its needles.</param>
    /// <param name="grid">Lengths and depths.</param>
    /// <param name="progress">Told how many tests are done, of how many, and how many were answered.</param>
    /// <param name="stop">Ends the run; what it had is lost.</param>
    public static HeadScoreResult Run(LanguageModel model, NeedleSet set, IReadOnlyList<Needle> needles, HaystackGrid grid,
        Action<int, int, int>? progress = null, CancellationToken stop = default)
    {
        var config = model.Config;
        var result = new HeadScoreResult(new(config.Layers, config.QueryHeads), new(config.Layers, config.QueryHeads), grid.Lengths.Count * grid.Depths.Count * needles.Count);
        var done = 0;
        foreach (var length in grid.Lengths)
            foreach (var needle in needles)
                foreach (var depth in grid.Depths)
                {
                    stop.ThrowIfCancellationRequested();
                    Test(model, HaystackPrompt.Build(model.Tokenizer, set, needle, length, depth), needle, result);
                    progress?.Invoke(++done, result.TestsRun, result.Reasoning.Tests);
                }
        return result;
    }

    private static void Test(LanguageModel model, HaystackPrompt prompt, Needle needle, HeadScoreResult result)
    {
        var config = model.Config;
        var recorder = new AttentionRecorder(config);
        var (eq1, eq2) = (new double[config.Layers * config.QueryHeads], new double[config.Layers * config.QueryHeads]);
        using var cache = new RaggedCache(model.CacheShape());
        using (NewDisposeScope()) model.Decoder.Prefill(prompt.Ids.AsSpan(..^1), cache);
        var answer = new List<int>();
        model.Step.Observer = recorder;
        try
        {
            for (var token = prompt.Ids[^1]; answer.Count < prompt.AnswerLength && cache.LogicalLength < config.MaxPositions;)
            {
                token = Generation.Greedy(model.Step.Run(token, cache));
                answer.Add(token);
                for (var layer = 0; layer < config.Layers; layer++)
                {
                    var heads = new Range(layer * config.QueryHeads, (layer + 1) * config.QueryHeads);
                    RetrievalScore.Add(recorder.Row(layer), prompt.Ids, prompt.AnswerStart..(prompt.AnswerStart + prompt.AnswerLength), token, eq1.AsSpan(heads));
                    ReasoningScore.Add(recorder.Row(layer), prompt.AnswerStart, prompt.AnswerLength, eq2.AsSpan(heads));
                }
                if (config.EosIds.Contains(token)) break;
            }
        }
        finally
        {
            model.Step.Observer = null;
        }
        if (AnswerOverlap.F1(model.Tokenizer.Decode(answer.ToArray()), needle.Answer) <= Passed) return;
        result.Retrieval.Add(eq1);
        result.Reasoning.Add(eq2);
    }
}
