using System.Text;
using HeadKvLab.Evaluation.Suites;

namespace HeadKvLab.Tests.Evaluation;

/// <summary>What stands in the files that users bring, and what they are told when it is wrong.</summary>
public sealed class SuiteFileTests : IDisposable
{
    private const string Good = """{"_id":"a","context":"Some text.","input":"What?","answers":["text"],"length":2,"dataset":"qasper","language":"en","all_classes":null}""";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Write(string name, string content) => Write(name, new UTF8Encoding(false).GetBytes(content));

    private string Write(string name, byte[] content)
    {
        var path = Path.Combine(_folder.Path, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
        return path;
    }

    private SampleSuite LongBenchWith(string content)
    {
        Write("dataset2prompt.json", """{"qasper":"Read {context}\nQ: {input} {braces}\nA:"}""");
        Write("qasper.jsonl", content);
        return OfficialSuites.ReadLongBench(new DataFolder(_folder.Path));
    }

    private static string Other(string id) => Good.Replace("\"_id\":\"a\"", $"\"_id\":\"{id}\"", StringComparison.Ordinal);

    [Theory]
    [InlineData("\uFEFF", "\n", "\n"), InlineData("", "\r\n", "\r\n"), InlineData("", "\n\n \t\n", ""), InlineData("\n\n", "\n", "\n\n"), InlineData("\uFEFF", "\r\n\r\n", "")]
    public void MarksReturnsBlanksAndAMissingLastNewlineDoNotMatter(string start, string between, string end)
    {
        var samples = LongBenchWith(start + Good + between + Other("b") + end).Sets.Single().Samples;
        Assert.Equal(["a", "b"], samples.Select(s => s.Id));
        Assert.Equal(new Sample("a", "Some text.", "What?", samples[0].Answers) { Classes = samples[0].Classes, Length = 2, Language = "en" }, samples[0]);
    }

    [Theory]
    [InlineData("", "no sample"), InlineData("\n \n", "no sample"), InlineData("\uFEFF", "no sample"),
     InlineData("G\n{\"_id\":\"b\",\"conte", "line 2: the line seems torn"),
     InlineData("G\nG", "line 2: id 'a' stands in line 1 too"), InlineData("G\n\nnonsense", "line 3"), InlineData("[1]", "line 1: holds a JSON array where an object"),
     InlineData("G\n{\"context\":\"x\",\"input\":\"y\",\"answers\":[]}", "line 2: 'answers' is empty"),
     InlineData("{\"context\":1,\"input\":\"y\",\"answers\":[\"x\"]}", "line 1: field 'context' must be a string"), InlineData("{\"context\":\"x\",\"answers\":[\"x\"]}", "line 1: field 'input' must be there"),
     InlineData("{\"context\":null,\"input\":\"y\",\"answers\":[\"x\"]}", "'context' must be a string"),
     InlineData("{\"context\":\"x\",\"input\":\"y\",\"answers\":[true]}", "'answers' must be a list of strings"), InlineData("{\"context\":\"x\",\"input\":\"y\",\"answers\":[\"x\"],\"length\":\"2\"}", "'length' must be a whole number"),
     InlineData("{\"context\":\"x\",\"input\":\"y\",\"answers\":[\"x\"],\"all_classes\":{}}", "'all_classes' must be a list"), InlineData("{\"context\":\"x\",\"context\":\"z\",\"input\":\"y\",\"answers\":[\"x\"]}", "line 1"),
     InlineData("{\"context\":\"\\ud800\",\"input\":\"y\",\"answers\":[\"x\"]}", "line 1")]
    public void BrokenLinesAreNamed(string content, string wanted)
    {
        var message = Assert.Throws<LabException>(() => LongBenchWith(content.Replace("G", Good, StringComparison.Ordinal))).Message;
        Assert.Contains("qasper.jsonl", message, StringComparison.Ordinal);
        Assert.Contains(wanted, message, StringComparison.Ordinal);
    }

    [Fact]
    public void OtherEncodingsAreNamed()
    {
        Write("dataset2prompt.json", """{"qasper":"{context}"}""");
        Write("qasper.jsonl", Encoding.Unicode.GetPreamble().Concat(Encoding.Unicode.GetBytes(Good)).ToArray());
        Assert.Contains("line 1: not valid UTF-8", Assert.Throws<LabException>(() => OfficialSuites.ReadLongBench(new DataFolder(_folder.Path))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AVeryLongLineIsRead()
    {
        var path = Filled(200L << 20, """{"context":" """.TrimEnd(), "\",\"input\":\"q\",\"answers\":[\"x\"]}\n" + Good);
        Assert.Equal((0, $"{200 << 20} 10"), Records(path));
    }

    [Fact]
    public void AnEndlessLineIsRefused()
    {
        var path = Filled(300L << 20, Good + "\n", "");
        var (code, said) = Records(path);
        Assert.Equal(2, code);
        Assert.Contains("long.jsonl, line 2: longer than 256 MiB", said, StringComparison.Ordinal);
    }

    /// <summary>In a process of its own: what such lines take is above the limit that the tests' own heap has.</summary>
    private static (int Code, string Said) Records(string path)
    {
        var (code, said) = Child.Start("dotnet", ["exec", "--runtimeconfig", Repository.Path("bin", "HeadKvLab.runtimeconfig.json"), "--depsfile", Path.ChangeExtension(typeof(Child).Assembly.Location, ".deps.json"),
            typeof(Child).Assembly.Location, "records", path]).End();
        return (code, said.Trim());
    }

    /// <summary>The child: the lengths of the contexts.</summary>
    internal static int Tell(string path)
    {
        Console.Error.Write(string.Join(' ', LongBenchRecords.Read(path).Select(r => r.Sample.Context.Length)));
        return 0;
    }

    /// <summary>A file with a stretch of letters between two texts.</summary>
    private string Filled(long length, string start, string end)
    {
        var path = Path.Combine(_folder.Path, "long.jsonl");
        using var file = File.Create(path);
        file.Write(Encoding.UTF8.GetBytes(start));
        var block = Encoding.UTF8.GetBytes(new string('x', 1 << 20));
        for (var written = 0L; written < length; written += block.Length) file.Write(block);
        file.Write(Encoding.UTF8.GetBytes(end));
        return path;
    }

    [Fact]
    public void PromptsFillContextAndQuestionAndNothingElse()
    {
        var set = LongBenchWith(Good.Replace("Some text.", "about {input} and {context}", StringComparison.Ordinal)).Sets.Single();
        Assert.Equal(("Read about {input} and {context}", "\nQ: What? {braces}\nA:"), set.Prompt(set.Samples[0]));
        Assert.Equal(128, set.Dataset.MaxNewTokens);
        Write("config/dataset2maxlen.json", """{"qasper":7}""");
        Assert.Equal(7, OfficialSuites.ReadLongBench(new DataFolder(_folder.Path)).Sets.Single().Dataset.MaxNewTokens);
    }

    [Fact]
    public void LongBenchEHasFilesOfItsOwn()
    {
        LongBenchWith(Good);
        Write("data/qasper_e.jsonl", Good + "\n" + Other("b"));
        Assert.Equal(2, OfficialSuites.ReadLongBench(new DataFolder(_folder.Path), e: true).Sets.Single().Samples.Count);
        Assert.Equal(["0-4k", "4-8k", "4-8k", "8k+"], new[] { 3999, 4000, 7999, 8000 }.Select(LongBench.BucketOf));
    }

    [Theory]
    [InlineData("""{"qasper":7}""", "'qasper' must be a text"), InlineData("""{"hotpotqa":"{context}"}""", "no prompt for qasper"), InlineData("[]", "dataset2prompt.json"), InlineData("{", "dataset2prompt.json"), InlineData("", "dataset2prompt.json")]
    public void BrokenPromptFilesAreNamed(string prompts, string wanted)
    {
        LongBenchWith(Good);
        Write("dataset2prompt.json", prompts);
        Assert.Contains(wanted, Assert.Throws<LabException>(() => OfficialSuites.ReadLongBench(new DataFolder(_folder.Path))).Message, StringComparison.Ordinal);
        Write("dataset2prompt.json", """{"qasper":"{context}"}""");
        Write("dataset2maxlen.json", """{"qasper":"7"}""");
        Assert.Contains("'qasper' must be a whole number", Assert.Throws<LabException>(() => OfficialSuites.ReadLongBench(new DataFolder(_folder.Path))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MissingDataSayHowToGetThem()
    {
        var options = new SuiteOptions { CountTokens = text => text.Length, DataDirectory = _folder.Path };
        foreach (var name in (string[])["longbench", "longbench-e", "loogle", "loogle-files", "babilong", "hotpotqa,qasper"])
        {
            Assert.Contains("--data", Assert.Throws<LabException>(() => SuiteCatalogue.Open(name, options)).Message, StringComparison.Ordinal);
            Assert.Contains("docs/benchmarks.md", Assert.Throws<LabException>(() => SuiteCatalogue.Open(name, options with { DataDirectory = null })).Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("longbnech", "'longbench'"), InlineData("hotpot_qa", "'hotpotqa'"), InlineData("qasper,trek", "'trec'"), InlineData("rular", "'ruler'"), InlineData("2WikiMQA", "'2wikimqa'"), InlineData("needles", "'needle'")]
    public void UnknownSuitesGetTheNearestName(string name, string wanted)
    {
        var options = new SuiteOptions { CountTokens = text => text.Length, DataDirectory = _folder.Path };
        Assert.Contains($"did you mean {wanted}", Assert.Throws<LabException>(() => SuiteCatalogue.Open(name, options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void UnknownDatasetsInsideAFileAreNamedWithTheirLine()
    {
        Write("dataset2prompt.json", """{"qasper":"{context}"}""");
        var path = Write("own.jsonl", Good + "\n\n" + Other("b").Replace("qasper", "qaspar", StringComparison.Ordinal));
        var message = Assert.Throws<LabException>(() => SuiteCatalogue.ReadFile(path, new SuiteOptions { CountTokens = text => text.Length })).Message;
        Assert.Contains("own.jsonl, line 3: dataset 'qaspar' is unknown: did you mean 'qasper'", message, StringComparison.Ordinal);
    }

    [Fact]
    public void DataHashesChangeWithAnyPartOfTheData()
    {
        var set = LongBenchWith(Good).Sets.Single();
        SampleSet[] others = [set with { Template = "{context}" }, LongBenchWith(Good.Replace("What?", "Why?", StringComparison.Ordinal)).Sets[0], LongBenchWith(Good.Replace("[\"text\"]", "[\"te\",\"xt\"]", StringComparison.Ordinal)).Sets[0], LongBenchWith(Other("b")).Sets[0]];
        Assert.Equal(5, others.Append(set).Select(s => s.Hash()).Distinct().Count());
        Assert.Equal(set.Hash(), LongBenchWith("\uFEFF" + Good + "\r\n").Sets[0].Hash());
    }

    [Fact]
    public void BabiTextAndBabiLongLines()
    {
        Write("qa1_single-supporting-fact_test.txt", "1 Mary moved to the bathroom.\n2 John went to the hallway.\n3 Where is Mary? \tbathroom\t1\n4 Daniel went back.\n5 Where is John? \thallway\t2\n1 A new story.\n2 Where? \toffice\t1\n");
        Write("1k-qa1.jsonl", """{"input":"x Mary is here","question":"Where is Mary? ","target":"kitchen"}""");
        Write("notes.txt", "not of the benchmark");
        var suite = BabiLong.Read(new DataFolder(_folder.Path));
        Assert.Equal(["qa1_0k", "qa1_1k"], suite.Sets.Select(s => s.Dataset.Name));
        Assert.Equal(["Mary moved to the bathroom. John went to the hallway.", "Mary moved to the bathroom. John went to the hallway. Daniel went back.", "A new story."], suite.Sets[0].Samples.Select(s => s.Context));
        Assert.Equal(["Where is Mary?", "Where is John?", "Where?"], suite.Sets[0].Samples.Select(s => s.Input));
        Assert.Equal(["bathroom", "bedroom", "garden", "hallway", "kitchen", "office"], suite.Sets[1].Samples[0].Classes);
        Assert.EndsWith("<context>\nx Mary is here\n</context>\n\nQuestion: Where is Mary?", string.Concat(suite.Sets[1].Prompt(suite.Sets[1].Samples[0]).ToTuple().Item1, suite.Sets[1].Prompt(suite.Sets[1].Samples[0]).Question), StringComparison.Ordinal);
        Write("0k-qa2.txt", "1 Mary moved.\n2 Where is Mary?\t\n");
        Assert.Contains("0k-qa2.txt, line 2", Assert.Throws<LabException>(() => BabiLong.Read(new DataFolder(_folder.Path))).Message, StringComparison.Ordinal);
        Write("0k-qa2.txt", "Mary moved.\n");
        Assert.Contains("0k-qa2.txt, line 1", Assert.Throws<LabException>(() => BabiLong.Read(new DataFolder(_folder.Path))).Message, StringComparison.Ordinal);
    }
}
