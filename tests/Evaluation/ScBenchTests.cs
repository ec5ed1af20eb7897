using System.Text.Json;
using HeadKvLab.Compression;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Suites;
using HeadKvLab.Models;

namespace HeadKvLab.Tests.Evaluation;

/// <summary>SCBench's files: both forms, prompts from the user's file, and what is refused.</summary>
public sealed class ScBenchTests : FolderTests
{
    private static readonly LanguageModel Model = Repository.Model;

    /// <summary>In the shape of the official dictionaries; the words are these tests' own.</summary>
    private const string Templates = """
        { "multiturn_templates": { "scbench_kv": "Find it in {{ }} below.\n\n{context}\n\n{input}", "scbench_vt": "{context}\n\n{input}", "scbench_mf": "{prefix}\n\n{context}\n\n{input}",
            "scbench_choice_eng": "Read.\n\n{context}\n\nQ: {question}\nA. {OPTION_A}\nB. {OPTION_B}\nC. {OPTION_C}\nD. {OPTION_D}\n\nThe the answer is", "scbench_summary_with_needles": "{context}\n\n{input}", "scbench_repoqa": "Code:\n\n{context}\n\n{input}" },
          "multiturn_follow_up_templates": { "scbench_kv": "{pre_ans}\n\n{input}", "scbench_vt": "{pre_ans}\n\n{input}", "scbench_mf": "{pre_ans}\n\n{prefix}\n\n{input}",
            "scbench_choice_eng": "{pre_ans}\n\nQ: {question}\nA. {OPTION_A}\nB. {OPTION_B}\nC. {OPTION_C}\nD. {OPTION_D}\n\nThe answer is", "scbench_summary_with_needles": "{pre_ans}\n\n{input}", "scbench_repoqa": "{pre_ans}\n\n{input}" },
          "multiturn_templates_scdq": { "scbench_kv": "Find it in {{ }} below.\n\n{context}", "scbench_vt": "{context}", "scbench_mf": "{prefix}\n\n{context}", "scbench_choice_eng": ["Read.\n\n{context}", "Q: {question}\nA. {OPTION_A}\nB. {OPTION_B}\nC. {OPTION_C}\nD. {OPTION_D}\n\nThe the answer is"],
            "scbench_summary_with_needles": "{context}", "scbench_repoqa": "Code:\n\n{context}" } }
        """;

    private const string Kv = """{"id": 7, "context": "The maid has k1: a1B and k2: c2D.", "multi_turns": [{"input": "k1?", "answer": "a1B"}, {"input": "k2?", "answer": "c2D"}], "unknown": [1]}""";

    private SampleSuite Open(string name, string task, params string[] lines)
    {
        File.WriteAllText(Inside("scbench-templates.json"), Templates);
        File.WriteAllLines(Inside(task + ".jsonl"), lines);
        return SuiteCatalogue.Open(name, new SuiteOptions { CountTokens = _ => 0, DataDirectory = Inside("") });
    }

    private string Refused(string task, params string[] lines) => Assert.Throws<LabException>(() => Open(ScBench.Names[ScBench.Tasks.ToList().IndexOf(task)], task, lines)).Message;

    [Fact]
    public void Its_own_form()
    {
        var suite = Open("scbench-kv", "scbench_kv", Kv);
        var set = Assert.Single(suite.Sets);
        Assert.Equal(("scbench-kv", "scbench_kv", 150, "scbench_contained"), (suite.Name, set.Dataset.Name, set.Dataset.MaxNewTokens, set.Dataset.Metric));
        Assert.Equal([("7-t1", "7", 1, "a1B"), ("7-t2", "7", 2, "c2D")], set.Samples.Select(s => (s.Id, s.Session!, s.Turn, s.Answers.Single())));
        Assert.Equal(("Find it in { } below.\n\nThe maid has k1: a1B and k2: c2D.", "\n\nk1?"), set.Prompt(set.Samples[0]));
        Assert.Equal(("a1B", "\n\nk2?"), (set.ReplyTo(set.Samples[0]), set.NextOf(set.Samples[1])));
        Assert.Equal("turns-golden", SuiteCatalogue.UsualProtocol("scbench-kv"));
    }

