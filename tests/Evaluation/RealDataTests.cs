using System.Text.Json;
using HeadKvLab.Evaluation.Metrics;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Suites;

namespace HeadKvLab.Tests.Evaluation;

/// <summary>The real files of the benchmarks, where they lie beside the repository.</summary>
public class RealDataTests(ITestOutputHelper log)
{
    /// <summary>tests/reference/make_longbench_scores.py scored the same predictions.</summary>
    [Theory]
    [InlineData("multi_news"), InlineData("multifieldqa_zh"), InlineData("passage_retrieval_zh")]
    public void LongBenchIsReadAndScored(string name)
    {
        var set = OfficialSuites.ReadLongBench(new DataFolder(SharedData.At("longbench")), [name]).Sets.Single();
        Assert.Equal(200, set.Samples.Count);
        var predictions = set.Samples.Select((own, i) => (Own: own, Next: set.Samples[(i + 1) % 200].Answers[0])).Select(p => (p.Own, Text: name switch
        {
            "multi_news" => string.Join('\n', p.Own.Context.Split('\n').Take(8)),
            "multifieldqa_zh" => p.Next + "，" + p.Own.Answers[0],
            _ => p.Own.Answers[0] + "或" + p.Next,
        }));
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, name + ".jsonl");
        File.WriteAllLines(path, predictions.Select(p => JsonSerializer.Serialize(new { pred = p.Text, answers = p.Own.Answers, all_classes = (string[]?)null, length = p.Own.Length })));
        using var golden = JsonDocument.Parse(File.ReadAllText(Repository.Path("tests", "fixtures", "metrics", "longbench-scores.json")));
        var wanted = golden.RootElement.GetProperty(name);
        var score = PredictionFile.Score(path, name);
        Assert.Equal(wanted.GetProperty("score").GetDouble(), score.Score);
        foreach (var (own, other) in score.Samples.Zip(wanted.GetProperty("samples").EnumerateArray())) Assert.Equal(other.GetDouble(), own, 12);
    }

    /// <summary>The answers themselves score full marks; the longest prompts are cut to the protocol's length.</summary>
    [Fact]
    public void AllFilesTogetherMakeASuite()
    {
        var suite = SuiteCatalogue.Open("longbench", new SuiteOptions { CountTokens = text => text.Length, DataDirectory = SharedData.At("longbench") });
        Assert.Equal(["multifieldqa_zh", "multi_news", "passage_retrieval_zh"], suite.Sets.Select(s => s.Dataset.Name));
        Assert.Equal([64, 512, 32], suite.Sets.Select(s => s.Dataset.MaxNewTokens));
        foreach (var set in suite.Sets)
        {
            var metric = TextMetric.Named(set.Dataset.Metric);
            Assert.All(set.Samples.Where(s => s.Answers[0].Any(char.IsLetterOrDigit)), s => Assert.Equal(1, metric.Score(s.Answers[0], new Reference(s.Answers, s.Classes)), 6));
        }
        var longest = suite.Sets[1].Samples.MaxBy(s => s.Context.Length)!;
        var prompt = Protocol.Paper.Prompt(Repository.Model, suite.Sets[1], longest);
        Assert.True(prompt.Truncated);
        Assert.InRange(prompt.Ids.Length, 7900, 8000);
    }

    [Fact]
    public void LooGlesFourFiles()
    {
        var folder = new DataFolder(SharedData.At("loogle"));
        var paper = LooGle.LongDependency(folder);
        Assert.Equal(KnownDatasets.LooGle.Select(d => d.Name), paper.Sets.Select(s => s.Dataset.Name));
        Assert.All(paper.Sets, set => Assert.Equal("Please answer the question based on the long texts below. \n", set.Template[..set.Template.IndexOf('{')]));
        var files = LooGle.Everything(folder);
        Assert.Equal(["shortdep_qa", "shortdep_cloze", "longdep_qa", "longdep_summarization"], files.Sets.Select(s => s.Dataset.Name));
        Assert.Equal([300, 50, 500, 500], files.Sets.Select(s => s.Dataset.MaxNewTokens));
        Assert.Equal(paper.Sets.Sum(s => s.Samples.Count), files.Sets[2].Samples.Count);
        Assert.Equal(5, files.Sets[3].Samples.Count);
        Assert.All(files.Sets[1].Samples, s => Assert.Equal(1, ListMetrics.Cloze(s.Answers[0], s.Answers[0])));
        log.WriteLine(string.Join(", ", files.Sets.Select(s => $"{s.Dataset.Name} {s.Samples.Count}")));
    }

    [Fact]
    public void BabiLongsFilesAndNeedles()
    {
        var suite = BabiLong.Read(new DataFolder(SharedData.At("babilong")));
        Assert.Equal(["qa1_0k", "qa2_0k", "qa3_0k", "qa1_1k", "qa2_1k", "qa3_1k", "qa1_4k", "qa2_4k", "qa3_4k"], suite.Sets.Select(s => s.Dataset.Name));
        Assert.Equal([100, 100, 100, 100, 100, 100, 20, 20, 20], suite.Sets.Select(s => s.Samples.Count));
        Assert.All(suite.Sets.SelectMany(s => s.Samples), s => Assert.Equal(6, s.Classes.Count));
        var metric = TextMetric.Named("babilong");
        Assert.All(suite.Sets.SelectMany(s => s.Samples), s => Assert.Equal(1, metric.Score($"The {s.Answers[0]}.", new Reference(s.Answers, s.Classes, s.Input)) + (s.Input.Contains(s.Answers[0], StringComparison.Ordinal) ? 1 : 0)));
        var needles = SuiteCatalogue.Open("needle", new SuiteOptions { CountTokens = text => text.Length / 4, DataDirectory = SharedData.At("haystack"), Lengths = [2000], PerTask = 4 });
        Assert.Equal([12, 8], needles.Sets.Select(s => s.Samples.Count));
        Assert.All(needles.Sets.SelectMany(s => s.Samples), s => Assert.Contains(s.Answers[0], s.Context, StringComparison.OrdinalIgnoreCase));
    }
}
