using System.Text.Json;
using HeadKvLab.Evaluation.Metrics;
using HeadKvLab.Evaluation.Suites;

namespace HeadKvLab.Tests.Evaluation;

public class LooGleTests
{
    private static object? Parse(string text) => PythonLiteral.Parse(text, "here");

    [Theory]
    [InlineData("'a'", "a"), InlineData("\"it's\"", "it's"), InlineData(@"'it\'s \x41\u00e9\U0001F600\n\101'", "it's A\u00e9\U0001F600\nA"), InlineData(@"'\d'", @"\d"), InlineData("'a' \"b\"\n'c'", "abc"), InlineData("'a\\\nb'", "ab"), InlineData(" '' ", "")]
    public void ReadsTexts(string literal, string text) => Assert.Equal(text, Parse(literal));

    [Fact]
    public void ReadsNumbersListsAndDictionaries()
    {
        var list = Assert.IsType<List<object?>>(Parse("[1, -2.5, 1_000, 1e3, True, False, None, (), (1,), {'Q': 'x', 2: [],},]"));
        Assert.Equal([1.0, -2.5, 1000.0, 1000.0, true, false, null], list[..7]);
        Assert.Equal([1.0], Assert.IsType<List<object?>>(list[8]));
        var pairs = Assert.IsType<Dictionary<string, object?>>(list[9]);
        Assert.Equal("x", pairs["Q"]);
        Assert.Empty(Assert.IsType<List<object?>>(pairs["2"]));
    }

