using System.Text.Json;
using HeadKvLab.Cli;
using HeadKvLab.Evaluation.Metrics;
using HeadKvLab.Evaluation.Suites;

namespace HeadKvLab.Tests.Evaluation;

public class MetricTests
{
    private sealed record Pair(string Metric, string Prediction, string[] Answers, string[] Classes, string Question, double Score);

    private static readonly JsonSerializerOptions Json = new() { PropertyNameCaseInsensitive = true };

    public static TheoryData<string> Metrics => [.. Pairs.Keys];

    private static Dictionary<string, Pair[]> Pairs { get; } = JsonSerializer.Deserialize<Pair[]>(File.ReadAllText(Repository.Path("tests", "fixtures", "metrics", "pairs.json")), Json)!
        .GroupBy(p => p.Metric).ToDictionary(g => g.Key, g => g.ToArray());

    /// <summary>tests/reference/make_metric_pairs.py computed these with Python's own strings, regular expressions and difflib.</summary>
    [Theory]
    [MemberData(nameof(Metrics))]
    public void EqualsTheDefinitionInPython(string metric)
    {
        var scorer = TextMetric.Named(metric);
        Assert.True(Pairs[metric].Length > 20);
        foreach (var pair in Pairs[metric])
        {
            var score = scorer.Score(pair.Prediction, new Reference(pair.Answers, pair.Classes, pair.Question));
            Assert.True(Math.Abs(score - pair.Score) < 1e-12, $"'{pair.Prediction}' for '{string.Join("' or '", pair.Answers)}': {score} instead of {pair.Score}");
        }
    }

    [Fact]
    public void EqualsTheSharedExamples()
    {
        using var examples = JsonDocument.Parse(File.ReadAllText(Repository.Path("tests", "fixtures", "golden", "metric-examples.json")));
        foreach (var name in (string[])["qa_f1", "rouge_l"])
            foreach (var e in examples.RootElement.GetProperty(name).EnumerateArray())
                Assert.Equal(e[2].GetDouble(), TextMetric.Named(name).Score(e[0].GetString()!, new Reference([e[1].GetString()!], [])), 12);
        foreach (var e in examples.RootElement.GetProperty("code_sim").EnumerateArray())
            foreach (var (field, metric) in (ReadOnlySpan<(string, string)>)[("difflib", "code_sim_difflib"), ("indel", "code_sim_insert_delete")])
                Assert.Equal(e.GetProperty(field).GetDouble(), TextMetric.Named(metric).Score(e.GetProperty("prediction").GetString()!, new Reference([e.GetProperty("truth").GetString()!], [])), 12);
    }

    /// <summary>In a text of 200 characters difflib passes over what stands more than 200 / 100 + 1 = 3 times. X stands three times: with it the ratio is 42 / 226, without it nothing matches (Python's difflib).</summary>
    [Fact]
    public void AnElementOnTheEdgeOfPopularIsLookedAt() => Assert.Equal(0.19, EditSimilarity.Difflib("zzedddeXdbcaqqececebXacaay",
        "beebcedeaeadcebbdeeddbbbedaabeacacdedddeXdbcaabdbcdcdedeceedebcacebceeeabeccaaddacadbacddaaeeadececebXacaaaeeabdcecbacccbdddedeeaeecdbcdcececadecadeebacXdccecdaeaaccdceecbcbcceccdaaebcebcbcbdaaeccbdba"));

    /// <summary>The package recurses once for each step back: 990 fit on Python's stack below the official script.</summary>
    [Fact]
    public void TheStackOfPythonIsAVariant()
    {
        string Text(int words) => string.Join(' ', Enumerable.Range(0, words));
        foreach (var (words, score) in ((int, double)[])[(990, 1), (991, 0)])
        {
            Assert.Equal(score, TextMetric.Named("rouge_l_python_stack").Score(Text(words), new Reference([Text(words)], [])), 6);
            Assert.Equal(1, TextMetric.Named("rouge_l").Score(Text(words), new Reference([Text(words)], [])), 6);
        }
    }