    /// <summary>Whole prompts already: nothing is put around them, and no templates are needed.</summary>
    [Fact]
    public void The_repacked_form()
    {
        File.WriteAllText(Inside("scbench_kv.jsonl"), """{"prompts": ["Find it.\n\nk1: a1B", "k1?", "k2?"], "ground_truth": ["a1B", "c2D"]}""");
        var set = Assert.Single(SuiteCatalogue.Open(Inside("scbench_kv.jsonl"), new SuiteOptions { CountTokens = _ => 0 }).Sets);
        Assert.Equal(("Find it.\n\nk1: a1B", "\n\nk2?"), set.Prompt(set.Samples[1]));
        Assert.Equal(("line-1-t2", "c2D", "\n\nk2?"), (set.Samples[1].Id, set.ReplyTo(set.Samples[1]), set.NextOf(set.Samples[1])));
    }

    [Fact]
    public void Choices_numbers_variables_and_mixed_turns()
    {
        var choice = Open("scbench-choice-eng", "scbench_choice_eng", """{"id": "x", "context": "Text.", "multi_turns": [{"input": "Where?", "answer": "Paris", "options": ["Rome", "Oslo", "Paris", "Riga"]}]}""").Sets.Single();
        Assert.Equal(["Paris", "C"], choice.Samples[0].Answers);
        Assert.Equal("\n\nQ: Where?\nA. Rome\nB. Oslo\nC. Paris\nD. Riga\n\nThe the answer is", choice.Prompt(choice.Samples[0]).Question);
        Assert.Equal("\n\nQ: Where?\nA. Rome\nB. Oslo\nC. Paris\nD. Riga\n\nThe answer is", choice.NextOf(choice.Samples[0]));
        var vt = Open("scbench-vt", "scbench_vt", """{"id": "x", "input": "Text.", "multi_turns": [{"input": "Which?", "answer": ["X1", "X2"]}]}""").Sets.Single();
        Assert.Equal((2, "X1, X2", "Text."), (vt.Samples[0].Answers.Count, vt.ReplyTo(vt.Samples[0]), vt.Prompt(vt.Samples[0]).Context));
        var mixed = Open("scbench-summary-with-needles", "scbench_summary_with_needles", """{"id": "x", "context": "Text.", "multi_turns": [{"input": "Sum up.", "answer": "All.", "task": "scbench_summary"}, {"input": "Key?", "answer": "12", "task": "scbench_passkey"}]}""");
        Assert.Equal([("scbench_summary_with_needles.summary", 800, "rouge_lsum"), ("scbench_summary_with_needles.passkey", 15, "scbench_passkey")], mixed.Sets.Select(s => (s.Dataset.Name, s.Dataset.MaxNewTokens, s.Dataset.Metric)));
        var code = Open("scbench-repoqa", "scbench_repoqa", """{"id": "x", "context": "C", "repo": "r", "lang": "python", "multi_turns": [{"input": "d", "answer": "def f(): 1", "name": "f"}, {"input": "d", "answer": "def g(): 2", "name": "g"}]}""").Sets.Single();
        Assert.Equal(["def f(): 1", "def g(): 2"], code.Samples[1].Classes);
    }

