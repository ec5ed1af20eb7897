using HeadKvLab.Cache;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Compression;
using HeadKvLab.Calibration;
using HeadKvLab.World;

namespace HeadKvLab.Tests.Evaluation;

/// <summary>The shipped model and what compression may not change about it.</summary>
public sealed class BundledModelTests
{
    private static WorldSuite Suite(int contexts, int perContext) => WorldSuite.Make(WorldSplit.Validation, 512, 3 * contexts).Take(contexts, perContext);

    private static Method[] Methods(params string[] names)
    {
        var importances = CalibrationFolder.Load(Repository.Model.DirectoryName, Repository.Model.Config);
        return [.. names.Select(n => Catalogue.Find(n).Create(null, importances))];
    }

    [Fact]
    public void Its_tokenizer_is_the_worlds()
    {
        var text = "The holiday plan of Eva" + WorldSuite.Make(WorldSplit.Test, 512, 1).Contexts[0].Text;
        var world = WorldTokenizer.Shared;
        Assert.Equal(world.Size, Repository.Model.Config.VocabSize);
        Assert.Equal(text, world.Decode(Repository.Model.Tokenizer.Encode(text)));
    }

    [Fact]
    public void It_answers_most_questions_with_its_full_cache()
    {
        var rows = SuiteEvaluation.Run(Repository.Model, Suite(4, 8).ToSamples(), new EvaluationPlan([], []));
        Assert.True(rows.Average(r => r.Score) > 0.6, $"exact match {rows.Average(r => r.Score)} on {rows.Count} questions");
    }

    [Fact]
    public void Decoded_from_8_bit_weights_it_answers_nearly_as_well()
    {
        var narrow = HeadKvLab.Models.LanguageModel.Load(Repository.Model.DirectoryName, precision: HeadKvLab.Models.DecodePrecision.Int8);
        Assert.InRange(narrow.Engine.WeightBytes, 1, 0.6 * Repository.Model.Engine.WeightBytes);
        EvaluationPlan plan = new([], []);
        var suite = Suite(4, 8).ToSamples();
        var (exact, rounded) = (SuiteEvaluation.Run(Repository.Model, suite, plan).Average(r => r.Score), SuiteEvaluation.Run(narrow, suite, plan).Average(r => r.Score));
        Assert.InRange(rounded, exact - 0.1, 1);
    }

    [Fact]
    public void Without_its_context_it_answers_nothing()
    {
        var suite = Suite(3, 8);
        var bare = suite with { Contexts = [.. suite.Contexts.Select(c => c with { Text = "The weaver of Tampa wrote." })] };
        var rows = SuiteEvaluation.Run(Repository.Model, bare.ToSamples(), new EvaluationPlan([], [])).Where(r => r.Answers[0].Contains(' ')).ToArray();
        Assert.NotEmpty(rows);
        Assert.Equal(0, rows.Sum(r => r.Score));
    }

    [Fact]
    public void A_budget_as_large_as_the_prompt_changes_no_answer()
    {
        var plan = new EvaluationPlan(Methods("StreamingLLM", "SnapKV", "HeadKV-R2"), [1.0]);
        foreach (var question in SuiteEvaluation.Run(Repository.Model, Suite(2, 3).ToSamples(), plan).GroupBy(r => r.Question))
        {
            Assert.Equal(4, question.Count());
            Assert.Single(question.Select(r => (r.Prediction, r.Entries, r.Bytes)).Distinct());
        }
    }

    [Theory]
    [InlineData(FirstToken.RecomputeLast)]
    [InlineData(FirstToken.FullFirst)]
    public void Every_method_stores_exactly_the_nominal_entries_and_their_bytes(FirstToken first)
    {
        var config = Repository.Model.Config;
        var plan = new EvaluationPlan(Methods("StreamingLLM", "SnapKV", "HeadKV-R2", "HeadKV-R2-shuffled"), [0.06, 0.25]) { Protocol = Protocol.Standard with { FirstToken = first } };
        foreach (var row in SuiteEvaluation.Run(Repository.Model, Suite(1, 3).ToSamples(), plan))
        {
            var nominal = row.Variant.IsFull ? row.PromptTokens : row.Variant.BudgetFor(row.PromptTokens).Entries;
            Assert.Equal((long)nominal * config.Layers * config.KvHeads, row.Entries);
            Assert.Equal(row.Entries * 2 * config.HeadDim * sizeof(float), row.Bytes);
        }
    }

    [Fact]
    public void Needles_are_where_the_prompt_says()
    {
        var (model, set) = (Repository.Model, NeedleSet.Load(Repository.Path("data", "suites", "needles")));
        foreach (var depth in new[] { 0, 0.5, 1 })
        {
            var needle = set.Reasoning[1];
            var prompt = HaystackPrompt.Build(model.Tokenizer, set, needle, 400, depth);
            Assert.Equal(needle.Answer, model.Tokenizer.Decode(prompt.Ids.AsSpan(prompt.AnswerStart, prompt.AnswerLength)).Trim());
            Assert.InRange(prompt.Ids.Length, 360, 400);
        }
    }

    [Fact]
    public void Attention_rows_sum_to_one_and_see_all_positions()
    {
        var model = Repository.Model;
        var recorder = new AttentionRecorder(model.Config);
        using var cache = new RaggedCache(model.CacheShape());
        var step = model.Step.Session(recorder);
        foreach (var id in model.Tokenizer.Encode("The holiday plan of Eva is")) step.Run(id, cache);
        var positions = cache.LogicalLength;
        for (var layer = 0; layer < model.Config.Layers; layer++)
            for (var head = 0; head < model.Config.QueryHeads; head++)
                Assert.Equal(1, recorder.Row(layer).Slice(head * positions, positions).ToArray().Sum(), 4);
    }
}