    /// <summary>The name in every row says which of the two it is, of Chinese texts too.</summary>
    [Theory]
    [InlineData("rouge_l", "rouge_l_any_length"), InlineData("rouge_l_python_stack", "rouge_l_python_stack"), InlineData("rouge_l_zh", "rouge_l_any_length_zh_characters"),
     InlineData("rouge_l_zh_characters", "rouge_l_any_length_zh_characters"), InlineData("rouge_l_python_stack_zh", "rouge_l_python_stack_zh_characters")]
    public void TheNameOfRougeLSaysWhatLongTextsScore(string asked, string name)
    {
        Assert.Equal(name, TextMetric.Named(asked).Name);
        Assert.Contains(name, TextMetric.Names);
        var (words, other) = (string.Concat(Enumerable.Repeat("长", 700)), string.Concat(Enumerable.Repeat("短", 400)));     // 700 steps over the one, 400 over the other
        if (!name.Contains("_zh", StringComparison.Ordinal)) (words, other) = (string.Join(' ', words.ToCharArray()), string.Join(' ', other.ToCharArray()));
        var score = TextMetric.Named(asked).Score(words + (words.Contains(' ') ? " " : "") + other, new Reference([other + (words.Contains(' ') ? " " : "") + words], []));
        Assert.Equal(name.Contains("stack", StringComparison.Ordinal) ? 0 : 1, score > 0 ? 1 : 0);
    }

    /// <summary>The words of Porter's paper and of NLTK's extensions.</summary>
    [Theory]
    [InlineData("caresses", "caress"), InlineData("ponies", "poni"), InlineData("ties", "tie"), InlineData("cats", "cat"), InlineData("agreed", "agre"), InlineData("plastered", "plaster"),
     InlineData("motoring", "motor"), InlineData("conflated", "conflat"), InlineData("hopping", "hop"), InlineData("falling", "fall"), InlineData("filing", "file"), InlineData("happy", "happi"),
     InlineData("relational", "relat"), InlineData("conditional", "condit"), InlineData("digitizer", "digit"), InlineData("operator", "oper"), InlineData("feudalism", "feudal"),
     InlineData("hopefulness", "hope"), InlineData("triplicate", "triplic"), InlineData("formalize", "formal"), InlineData("goodness", "good"), InlineData("revival", "reviv"),
     InlineData("adjustable", "adjust"), InlineData("replacement", "replac"), InlineData("adoption", "adopt"), InlineData("effective", "effect"), InlineData("probate", "probat"),
     InlineData("controll", "control"), InlineData("roll", "roll"), InlineData("dying", "die"), InlineData("skies", "sky"), InlineData("enjoy", "enjoy"), InlineData("died", "die"), InlineData("spied", "spi")]
    public void StemsAsPorterDoes(string word, string stem) => Assert.Equal(stem, PorterStemmer.Stem(word));

    [Fact]
    public void NeedlesAreScoredByStems()
    {
        const string needle = "The best thing to do in San Francisco is eat a sandwich and sit in Dolores Park on a sunny day.";
        Assert.Equal(1, Rouge1.Score(needle.ToUpperInvariant(), needle));
        Assert.Equal(2 * (3 / 3.0) * (3 / 21.0) / (3 / 3.0 + 3 / 21.0), Rouge1.Score("eating sandwiches sunny".Replace("eating", "eat", StringComparison.Ordinal), needle), 12); // sandwiches and sandwich share a stem
        Assert.Equal(0, Rouge1.Score("", needle));
    }

    [Fact]
    public void RulerAndBabiLongByHand()
    {
        Assert.Equal(2 / 3.0, ListMetrics.AllSubstrings("Alpha,\u0001 BETA", ["alpha", "beta", "gamma"]), 12);
        string[] rooms = ["kitchen", "garden", "hallway"];
        Assert.Equal(1, ListMetrics.Labels("Kitchen. Not the garden.", "kitchen", "Where is Mary?", rooms));
        Assert.Equal(0, ListMetrics.Labels("kitchen or garden", "kitchen", "Where is Mary?", rooms));
        Assert.Equal(1, ListMetrics.Labels("kitchen, before the garden", "kitchen", "Where was Mary before the garden?", rooms));
        Assert.Equal(1, ListMetrics.Labels("garden and kitchen", "kitchen,garden", "Where?", rooms));
    }

