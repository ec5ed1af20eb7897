using HeadKvLab.Cache;
using HeadKvLab.Calibration;
using HeadKvLab.Evaluation.Metrics;
using HeadKvLab.Models;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Calibration;

/// <summary>Which steps count for which equation, in both forms and protocols, on short prompts of the shipped model; what the equations give for a step is tested elsewhere.</summary>
public sealed class ScoredByDefinitionTests : FolderTests
{
    private const int Length = 90, Most = 50;
    private static readonly NeedleSet Set = NeedleSet.Load(Repository.Path("data", "suites", "needles"));
    private static readonly LanguageModel Model = Repository.Model;
    private static readonly HaystackGrid Grid = new([Length], [0, 1]);

    /// <summary>Needles of which the first is answered; its copied text is not its answer, and it has a haystack of its own.</summary>
    private static readonly Needle[] Needles = [.. Set.Retrieval.Take(2).Select(needle => needle with { Copied = needle.Text, Haystack = "Nobody came. The shore was grim. " })];

    /// <summary>Some steps from a prompt: tokens, and the attention of each layer at each step.</summary>
    private static (int[] Tokens, float[][][] Rows) Decoded(int[] prompt, int steps)
    {
        var recorder = new AttentionRecorder(Model.Config);
        using var cache = new RaggedCache(Model.CacheShape());
        using (NewDisposeScope()) Model.Decoder.Prefill(prompt.AsSpan(..^1), cache);
        var step = Model.Step.Session(recorder);
        var (tokens, rows) = (new int[steps], new float[steps][][]);
        for (var (i, token) = (0, prompt[^1]); i < steps; i++)
        {
            tokens[i] = token = Generation.Greedy(step.Run(token, cache));
            rows[i] = [.. Enumerable.Range(0, Model.Config.Layers).Select(layer => recorder.Row(layer).ToArray())];
        }
        return (tokens, rows);
    }

    /// <summary>Scores of one prompt: null where the answer does not pass. In the code's form every answer passes Eq. 1 here: fifty steps say more than the needle.</summary>
    private static (double[]? Retrieval, double[]? Reasoning) Definition(HaystackPrompt prompt, Needle needle, int answer, ScoreForm form)
    {
        var (tokens, rows) = Decoded(prompt.Ids, form == ScoreForm.Code ? Most : Math.Max(prompt.Needle.Length, answer));
        var heads = Model.Config.QueryHeads;
        int Steps(int most, params int[] stops) => Array.FindIndex(tokens, 0, most, stops.Contains) is >= 0 and var at ? at + 1 : most;
        int[] ends = [.. Model.Config.EosIds];
        var (first, second) = form == ScoreForm.Code ? (Steps(Most, 144), Steps(Math.Min(Most, answer), [144, .. ends])) : (Steps(Math.Max(prompt.Needle.Length, answer), ends), Steps(answer, ends));
        var (eq1, eq2) = (new double[Model.Config.Layers * heads], new double[Model.Config.Layers * heads]);
        for (var layer = 0; layer < Model.Config.Layers; layer++)
        {
            for (var i = 0; i < first; i++) RetrievalScore.Add(rows[i][layer], prompt.Ids, prompt.Needle.Start..(prompt.Needle.Start + prompt.Needle.Length), tokens[i], eq1.AsSpan(layer * heads, heads));
            for (var i = 0; i < second; i++) ReasoningScore.Add(form == ScoreForm.Code ? Bfloat16(rows[i][layer]) : rows[i][layer], prompt.Answer.Start, prompt.Answer.Length, eq2.AsSpan(layer * heads, heads));
        }
        string Said(int steps) => Model.Tokenizer.DecodeGenerated(tokens.AsSpan(0, steps)).Trim();
        return (form == ScoreForm.Code || QaF1.English(Said(first), needle.Answer) > 0.5 ? eq1 : null, QaF1.English(Said(second), needle.Answer) > 0.5 ? eq2 : null);
    }

    private static float[] Bfloat16(float[] row)
    {
        using var scope = NewDisposeScope();
        return tensor(row).to(bfloat16).to(float32).data<float>().ToArray();
    }

