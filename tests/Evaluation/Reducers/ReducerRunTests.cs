using HeadKvLab.Compression;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Reducers;
using HeadKvLab.Evaluation.Reports;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;
using HeadKvLab.Evaluation.Suites;
using HeadKvLab.World;

namespace HeadKvLab.Tests.Evaluation.Reducers;

/// <summary>Reducers in evaluations: equal entries, whole prompts, refusals.</summary>
public sealed class ReducerRunTests
{
    private static readonly SampleSuite Suite = WorldSuite.Make(WorldSplit.Validation, 512, 2).Take(2, 3).ToSamples();

    private static IReadOnlyList<EvalRow> Run(string reducer, double share, string method = "FullKV", Protocol? protocol = null) => SuiteEvaluation.Run(Repository.Model, Suite,
        new EvaluationPlan([], [share]) { Shortened = [(Catalogue.Find(method).Create(), ReducerCatalogue.Parse(reducer)!)], Protocol = protocol ?? Protocol.Standard });

    [Theory, InlineData("BM25"), InlineData("Oracle"), InlineData("Dense"), InlineData("Middle-out")]
    public void The_shorter_prompt_has_the_entries_of_a_compressed_cache_to_the_byte(string reducer)
    {
        var shorter = Run(reducer, 0.2).Where(r => r.Variant.Reducer is not null).ToDictionary(r => r.Question);
        var compressed = SuiteEvaluation.Run(Repository.Model, Suite, new EvaluationPlan([Catalogue.Find("SnapKV").Create()], [0.2])).Where(r => !r.Variant.IsFull).ToArray();
        Assert.NotEmpty(compressed);
        Assert.All(compressed, row =>
        {
            var own = shorter[row.Question];
            Assert.Equal((row.PromptTokens, row.Entries, row.Bytes), (own.PromptTokens, own.Entries, own.Bytes));
            Assert.Equal(own.Entries, (long)own.ReadTokens! * own.Heads);
            Assert.NotNull(own.ReduceSeconds);
            Assert.Equal(0.2, own.Share);
        });
    }

    [Theory, InlineData("standard"), InlineData("agnostic")]
    public void A_budget_of_everything_changes_nothing(string protocol)
    {
        foreach (var question in Run("Middle-out", 1, protocol: Protocol.Find(protocol)).GroupBy(r => r.Question))
        {
            var (full, whole) = (question.First(), question.Last());
            Assert.True(full.Variant.IsFull && !whole.Variant.IsFull);
            Assert.Equal((full.Prediction, full.Entries, full.Bytes, full.PromptTokens), (whole.Prediction, whole.Entries, whole.Bytes, whole.ReadTokens));
        }
    }

    [Fact]
    public void A_part_is_read_and_its_cache_compressed_to_a_share_of_the_whole()
    {
        var rows = Run("BM25 keep=0.5", 0.1, "SnapKV").Where(r => r.Variant.Reducer is not null).ToArray();
        Assert.NotEmpty(rows);
        Assert.All(rows, r => Assert.Equal(((int)Math.Round(0.5 * r.PromptTokens), (long)Math.Round(0.1 * r.PromptTokens) * r.Heads), (r.ReadTokens!.Value, r.Entries)));
        Assert.Equal("SnapKV ~BM25 keep=0.5", rows[0].Variant.Name);
    }

