using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Models;
using static TorchSharp.torch;

namespace HeadKvLab.Calibration;

/// <summary>A scorer whose choice is measured, and the last tokens that it protects.</summary>
/// <param name="Scorer">Scores the prompt's entries.</param>
/// <param name="Window">Last tokens that are kept anyway.</param>
public sealed record UtilityBase(IScorer Scorer, int Window = Budget.PaperWindow);

/// <summary>
/// Utility curves from the tests that HeadKV's scores come from: a scorer orders the prompt's entries when the question was read, then the right answer is read token by token, and a head's
/// curve is the attention, mean over its group and the answer's steps, that its best entries hold. A test counts where more than half of the answer's tokens are the likeliest ones.
/// Cost: a prefill of each test, and a piece of the answer's length. After LU-KV (arXiv 2602.08585), whose program is not public: what it calls future utility is this, as its abstract has it.
/// </summary>
public static class UtilityProfile
{
    /// <summary>Measures a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="set">Haystack and template.</param>
    /// <param name="needles">Which of its needles.</param>
    /// <param name="grid">Lengths and depths.</param>
    /// <param name="bases">Scorers, each of which has curves of its own.</param>
    /// <param name="progress">Told how many tests are done, of how many, and how many counted.</param>
    /// <param name="stop">Ends the measurement between two tests.</param>
    /// <returns>Curves of each scorer, tests run and tests that counted.</returns>
    /// <exception cref="LabException">No test counted.</exception>
    /// <exception cref="ModelOverflow">The attention is no number.</exception>
    public static (IReadOnlyList<UtilityCurves> Curves, int Run, int Passed) Measure(LanguageModel model, NeedleSet set, IReadOnlyList<Needle> needles, HaystackGrid grid, IReadOnlyList<UtilityBase> bases,
        Action<int, int, int>? progress = null, CancellationToken stop = default)
    {
        var config = model.Config;
        var tests = (from length in grid.Lengths from needle in needles from depth in grid.Depths select (Length: length, Needle: needle, Depth: depth)).ToArray();
        var prompts = HeadScoring.Prompts(model, set, grid, new ScoringPlan());
        var sums = bases.Select(_ => new double[config.Layers * config.KvHeads * (UtilityCurves.Steps + 1)]).ToArray();
        var passed = 0;
        for (var i = 0; i < tests.Length; i++)
        {
            stop.ThrowIfCancellationRequested();
            var prompt = prompts(tests[i].Length, tests[i].Needle, tests[i].Depth);
            if (Test(model, prompt.Ids, prompt.Ids.AsSpan(prompt.AnswerStart, prompt.AnswerLength), bases) is { } held)
            {
                passed++;
                for (var b = 0; b < sums.Length; b++)
                    for (var j = 0; j < held[b].Length; j++) sums[b][j] += held[b][j];
            }
            progress?.Invoke(i + 1, tests.Length, passed);
        }
        if (passed == 0) throw new LabException($"utility curves: the model gave none of {tests.Length} answers: use shorter prompts (--longest) or another model");
        return ([.. sums.Select(sum => new UtilityCurves(config.Layers, config.KvHeads, [.. sum.Select(held => held / passed)]))], tests.Length, passed);
    }

    /// <summary>The curves of one test for each scorer, <c>[layer, kvHead, point]</c>; null where the model does not give the answer.</summary>
    internal static double[][]? Test(LanguageModel model, int[] prompt, ReadOnlySpan<int> answer, IReadOnlyList<UtilityBase> bases)
    {
        using var scope = NewDisposeScope();
        using var cache = new RaggedCache(model.CacheShape());
        var (order, future) = (new ScoreSink(bases), new FutureSink(answer.Length));
        model.Decoder.Prefill(prompt, cache, order).Dispose();
        cache.Truncate(prompt.Length - 1);
        var likeliest = model.Decoder.Prefill([prompt[^1], .. answer[..^1]], cache, future, allLogits: true).argmax(1).data<long>().ToArray();
        var right = 0;
        for (var i = 0; i < answer.Length; i++)
            if (likeliest[i] == answer[i]) right++;
        if (2 * right <= answer.Length) return null;
        return [.. bases.Select((one, b) => order.Scores[b].Zip(future.Attention).SelectMany(layer => Curves(layer.First, layer.Second, model.Config.KvHeads, prompt.Length, prompt.Length - one.Window)).ToArray())];
    }

    /// <summary>The curves of a layer's heads, <c>[kvHead, point]</c>.</summary>
    private static IEnumerable<double> Curves(float[] scores, float[] attention, int heads, int n, int candidates)
    {
        var wide = attention.Length / heads;
        return Enumerable.Range(0, heads).SelectMany(head => Curve(scores.AsSpan(head * n, candidates), attention.AsSpan(head * wide, candidates)));
    }

    /// <summary>What the best k % of a head's entries hold, k = 0 ... 100; between two entries it is linear.</summary>
    /// <param name="scores">What they are ordered by, <c>[candidate]</c>; of equal scores the later is better.</param>
    /// <param name="attention">What each of them received, <c>[candidate]</c>.</param>
    internal static double[] Curve(ReadOnlySpan<float> scores, ReadOnlySpan<float> attention)
    {
        var order = new int[scores.Length];
        var keys = new (float, int)[scores.Length];
        for (var j = 0; j < order.Length; j++) (order[j], keys[j]) = (j, (float.IsNaN(scores[j]) ? float.PositiveInfinity : -scores[j], -j));
        Array.Sort(keys, order);
        var held = new double[order.Length + 1];
        for (var m = 0; m < order.Length; m++) held[m + 1] = held[m] + attention[order[m]];
        if (!double.IsFinite(held[^1])) throw new ModelOverflow("utility curves: the attention is NaN: a query or key overflowed; compute in float32 or bfloat16");
        return [.. Enumerable.Range(0, UtilityCurves.Steps + 1).Select(k =>
        {
            var place = (double)k * order.Length / UtilityCurves.Steps;
            var m = Math.Min((int)place, order.Length);
            return m == order.Length ? held[m] : held[m] + (place - m) * (held[m + 1] - held[m]);
        })];
    }

    /// <summary>Scores every layer by every base, <c>[base][layer][kvHead, position]</c>.</summary>
    private sealed class ScoreSink(IReadOnlyList<UtilityBase> bases) : IPromptSink
    {
        internal List<float[]>[] Scores { get; } = [.. bases.Select(_ => new List<float[]>())];

        public ScorerNeeds Needs { get; } = bases.Aggregate(ScorerNeeds.None, (needs, one) => needs.Or(one.Scorer.Needs(one.Window)));

        public void Accept(in LayerView layer)
        {
            for (var b = 0; b < bases.Count; b++)
            {
                var scores = new float[layer.Keys.shape[0] * layer.Length];
                bases[b].Scorer.Score(layer, bases[b].Window, new HeadRows<float>(scores, (int)layer.Keys.shape[0], layer.Length));
                Scores[b].Add(scores);
            }
        }
    }

    /// <summary>Attention of the answer's steps, mean over them and each group, <c>[layer][kvHead, position]</c>.</summary>
    private sealed class FutureSink(int steps) : IPromptSink
    {
        internal List<float[]> Attention { get; } = [];

        public ScorerNeeds Needs { get; } = new(steps);

        public void Accept(in LayerView layer)
        {
            var attention = new float[layer.Keys.shape[0] * layer.Length];
            WindowAttention.Mean(layer, steps, GroupReduction.Mean, new HeadRows<float>(attention, (int)layer.Keys.shape[0], layer.Length));
            Attention.Add(attention);
        }
    }
}
