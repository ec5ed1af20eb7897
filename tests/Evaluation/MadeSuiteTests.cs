using HeadKvLab.Evaluation.Suites;

namespace HeadKvLab.Tests.Evaluation;

/// <summary>Suites that are made, not downloaded: RULER's tasks and needle grids.</summary>
public class MadeSuiteTests
{
    private static int Count(string text) => Repository.Model.Tokenizer.Encode(text, addSpecial: false).Length;

    private static readonly SuiteOptions Options = new() { CountTokens = Count, OwnDirectory = Repository.Path("data", "suites"), Tokenizer = Repository.Model.Tokenizer, Lengths = [600, 1000], PerTask = 3 };

    private static readonly SampleSuite Ruler = SuiteCatalogue.Open("ruler", Options);

    [Fact]
    public void RulerPromptsFillTheirLengthAndHoldTheirAnswers()
    {
        Assert.Equal(12, Ruler.Sets.Count);
        foreach (var set in Ruler.Sets)
            foreach (var sample in set.Samples)
            {
                var (context, question) = set.Prompt(sample);
                var length = int.Parse(set.Dataset.Name[(set.Dataset.Name.LastIndexOf('_') + 1)..], System.Globalization.CultureInfo.InvariantCulture);
                Assert.InRange(Count(context + question) + 64, length * 0.85, length);
                Assert.All(sample.Answers, answer => Assert.Contains(answer, context, StringComparison.Ordinal));
                Assert.DoesNotContain(sample.Answers, answer => question.Contains(answer, StringComparison.Ordinal));
                Assert.Equal("all_substrings", set.Dataset.Metric);
                Assert.Equal(set.Dataset.Metric, KnownDatasets.Find(set.Dataset.Name).Metric);
            }
    }

    [Theory]
    [InlineData("niah_single", 1, 1, 1), InlineData("niah_multikey", 4, 1, 1), InlineData("niah_multivalue", 4, 1, 4), InlineData("niah_multiquery", 4, 4, 4)]
    public void NeedlesByTask(string task, int needles, int keysAsked, int answers)
    {
        foreach (var sample in Ruler.Sets.Single(s => s.Dataset.Name == task + "_600").Samples)
        {
            var found = System.Text.RegularExpressions.Regex.Matches(sample.Context, @"One of the special magic numbers for (\w+) is: (\d+)\.").Select(m => (Key: m.Groups[1].Value, Value: m.Groups[2].Value)).ToArray();
            Assert.Equal(needles, found.Length);
            Assert.Equal(needles, found.Select(n => n.Value).Distinct().Count());
            var asked = found.Where(n => sample.Input.Split([' ', ',']).Contains(n.Key)).ToArray();
            Assert.Equal(keysAsked, asked.Select(n => n.Key).Distinct().Count());
            Assert.Equal(sample.Answers.Order(), asked.Select(n => n.Value).Order());
            Assert.Equal(answers, sample.Answers.Count);
        }
    }

    [Fact]
    public void ChainsKeepTheirOrderAndCommonWordsAreTheMostFrequent()
    {
        foreach (var sample in Ruler.Sets.Single(s => s.Dataset.Name == "vt_1000").Samples)
        {
            var places = sample.Answers.Select(name => sample.Context.IndexOf($"VAR {name} =", StringComparison.Ordinal)).ToArray();
            Assert.Equal(places.Order(), places);
            Assert.Contains($"VAR {sample.Answers[^1]} = VAR {sample.Answers[^2]}.", sample.Context, StringComparison.Ordinal);
        }
        foreach (var sample in Ruler.Sets.Single(s => s.Dataset.Name == "cwe_1000").Samples)
        {
            var counts = sample.Context.Split(['\n', ' ']).CountBy(w => w).OrderByDescending(p => p.Value).Take(3).Select(p => p.Key);
            Assert.Equal(sample.Answers.Order(), counts.Order());
        }
    }