    [Theory]
    [InlineData(""), InlineData("["), InlineData("['a'"), InlineData("'a"), InlineData("'a\\"), InlineData("[1,,2]"), InlineData("[,]"), InlineData("[1 2]"), InlineData("{'a'}"), InlineData("{'a':}"), InlineData("1 2"), InlineData("[1]]"),
     InlineData("__import__('os')"), InlineData("open('x')"), InlineData("b'a'"), InlineData("f'{x}'"), InlineData("1+1"), InlineData("[x for x in y]"), InlineData(@"'\xg0'"), InlineData(@"'\U0011FFFF'"), InlineData("Trueish"), InlineData("lambda: 0")]
    public void RefusesWhatIsNoLiteralAndExecutesNothing(string text) => Assert.Contains("here: not a Python literal", Assert.Throws<LabException>(() => Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void DepthAndSizeAreLimited()
    {
        Assert.IsType<List<object?>>(Parse(new string('[', 60) + new string(']', 60)));
        Assert.Contains("nested", Assert.Throws<LabException>(() => Parse(new string('[', 100_000))).Message, StringComparison.Ordinal);
        Assert.Contains("characters", Assert.Throws<LabException>(() => Parse(new string(' ', (1 << 26) + 1))).Message, StringComparison.Ordinal);
    }

    /// <summary>The folders of a clone: LooGLE-testdata with the four files, config with prompts and lengths.</summary>
    [Fact]
    public void AClonesFoldersAreFoundWithAllTasks()
    {
        using var folder = new TemporaryFolder();
        void Write(string name, string text) => File.WriteAllText(Path.Combine(Directory.CreateDirectory(Path.Combine(folder.Path, Path.GetDirectoryName(name)!)).FullName, Path.GetFileName(name)), text);
        var types = KnownDatasets.LooGle.Select(d => d.Name).ToArray();
        Write("LooGLE-testdata/longdep_qa.jsonl", JsonSerializer.Serialize(new { input = "A text.", title = "t", qa_pairs = "[" + string.Join(", ", types.Select(t => $"{{'Q': 'What of {t}?', 'A': '3', 'type': '{t}', 'S': ['A text.']}}")) + "]", output = "None" }));
        Write("LooGLE-testdata/shortdep_qa.jsonl", """{"input":"A text.","title":"t","qa_pairs":"[{'S': 'A text.', 'Q': 'What?', 'A': 'It\\'s'}]","output":"none"}""");
        Write("LooGLE-testdata/shortdep_cloze.jsonl", """{"input":"A text.","title":"t","qa_pairs":"[{'Q': '<mask-0>', 'A': {'<mask-0>': 'Ann'}}]","output":"None"}""");
        Write("LooGLE-testdata/longdep_summarization.jsonl", """{"input":"A paper.","output":"Short.","question":"none","title":"2201.1","qa_pairs":"none"}""");
        Write("config/task2prompt.json", """{"shortdep_qa":"{input} Q: {Q}","longdep_qa":"{input} Q: {Q}","shortdep_cloze":"{input} {Q}","longdep_summarization":"{input} Sum: "}""");
        Write("config/task2maxlen.json", """{"shortdep_qa":300,"longdep_qa":500,"longdep_summarization":500,"shortdep_cloze":50}""");
        SampleSuite Open(string suite) => SuiteCatalogue.Open(suite, new SuiteOptions { CountTokens = text => text.Length, DataDirectory = folder.Path });
        Assert.Equal(types, Open("loogle").Sets.Select(s => s.Dataset.Name));
        Assert.Equal([64, 64, 32, 32], Open("loogle").Sets.Select(s => s.Dataset.MaxNewTokens));
        Assert.All(Open("loogle").Sets, set => Assert.Equal($"What of {set.Dataset.Name}?", Assert.Single(set.Samples).Input));
        var files = Open("loogle-files").Sets;
        Assert.Equal([("shortdep_qa", 300, 1), ("shortdep_cloze", 50, 1), ("longdep_qa", 500, 4), ("longdep_summarization", 500, 1)], files.Select(s => (s.Dataset.Name, s.Dataset.MaxNewTokens, s.Samples.Count)));
        Assert.Equal(["It's"], files[0].Samples[0].Answers);
        Assert.Equal("A paper. Sum: ", string.Concat(files[3].Prompt(files[3].Samples[0]).Context, files[3].Prompt(files[3].Samples[0]).Question));
    }

    [Fact]
    public void FourFilesWithTheirOwnPrompts()
    {
        using var folder = new TemporaryFolder();
        void Write(string name, string text) => File.WriteAllText(Path.Combine(folder.Path, name), text);
        Write("longdep_qa.jsonl", """{"input":"A text.","title":"t","qa_pairs":"[{'Q': 'How many?', 'A': '3', 'type': 'comprehension_and_reasoning', 'S': []}, {'Q': 'When?', 'A': 5, 'type': 'timeline reorder'}]","output":"None"}""" + "\n");
        Write("shortdep_cloze.jsonl", """{"input":"A text.","title":"t","qa_pairs":"[{'Q': '<mask-0> met <mask-1>', 'A': {'<mask-0>': 'Ann', '<mask-1>': \"O'Neil\"}}]","output":"None"}""");
        Write("longdep_summarization.jsonl", """{"input":"A paper.","title":"t","qa_pairs":"none","output":"Short."}""");
        Write("task2prompt.json", """{"longdep_qa":"{input} Q: {Q}","shortdep_cloze":"Like {{'<mask-0>': 'Bob'}}\n{input}\n{Q}","longdep_summarization":"{input}\n Sum: "}""");
        Write("task2maxlen.json", """{"shortdep_cloze":9}""");
        var data = new DataFolder(folder.Path);
        var paper = LooGle.LongDependency(data);
        Assert.Equal(["comprehension_and_reasoning", "timeline_reorder"], paper.Sets.Select(s => s.Dataset.Name));
        Assert.Equal(("Please answer the question based on the long texts below. \nA text.", "\nQuestion: How many?\nAnswer:"), paper.Sets[0].Prompt(paper.Sets[0].Samples[0]));
        Assert.Equal(["5"], paper.Sets[1].Samples[0].Answers);
        var files = LooGle.Everything(data);
        Assert.Equal(["shortdep_cloze", "longdep_qa", "longdep_summarization"], files.Sets.Select(s => s.Dataset.Name));
        Assert.Equal([9, 500, 500], files.Sets.Select(s => s.Dataset.MaxNewTokens));
        Assert.Equal(("Like {'<mask-0>': 'Bob'}\nA text.", "\n<mask-0> met <mask-1>"), files.Sets[0].Prompt(files.Sets[0].Samples[0]));
        Assert.Equal(("A paper.", "\n Sum: "), files.Sets[2].Prompt(files.Sets[2].Samples[0]));
        var truth = files.Sets[0].Samples[0].Answers[0];
        Assert.Equal(1, ListMetrics.Cloze("{'<mask-0>': 'ann', '<mask-1>': 'O\\'Neil'} and more", truth));
        Assert.Equal(0.5, ListMetrics.Cloze("{\"<mask-0>\": \"Bob\", \"<mask-1>\": \"O'Neil\"}", truth));
        Assert.Equal(0, ListMetrics.Cloze("Ann, O'Neil", truth));
        Write("longdep_qa.jsonl", """{"input":"A text.","qa_pairs":"[{'Q': 1}]","output":""}""");
        Assert.Contains("longdep_qa.jsonl, line 1, question 1", Assert.Throws<LabException>(() => LooGle.LongDependency(data)).Message, StringComparison.Ordinal);
        Write("longdep_qa.jsonl", """{"input":"A text.","qa_pairs":"[{'Q': 'x', 'A': 'y', 'type': 'guessing'}]","output":""}""");
        Assert.Contains("'guessing'", Assert.Throws<LabException>(() => LooGle.LongDependency(data)).Message, StringComparison.Ordinal);
    }
}
