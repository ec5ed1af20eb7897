using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Compression;
using HeadKvLab.Calibration;
using HeadKvLab.Models;
using HeadKvLab.World;

namespace HeadKvLab.Tests.Evaluation;

/// <summary>The evaluation of notebooks: methods as objects, rows in memory.</summary>
public sealed class SuiteEvaluationTests
{
    [Fact]
    public void Token_accuracy_by_hand()
    {
        var prompt = new PreparedPrompt([1], 1) { MaxNewTokens = 8, StopIds = [], Answers = ["a b c d"], AnswerIds = [5, 6, 7, 8], Metric = "exact_match", Score = _ => 0 };
        Assert.Equal(1, prompt.TokenAccuracy([5, 6, 7, 8]));
        Assert.Equal(0.5, prompt.TokenAccuracy([5, 9, 7, 9, 8]));   // in their place
        Assert.Equal(0.25, prompt.TokenAccuracy([5]));
        Assert.Equal(0, prompt.TokenAccuracy([]));
        Assert.Null((prompt with { AnswerIds = [] }).TokenAccuracy([5]));
    }

    [Fact]
    public void Methods_that_rows_could_not_tell_apart_are_refused()
    {
        var method = Catalogue.Find("SnapKV").Create();
        var suite = WorldSuite.Make(WorldSplit.Validation, 384, 1).ToSamples();
        var error = Assert.Throws<LabException>(() => SuiteEvaluation.Run(Repository.Model, suite, new EvaluationPlan([method, method with { Scorer = method.Scorer }], [0.5])));
        Assert.Contains("2 methods are named 'SnapKV'", error.Message);
    }

    /// <summary>H2O reads a whole prompt of its own; the others share one that goes on from the context.</summary>
    [Fact]
    public void Rows_come_question_by_question_in_the_order_of_the_plan()
    {
        var suite = WorldSuite.Make(WorldSplit.Validation, 384, 2).Take(1, 2).ToSamples();
        Method[] methods = [.. ((string[])["H2O", "SnapKV", "StreamingLLM"]).Select(name => Catalogue.Find(name).Create())];
        var rows = SuiteEvaluation.Run(Repository.Model, suite, new EvaluationPlan(methods, [0.25, 0.5]));
        string[] order = ["FullKV", "H2O", "SnapKV", "StreamingLLM", "H2O", "SnapKV", "StreamingLLM"];
        Assert.Equal(order.Concat(order), rows.Select(r => r.Variant.Method));
        Assert.Equal([1, 0.25, 0.25, 0.25, 0.5, 0.5, 0.5], rows.Take(7).Select(r => r.Share));
        Assert.All(rows.Chunk(7), question => Assert.Single(question.Select(r => r.Question).Distinct()));
    }

    /// <summary>Half of the prompt in every query head is as many times the KV heads' entries as query heads share one.</summary>
    [Fact]
    public void The_protocol_says_which_heads_own_entries()
    {
        var suite = WorldSuite.Make(WorldSplit.Validation, 384, 1).Take(1, 1).ToSamples();
        EvalRow Half(Granularity owners) => SuiteEvaluation.Run(Repository.Model, suite, new EvaluationPlan([Catalogue.Find("Knorm").Create()], [0.5]) { Protocol = Protocol.Standard with { Granularity = owners } }).Last();
        var (byKv, byQuery) = (Half(Granularity.KvHead), Half(Granularity.QueryHead));
        Assert.Equal(("kv-head", "query-head"), (byKv.Variant.Granularity, byQuery.Variant.Granularity));
        Assert.Equal(Repository.Model.Config.Group * byKv.Entries, byQuery.Entries);
    }

    [Fact]
    public void What_is_drawn_is_drawn_anew_for_each_context()
    {
        var importances = CalibrationFolder.Load(Repository.Model.DirectoryName, Repository.Model.Config);
        var seeds = new List<int>();
        Method Draw(Method method, int seed)
        {
            seeds.Add(seed);
            return Catalogue.Find(method.Name).Create(new Settings(("seed", seed)), importances);
        }
        var suite = WorldSuite.Make(WorldSplit.Validation, 384, 2).Take(2, 1).ToSamples();
        var shuffled = Catalogue.Find("HeadKV-R2-shuffled").Create(null, importances);
        SuiteEvaluation.Run(Repository.Model, suite, new EvaluationPlan([shuffled], [0.25]) { Draw = Draw });
        Assert.Equal(3, seeds.Distinct().Count());   // the plan's own, to find wrong settings early, and one for each context
    }

    /// <summary>The path of GPUs, on the CPU: prompts are read whole, compressed in main memory, decoded by tensors.</summary>
    [Theory, InlineData("standard"), InlineData("agnostic"), InlineData("paper")]
    public void Decoding_by_tensors_gives_the_same_rows(string protocol)
    {
        var config = Repository.Model.Config;
        var importances = CalibrationFolder.Load(Repository.Model.DirectoryName, config);
        Method[] methods = [.. ((string[])["SnapKV", "H2O", "HeadKV-R2", "RazorAttention"]).Select(name => Catalogue.Find(name).Create(null, importances))];
        var suite = WorldSuite.Make(WorldSplit.Validation, 384, 2).Take(1, 4).ToSamples();
        var plan = new EvaluationPlan(methods, [0.25]) { Protocol = Protocol.Find(protocol) };

        var byTensors = LanguageModel.Load(Repository.Model.DirectoryName);
        byTensors.Engine = new Engine(byTensors.Decoder, byTensors: true);
        var expected = SuiteEvaluation.Run(Repository.Model, suite, plan);
        var found = SuiteEvaluation.Run(byTensors, suite, plan);

        Assert.Equal(20, expected.Count);
        Assert.Equal(expected.Select(r => (r.Key, r.Prediction, r.Entries, r.Bytes, r.NewTokens)), found.Select(r => (r.Key, r.Prediction, r.Entries, r.Bytes, r.NewTokens)));
        Assert.Contains("leave --device out", Assert.Throws<LabException>(() => byTensors.Step).Message);
    }
}