    [Fact]
    public void TheSameSeedMakesTheSameSamplesAndAnotherOneOthers()
    {
        string Hashes(int seed) => string.Join(' ', SuiteCatalogue.Open("ruler", Options with { Seed = seed }).Sets.Select(s => s.Hash()));
        Assert.Equal(Hashes(1), Hashes(1));
        Assert.NotEqual(Hashes(1), Hashes(2));
        Assert.Equal(3 * 12, Ruler.Sets.SelectMany(s => s.Samples).Select(s => s.Context).Distinct().Count());
        Assert.Contains("longer --lengths", Assert.Throws<LabException>(() => SuiteCatalogue.Open("ruler", Options with { Lengths = [100] })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DepthsAreTheSpecifications()
    {
        Assert.Equal([0, 11, 22, 33, 44, 56, 67, 78, 89, 100], NeedleGrid.Depths(10));
        Assert.Equal([50], NeedleGrid.Depths(1));
    }

    [Fact]
    public void OwnNeedlesStandAtTheirDepthsInPromptsOfTheirLength()
    {
        var suite = SuiteCatalogue.Open("needle", Options with { PerTask = 5, Lengths = [512, 3000] });
        Assert.Equal(["needle", "needle_r2"], suite.Sets.Select(s => s.Dataset.Name));
        foreach (var set in suite.Sets)
        {
            Assert.Equal(3 * 2 * 5, set.Samples.Count);
            foreach (var sample in set.Samples)
            {
                var parts = sample.Id.Split('-').Select(int.Parse).ToArray();
                var (context, question) = set.Prompt(sample);
                Assert.InRange(Count(context + question) + 1, parts[0] - 120, parts[0]);
                var at = sample.Context.IndexOf(sample.Answers[0], StringComparison.Ordinal);
                Assert.InRange(at / (double)sample.Context.Length * 100, parts[1] * 0.8 - 10, parts[1] + 20);
            }
        }
    }

    [Fact]
    public void EssaysHideThePublishedNeedle()
    {
        using var folder = new TemporaryFolder();
        var essays = Directory.CreateDirectory(Path.Combine(folder.Path, "PaulGrahamEssays")).FullName;
        File.WriteAllText(Path.Combine(essays, "b.txt"), string.Concat(Enumerable.Repeat("The maid chose two nuts. ", 40)));
        File.WriteAllText(Path.Combine(essays, "a.txt"), string.Concat(Enumerable.Repeat("The baker won a cup. ", 40)));
        var options = Options with { DataDirectory = folder.Path, PerTask = 3, Lengths = [900] };
        var set = SuiteCatalogue.Open("needle", options).Sets.Single();
        Assert.Equal("The best thing to do in San Francisco is: ", set.Samples[0].Input);
        Assert.Equal("\n", set.StopToken);
        Assert.Equal("rouge_1", set.Dataset.Metric);
        Assert.StartsWith("The best thing", set.Samples[0].Context, StringComparison.Ordinal);
        Assert.EndsWith("on a sunny day.", set.Samples[2].Context, StringComparison.Ordinal);
        Assert.Contains(". The best thing", set.Samples[1].Context, StringComparison.Ordinal);
        Assert.StartsWith("<|im_start|> This is a very long story book: <book> The baker", set.Prompt(set.Samples[2]).Context, StringComparison.Ordinal);
        // bit by bit: begin-of-text at the start, twice where the text was cut, and before the needle; the needle follows a full stop; 200 tokens are left
        var bos = Repository.Model.Tokenizer.Decode([Repository.Model.Tokenizer.BosId!.Value], skipSpecial: false);
        var published = SuiteCatalogue.Open("needle-published", options).Sets.Single();
        var middle = published.Samples[1].Context;
        Assert.StartsWith(bos + bos + "The baker", middle, StringComparison.Ordinal);
        Assert.Contains("." + bos + "\nThe best thing", middle, StringComparison.Ordinal);
        Assert.StartsWith(bos + "\nThe best thing", published.Samples[0].Context, StringComparison.Ordinal);
        Assert.Equal(700, Count(middle));
        Directory.Delete(essays, recursive: true);
        Assert.Contains("no haystack", Assert.Throws<LabException>(() => SuiteCatalogue.Open("needle", options)).Message, StringComparison.Ordinal);
    }
}