    /// <summary>Defect 1: the official prompt of a request tells the compressor the first question; the other one does not.</summary>
    [Fact]
    public void Math_find_leaks_only_in_the_official_prompt()
    {
        const string Line = """{"id": 1, "context": "4 9 2", "multi_turns": [{"input": "The largest number is", "answer": 9}, {"input": "The smallest number is", "answer": 2}]}""";
        var (usual, official) = (Open("scbench-mf", "scbench_mf", Line).Sets.Single(), Open("scbench-mf-official", "scbench_mf", Line).Sets.Single());
        Assert.Equal(("4 9 2", "\n\nWhat is the smallest number?\n\nThe smallest number is"), usual.Prompt(usual.Samples[1], request: true));
        Assert.Equal(("The largest number is\n\n4 9 2", "What is the smallest number?\n\nThe smallest number is"), official.Prompt(official.Samples[1], request: true));
        Assert.Equal(("What is the largest number?\n\n4 9 2", "\n\nThe largest number is"), usual.Prompt(usual.Samples[0]));
        Assert.NotEqual(usual.Hash(), official.Hash());
    }

    [Theory]
    [InlineData("scbench_kv", """{"context": "c", "multi_turns": []}""", "line 1: the session has no question")]
    [InlineData("scbench_kv", """{"context": "c", "multi_turns": [{"input": "q", "answer": ["a", "b"]}]}""", "line 1, turn 1: the answer must be one text or number")]
    [InlineData("scbench_kv", """{"context": "c", "multi_turns": [{"input": "q", "answer": "a"}, {"input": "q", "answer": ""}]}""", "line 1, turn 2: the answer must be one text or number")]
    [InlineData("scbench_kv", """{"context": "c", "multi_turns": [{"input": "q"}]}""", "line 1, turn 1: there is no answer")]
    [InlineData("scbench_kv", """{"context": "c", "multi_turns": [{"answer": "a"}]}""", "turn 1: field 'input' must be a string")]
    [InlineData("scbench_kv", """{"context": "c", "multi_turns": {"input": "q"}}""", "field 'multi_turns' must be a list")]
    [InlineData("scbench_kv", """{"context": " ", "multi_turns": [{"input": "q", "answer": "a"}]}""", "the context is empty")]
    [InlineData("scbench_kv", """{"multi_turns": [{"input": "q", "answer": "a"}]}""", "field 'input' must be there")]
    [InlineData("scbench_kv", """{"prompts": ["c", "q"], "ground_truth": []}""", "an answer for each of the 1 questions")]
    [InlineData("scbench_kv", """{"context": "c"}""", "neither multi_turns nor prompts and ground_truth")]
    [InlineData("scbench_choice_eng", """{"context": "c", "multi_turns": [{"input": "q", "answer": "a"}]}""", "a choice needs 4 options, there are 0")]
    [InlineData("scbench_choice_eng", """{"context": "c", "multi_turns": [{"input": "q", "answer": "a", "options": ["w", "x", "y", "z"]}]}""", "'a' is none of the options")]
    [InlineData("scbench_mf", """{"context": "c", "multi_turns": [{"input": "The largest is", "answer": "many"}]}""", "'many' is no number")]
    [InlineData("scbench_mf", """{"context": "c", "multi_turns": [{"input": "largest?", "answer": 3}]}""", "holds 'The ... is'")]
    [InlineData("scbench_repoqa", """{"context": "c", "multi_turns": [{"input": "q", "answer": "a"}]}""", "the function's name is missing")]
    [InlineData("scbench_summary_with_needles", """{"context": "c", "multi_turns": [{"input": "q", "answer": "a"}]}""", "does not say by which task")]
    [InlineData("scbench_summary_with_needles", """{"context": "c", "multi_turns": [{"input": "q", "answer": "a", "task": "scbench_vt"}]}""", "task 'scbench_summary_with_needles.vt' is unknown")]
    [InlineData("scbench_qa_eng", """{"context": "c", "multi_turns": [{"input": "q", "answer": ["a"]}]}""", "no template for scbench_qa_eng")]
    public void What_is_not_understood_is_refused_by_its_place(string task, string line, string message)
    {
        var told = Refused(task, line);
        Assert.Contains(message, told);
        Assert.Contains(message.StartsWith("no template", StringComparison.Ordinal) ? "scbench-templates.json" : $"{task}.jsonl", told);
    }