    [Theory]
    [InlineData(HaystackProtocol.Clean, ScoreForm.Paper), InlineData(HaystackProtocol.Clean, ScoreForm.Code), InlineData(HaystackProtocol.Reference, ScoreForm.Paper), InlineData(HaystackProtocol.Reference, ScoreForm.Code)]
    public void Every_test_counts_the_steps_of_its_form(HaystackProtocol protocol, ScoreForm form)
    {
        var length = protocol == HaystackProtocol.Clean ? Length : 200 + Length;
        HaystackGrid grid = new([length, length - 10], [0.5]);
        var (retrieval, reasoning, told) = (new HeadScores(Model.Config.Layers, Model.Config.QueryHeads), new HeadScores(Model.Config.Layers, Model.Config.QueryHeads), new List<(int, int, int)>());
        var reference = new ReferenceHaystack(Model.Tokenizer, length);
        foreach (var tokens in grid.Lengths)
            foreach (var needle in Needles)
                foreach (var depth in grid.Depths)
                {
                    var ids = protocol == HaystackProtocol.Reference ? reference.Build(needle.Haystack!, needle, tokens, (int)(100 * depth)) : [];
                    var prompt = protocol == HaystackProtocol.Clean ? HaystackPrompt.Build(Model.Tokenizer, Set, needle, tokens, depth) : new(ids, reference.FindNeedle(ids, needle.Copied), reference.FindAnswer(ids, needle.Copied));
                    var (eq1, eq2) = Definition(prompt, needle, protocol == HaystackProtocol.Clean ? prompt.AnswerLength : Model.Tokenizer.Encode(needle.Answer, addSpecial: false).Length, form);
                    if (eq1 is not null) retrieval.Add(eq1);
                    if (eq2 is not null) reasoning.Add(eq2);
                    told.Add((told.Count + 1, 4, Math.Max(retrieval.Tests, reasoning.Tests)));
                }
        var said = new List<(int, int, int)>();
        var result = HeadScoring.Run(Model, Set, Needles, grid, new ScoringPlan(protocol, form) { Recall = form == ScoreForm.Code ? (_, _) => 1 : null }, (done, all, passed) => said.Add((done, all, passed)));
        Assert.Equal((4, retrieval.Tests, reasoning.Tests), (result.TestsRun, result.Retrieval.Tests, result.Reasoning.Tests));
        Assert.Equal(told, said);
        Assert.True(retrieval.Tests + reasoning.Tests > 0, "nothing is answered: this shows nothing");
        if (retrieval.Tests > 0) Assert.Equal(retrieval.Means().Values.ToArray(), result.Retrieval.Means().Values.ToArray());
        if (reasoning.Tests > 0) Assert.Equal(reasoning.Means().Values.ToArray(), result.Reasoning.Means().Values.ToArray());
    }

    [Theory]
    [InlineData(0.5, 0), InlineData(0.51, 2)]
    public void A_recall_of_more_than_a_half_of_what_is_to_be_copied_counts(double recall, int counted)
    {
        var wanted = new List<string>();
        var result = HeadScoring.Run(Model, Set, Needles[..1], Grid, new ScoringPlan { Recall = (_, copied) => { wanted.Add(copied); return recall; } });
        Assert.Equal(counted, result.Retrieval.Tests);
        Assert.Equal([Needles[0].Copied, Needles[0].Copied], wanted);
    }

    [Fact]
    public void A_journal_saves_the_work_and_holds_for_one_measurement()
    {
        var plan = new ScoringPlan { Journal = Inside("journal") };
        var calls = 0;
        HeadScoreResult Run(ScoringPlan how, Needle needle) => HeadScoring.Run(Model, Set, [needle], Grid, how, (_, _, _) => calls++);
        var first = Run(plan, Needles[0]);
        Assert.Equal(2, calls);
        var second = Run(plan, Needles[0]);
        Assert.Equal(2, calls);                                                    // nothing is run again
        Assert.Equal((first.Retrieval.Tests, first.Reasoning.Tests), (second.Retrieval.Tests, second.Reasoning.Tests));
        Assert.Equal(first.Reasoning.Means().Values.ToArray(), second.Reasoning.Means().Values.ToArray());
        Assert.Contains("another measurement", Assert.Throws<LabException>(() => Run(plan, Needles[0] with { Copied = "other" })).Message);
        Assert.Contains("clean, form of the code", Assert.Throws<LabException>(() => Run(plan with { Form = ScoreForm.Code }, Needles[0])).Message);
        Assert.Throws<OperationCanceledException>(() => HeadScoring.Run(Model, Set, Needles, Grid, stop: new CancellationToken(canceled: true)));
    }

    /// <summary>A chat template is put around prompts whose folder brings no template of its own; this one refuses every message, which shows that it was asked.</summary>
    [Fact]
    public void A_chat_models_template_is_used_unless_the_needles_bring_one()
    {
        foreach (var file in Directory.GetFiles(Repository.Path("data", "models", "world-4m"))) File.CreateSymbolicLink(Inside(Path.GetFileName(file)), file);
        File.WriteAllText(Inside("chat_template.jinja"), "{{ raise_exception('asked') }}");
        using var chat = LanguageModel.Load(Folder);
        HaystackGrid one = new([Length], [0]);
        var plain = Set with { OwnTemplate = false };
        Assert.EndsWith("asked", Assert.Throws<LabException>(() => HeadScoring.Run(chat, plain, Needles[..1], one)).Message);
        Assert.Equal(1, HeadScoring.Run(chat, Set, Needles[..1], one).TestsRun);
        Assert.Equal(1, HeadScoring.Run(Model, plain, Needles[..1], one).TestsRun);
    }
}