    [Fact]
    public void ADictionaryCutsTheLikeliestWay()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "dict.txt");
        File.WriteAllText(path, "我 100 r\n来到 50 v\n北京 80 ns\n清华 20 nz\n清华大学 10 nt\n大学 60 n\n华大 1 nz\n");
        Assert.Equal(["我", "来到", "北京", "清华大学"], Segmenter.Load(path).Cut("我来到北京清华大学"));
        Assert.Equal(["abc12", "北京", "，", "x"], Segmenter.Load(path).Cut("abc12北京，x"));
        File.WriteAllText(path, "");
        Assert.Throws<LabException>(() => Segmenter.Load(path));
    }

    [Fact]
    public void ScoresAFileAsTheOfficialScriptDoes()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "p.jsonl");
        // byte-order mark, carriage returns, a blank line, no last newline
        File.WriteAllText(path, "\uFEFF{\"pred\":\"\\n\\nParis\\nand more\",\"answers\":[\"Lyon\",\"the Paris\"],\"all_classes\":null,\"length\":10}\r\n\r\n{\"pred\":\"x\",\"answers\":[\"y\"],\"length\":5000}", new System.Text.UTF8Encoding(false));
        var score = PredictionFile.Score(path, "triviaqa", byLength: true);
        Assert.Equal([1, 0], score.Samples);
        Assert.Equal(50, score.Score);
        Assert.Equal(new Dictionary<string, double> { ["0-4k"] = 100, ["4-8k"] = 0 }, score.Buckets);
        Assert.Equal(0.5, PredictionFile.Score(path, "hotpotqa").Samples[0], 12);
    }

    [Theory]
    [InlineData("", "no prediction"), InlineData("{\"pred\":\"x\"", "torn"), InlineData("[1]", "a JSON array where an object"), InlineData("{\"answers\":[\"x\"]}", "'pred'"),
     InlineData("{\"pred\":1,\"answers\":[\"x\"]}", "a string"), InlineData("{\"pred\":\"x\",\"answers\":{}}", "a list of strings")]
    public void BrokenFilesNamePlaceAndCure(string content, string wanted)
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "p.jsonl");
        File.WriteAllText(path, content);
        Assert.Contains(wanted, Assert.Throws<LabException>(() => PredictionFile.Score(path, "hotpotqa")).Message, StringComparison.Ordinal);
        using var error = new StringWriter();
        Assert.Equal(2, Program.Run(["metric", "--dataset", "hotpotqa", "--predictions", path], error));
        Assert.Contains(wanted, error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void UnknownNamesGetTheNearestKnownOne()
    {
        Assert.Contains("'hotpotqa'", Assert.Throws<LabException>(() => KnownDatasets.Find("hotpot_qa")).Message, StringComparison.Ordinal);
        Assert.Contains("dictionary", Assert.Throws<LabException>(() => TextMetric.Named("qa_f1_zh_dictionary")).Message, StringComparison.Ordinal);
        Assert.Equal(21, LongBench.Datasets.Count);
        Assert.Equal(16, LongBench.Datasets.Count(d => d.InSixteen));
        Assert.Equal(13, LongBench.Datasets.Count(d => d.InE));
    }

    [Theory]
    [InlineData(12.125, 12.12), InlineData(12.375, 12.38), InlineData(66.66666666666667, 66.67), InlineData(2.675, 2.67), InlineData(0.125, 0.12), InlineData(100, 100), InlineData(50.005, 50.01)]
    public void RoundsAsPython(double value, double rounded) => Assert.Equal(rounded, PythonText.Round2(value));
}