    [Fact]
    public void Prompts_are_shortened_before_the_question_by_those_that_do_not_look_at_it()
    {
        var rows = Run("Random", 0.3, protocol: Protocol.Agnostic).Where(r => r.Variant.Reducer is not null).ToArray();
        var compressed = SuiteEvaluation.Run(Repository.Model, Suite, new EvaluationPlan([Catalogue.Find("SnapKV").Create()], [0.3]) { Protocol = Protocol.Agnostic }).Where(r => !r.Variant.IsFull).ToDictionary(r => r.Question);
        Assert.All(rows, r => Assert.Equal(compressed[r.Question].Entries, r.Entries));
        Assert.Contains("chooses by the question", Assert.Throws<LabException>(() => Run("BM25", 0.3, protocol: Protocol.Agnostic)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_budget_without_room_for_the_context_is_refused() =>
        Assert.Contains("leaves no token for the context", Assert.Throws<LabException>(() => Run("Lead", 0.01)).Message, StringComparison.Ordinal);

    /// <summary>A budget grid goes to the full cache where a reducer shortens the prompt, and a reducer with a share of its own has that share alone.</summary>
    [Fact]
    public void Grids_give_reducers_their_budgets()
    {
        var grid = new VariantGrid { Methods = ["FullKV", "FullKV ~bm25", "FullKV ~Lead keep=0.5", "SnapKV kernel=5 @int4 ~BM25 keep=0.25"], KvSizes = [64], Shares = [0.1] };
        Assert.Equal(["FullKV:full", "FullKV ~Lead keep=0.5:50 %", "FullKV ~BM25:64", "FullKV ~BM25:10 %", "SnapKV @int4 ~BM25 keep=0.25:64", "SnapKV @int4 ~BM25 keep=0.25:10 %"],
            grid.Variants(Protocol.Standard).OrderBy(v => !v.IsFull).ThenBy(v => v.Format is not null).ThenByDescending(v => v.Name.Contains("Lead", StringComparison.Ordinal)).Select(v => $"{v.Name}:{v.BudgetName}"));
        Assert.Contains("chooses by the question", Assert.ThrowsAny<LabException>(() => grid.Variants(Protocol.Agnostic)).Message, StringComparison.Ordinal);
        Assert.Contains("several of one cache", Assert.ThrowsAny<LabException>(() => (grid with { Methods = ["FullKV ~Lead"] }).Variants(Protocol.Find("turns-golden"))).Message, StringComparison.Ordinal);
        Assert.Contains("reducer 'BM26' is unknown", Assert.ThrowsAny<LabException>(() => (grid with { Methods = ["FullKV ~BM26"] }).Variants(Protocol.Standard)).Message, StringComparison.Ordinal);
        Assert.Contains("shortens the prompt", Assert.Throws<LabException>(() => CachePolicy.Parse("FullKV ~BM25")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Reports_tell_how_many_tokens_were_read()
    {
        var rows = Run("BM25", 0.2);
        var cells = ScoreCells.Of(rows);
        Assert.Contains("prompt tokens read", ResultReport.Markdown(cells), StringComparison.Ordinal);
        Assert.DoesNotContain("prompt tokens read", ResultReport.Markdown(ScoreCells.Of(rows.Where(r => r.Variant.IsFull))), StringComparison.Ordinal);
        Assert.All(cells.Where(c => c.Variant.Reducer is not null), c => Assert.InRange(c.ReadTokens / c.PromptTokens, 0.19, 0.21));
        Assert.All(cells.Where(c => c.Variant.IsFull), c => Assert.Equal(c.PromptTokens, c.ReadTokens));
    }

    /// <summary>The parts of a prompt, one after the other, are the prompt; of one that is too long the middle of the context is missing.</summary>
    [Theory, InlineData(20, false), InlineData(3000, true)]
    public void Parts_make_the_prompt(int sentences, bool cut)
    {
        var words = string.Concat(Enumerable.Range(0, sentences).Select(i => $"And the maid chose {i} nuts. "));
        var set = new SampleSet(KnownDatasets.Find("qasper"), "Read this: {context}\nQuestion: {input}\nAnswer:", [new("s", words, "who chose nuts?", ["x"])]);
        var tokenizer = Repository.Model.Tokenizer;
        var parts = Protocol.Standard.Parts(Repository.Model, set, set.Samples[0]);
        Assert.StartsWith("Read this:", tokenizer.Decode(parts.Before), StringComparison.Ordinal);
        Assert.Equal(tokenizer.BosId, parts.Before[0]);
        Assert.Contains("Question: who chose nuts?\nAnswer:", tokenizer.Decode(parts.After), StringComparison.Ordinal);
        Assert.StartsWith("And the maid chose 0 nuts.", tokenizer.Decode(parts.Context).TrimStart(), StringComparison.Ordinal);
        var prompt = Protocol.Standard.Prompt(Repository.Model, set, set.Samples[0]);
        Assert.Equal(cut, prompt.Truncated);
        if (!cut) Assert.Equal(prompt.Ids, (int[])[.. parts.Before, .. parts.Context, .. parts.After]);
    }

    /// <summary>Every question of a world suite tells the sentences from which its answer follows, and a file keeps them.</summary>
    [Fact]
    public void World_questions_tell_their_evidence()
    {
        var suite = WorldSuite.Make(WorldSplit.Validation, 512, 4, families: [.. WorldFamilies.Reported, WorldFamily.List, WorldFamily.Count]);
        Assert.All(suite.Questions, q => Assert.All(q.Question.Evidence, sentence => Assert.Contains(sentence, q.Context.Text, StringComparison.Ordinal)));
        Assert.All(suite.Questions.Where(q => q.Question.Family is WorldFamily.Hop or WorldFamily.R2Attr), q => Assert.Equal(2, q.Question.Evidence.Count));
        Assert.All(suite.Questions.Where(q => q.Question.Family is not (WorldFamily.List or WorldFamily.Count)), q => Assert.Contains(q.Question.Evidence, sentence => sentence.Contains(q.Question.Answer, StringComparison.Ordinal)));
        var file = Path.Combine(Directory.CreateTempSubdirectory().FullName, suite.Name + ".jsonl");
        suite.Save(file);
        Assert.Equal(suite.Questions.Select(q => string.Join('|', q.Question.Evidence)), WorldSuite.Load(file).Questions.Select(q => string.Join('|', q.Question.Evidence)));
var made = suite.ToSamples().Sets.SelectMany(s => s.Samples).ToDictionary(s => s.Id, s => s.Evidence);
        Assert.All(LongBenchRecords.Read(file), r => Assert.Equal(made[r.Sample.Id], r.Sample.Evidence));
    }
}