    [Fact]
    public void Missing_files_say_where_they_come_from()
    {
        var options = new SuiteOptions { CountTokens = _ => 0, DataDirectory = Inside("") };
        Assert.Contains("microsoft/SCBench", Assert.Throws<LabException>(() => SuiteCatalogue.Open("scbench-kv", options)).Message);
        File.WriteAllText(Inside("scbench_kv.jsonl"), Kv + "\n");
        Assert.Contains("no scbench-templates.json", Assert.Throws<LabException>(() => SuiteCatalogue.Open("scbench-kv", options)).Message);
        File.WriteAllText(Inside("scbench-templates.json"), """{"multiturn_templates": {}}""");
        Assert.Contains("'multiturn_follow_up_templates' must be an object", Assert.Throws<LabException>(() => SuiteCatalogue.Open("scbench-kv", options)).Message);
        Assert.Contains("give their folder with --data", Assert.Throws<LabException>(() => SuiteCatalogue.Open("scbench-vt", options with { DataDirectory = null })).Message);
        Assert.Contains("stands 2 times", Refused("scbench_kv", Kv, Kv));
    }

    /// <summary>A long context loses its middle, so that all answers fit; questions stay whole.</summary>
    [Fact]
    public void Only_the_context_is_cut()
    {
        var context = string.Concat(Enumerable.Range(0, 3000).Select(i => $"the maid chose {i % 90} nuts. "));
        var suite = Open("scbench-kv", "scbench_kv", JsonSerializer.Serialize(new { id = "a", context, multi_turns = new[] { new { input = "k1?", answer = "a1B" }, new { input = "k2?", answer = "c2D" } } }));
        var (set, session) = (suite.Sets[0], suite.Sessions()[0].ToArray());
        foreach (var protocol in (Protocol[])[Protocol.GoldenTurns, Protocol.OwnTurns, Protocol.Requests])
        {
            var prompt = protocol.Prompt(Model, set, set.Samples[0], session);
            Assert.True(prompt.Truncated);
            Assert.InRange(prompt.Ids.Length, Model.Config.MaxPositions - 2 * 151 - 60, Model.Config.MaxPositions - 2 * 151);
            Assert.EndsWith("\n\nk1?", Model.Tokenizer.Decode(prompt.Ids), StringComparison.Ordinal);
            Assert.StartsWith("Find it in { } below.\n\nthe maid chose 0", Model.Tokenizer.Decode(prompt.Ids), StringComparison.Ordinal);
        }
    }

    /// <summary>A context shorter than the window, and a later question longer than it; both modes run, scores as coded and corrected stand in the rows.</summary>
    [Fact]
    public void Short_contexts_and_long_questions_run()
    {
        var suite = Open("scbench-vt", "scbench_vt", """{"id": "x", "context": "It.", "multi_turns": [{"input": "Which?", "answer": ["X1"]}, {"input": "The maid of the town often chose nuts, and who went to the mine at night with the pilot?", "answer": ["X1"]}]}""");
        var variant = new Variant { Method = "SnapKV", KvSize = 12, Window = 8, Settings = Catalogue.Find("SnapKV").Resolve() };
        foreach (var protocol in (Protocol[])[Protocol.GoldenTurns, Protocol.OwnTurns, Protocol.Requests])
        {
            var rows = new List<EvalRow>();
            new EvalRunner(Model, new Store(rows), 0).Run([SuiteTasks.Lay(suite, protocol, Model, [Variant.Full, variant])]);
            Assert.Equal(4, rows.Count);
            Assert.All(rows, row => Assert.Equal((row.Score, "scbench_vt_official"), (row.Corrected!.Value, row.Metric)));
        }
    }

    private sealed class Store(List<EvalRow> rows) : IRowStore
    {
        public bool Has(string key) => rows.Exists(row => row.Key == key);

        public void Add(EvalRow row) => rows.Add(row);
    }
}
