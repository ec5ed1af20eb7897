using HeadKvLab.Cache;
using HeadKvLab.Calibration;
using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Calibration;

/// <summary>Prompts with needles, and both equations, against their definitions on the shipped model.</summary>
public class HeadScoringTests
{
    private static readonly NeedleSet Set = NeedleSet.Load(Repository.Path("data", "suites", "needles"));

    [Theory]
    [InlineData(300), InlineData(700)]
    public void A_prompt_hides_the_needle_between_sentences_and_knows_where_the_answer_stands(int length)
    {
        var tokenizer = Repository.Model.Tokenizer;
        foreach (var needle in Set.Reasoning.Take(4).Concat(Set.Retrieval.Take(4)))
        {
            var before = -1;
            foreach (var depth in new[] { 0, 0.3, 0.5, 1 })
            {
                var prompt = HaystackPrompt.Build(tokenizer, Set, needle, length, depth);
                Assert.Equal(needle.Answer, tokenizer.Decode(prompt.Ids.AsSpan(prompt.AnswerStart, prompt.AnswerLength)).Trim());
                Assert.Equal((prompt.AnswerStart, prompt.AnswerLength), prompt.Needle);
                Assert.InRange(prompt.Ids.Length, length - 40, length);            // full, to the next sentence
                Assert.Single(prompt.Ids, id => id == prompt.Ids[0]);              // one begin-of-text mark
                Assert.True(prompt.AnswerStart > before, $"depth {depth}: the answer stands at {prompt.AnswerStart}, less deep at {before}");
                before = prompt.AnswerStart;
                var text = tokenizer.Decode(prompt.Ids.AsSpan(1));
                Assert.Equal(2, text.Split(needle.Text).Length);                   // once
                var ahead = text[..text.IndexOf(needle.Text, StringComparison.Ordinal)].TrimEnd();
                Assert.True(depth == 0 ? ahead.Length == 0 : ahead.EndsWith('.'), $"depth {depth}: behind '{ahead[^Math.Min(20, ahead.Length)..]}'");
            }
        }
        Assert.Contains("use longer lengths", Assert.Throws<LabException>(() => HaystackPrompt.Build(tokenizer, Set, Set.Reasoning[0], 20, 0.5)).Message);
    }

    [Theory]
    [InlineData(ScoreForm.Paper), InlineData(ScoreForm.Code)]
    public void Both_equations_are_their_definitions_along_the_answer(ScoreForm form)
    {
        var model = LanguageModel.Load(Repository.Path("data", "models", "world-4m"));
        var grid = new HaystackGrid([260], [0.5]);
        var plan = new ScoringPlan(Form: form);
        var (needle, scored) = Set.Retrieval.Concat(Set.Reasoning).Take(12).Select(n => (n, HeadScoring.Run(model, Set, [n], grid, plan))).First(pair => pair.Item2.Reasoning.Tests == 1 && (form == ScoreForm.Code || pair.Item2.Retrieval.Tests == 1));
        var prompt = HaystackPrompt.Build(model.Tokenizer, Set, needle, 260, 0.5);
        var heads = model.Config.QueryHeads;
        var (eq1, eq2, n) = (new double[model.Config.Layers * heads], new double[model.Config.Layers * heads], prompt.AnswerLength);

        // token by token from an empty cache, attention by the definition
        var rows = new Rows(model.Config);
        var step = new DecodeStep(model.Decoder) { Observer = rows };
        using var cache = new RaggedCache(model.CacheShape());
        foreach (var id in prompt.Ids.AsSpan(..^1)) step.Run(id, cache);
        for (var (token, steps) = (prompt.Ids[^1], 0); steps < n && (steps == 0 || !model.Config.EosIds.Contains(token)); steps++)
        {
            token = Generation.Greedy(step.Run(token, cache));
            for (var h = 0; h < eq1.Length; h++)
            {
                var row = rows.Of[h];
                var top = Enumerable.Range(0, row.Length).MaxBy(j => row[j]);
                if (top >= prompt.AnswerStart && top < prompt.AnswerStart + n && prompt.Ids[top] == token) eq1[h] += 1.0 / n;
                if (form == ScoreForm.Code) row = Rounded(row);
                eq2[h] += Enumerable.Range(0, row.Length).OrderByDescending(j => row[j]).ThenByDescending(j => j).Take(n).Where(j => j >= prompt.AnswerStart && j < prompt.AnswerStart + n).Sum(j => (double)row[j] / n);
            }
        }
        var (means, largest) = (scored.Reasoning.Means().Values.ToArray(), eq2.Max());
        Assert.True(largest > 0.2, $"no head looks at the answer: {largest}");
        Assert.Equal(eq2.Sum(), means.Sum(), 4e-4 * eq2.Sum());                    // cutting bfloat16 off instead of rounding takes 3e-3
        for (var h = 0; h < eq2.Length; h++) Assert.Equal(eq2[h], means[h], form == ScoreForm.Code ? 4e-3 : 1e-4);
        if (form == ScoreForm.Paper) Assert.Equal(eq1, scored.Retrieval.Means().Values.ToArray(), (a, b) => Math.Abs(a - b) < 1e-9);
    }

    private static float[] Rounded(float[] row)
    {
        using var scope = NewDisposeScope();
        return tensor(row).to(bfloat16).to(float32).data<float>().ToArray();
    }

    /// <summary>Softmax(q k / sqrt(d)) of every query head, in double precision.</summary>
    private sealed class Rows(ModelConfig config) : IStepObserver
    {
        public float[][] Of { get; } = new float[config.Layers * config.QueryHeads][];

        public void After(int layer, ReadOnlySpan<float> queries, StepWeights weights, LayerCache cache)
        {
            using var scope = NewDisposeScope();
            var (keys, dim, n) = (cache.Keys().contiguous().data<float>().ToArray(), config.HeadDim, cache.Counts[0]);
            for (var head = 0; head < config.QueryHeads; head++)
            {
                var exponentials = new double[n];
                for (var j = 0; j < n; j++)
                {
                    double dot = 0;
                    for (var i = 0; i < dim; i++) dot += (double)queries[head * dim + i] * keys[((long)(head / config.Group) * n + j) * dim + i];
                    exponentials[j] = Math.Exp(dot / Math.Sqrt(dim));
                }
                var sum = exponentials.Sum();
                Of[layer * config.QueryHeads + head] = [.. exponentials.Select(w => (float)(w / sum))];
            }
        }
    }
}
