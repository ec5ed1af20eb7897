using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Allocators;
using HeadKvLab.Calibration;

namespace HeadKvLab.Tests.Compression;

/// <summary>
/// HeadKV's allocations from the authors' score files. <c>tests/fixtures/head-scores</c> holds the means of the two that are under the MIT licence (in KVCache-Factory),
/// written as a file of one test; the other two, and what needs the single tests, lie beside the checkout.
/// </summary>
public class HeadKvGoldenTests
{
    private const string Llama = "Meta-Llama-3-8B-Instruct_retrieval", Mistral = "Mistral-7B-Instruct-v0.2_retrieval";

    private static readonly JsonElement Golden = JsonDocument.Parse(File.ReadAllText(Repository.Path("tests", "fixtures", "golden", "headkv-capacity.json"))).RootElement;

    private static IEnumerable<JsonElement> Entries(string name, string property) =>
        Golden.EnumerateArray().Where(e => e.GetProperty("scores").GetString() == name && e.TryGetProperty(property, out _));

    [Theory]
    [InlineData(Llama + "_reasoning_heads"), InlineData(Mistral + "_reasoning_heads"), InlineData(Llama + "_heads"), InlineData(Mistral + "_heads")]
    public void All_40_published_allocations_of_a_file_are_repeated(string name)
    {
        var table = HeadScoreFile.Read(SharedData.FixtureOr($"head-scores/{name}.json"), 32, 32).Means();
        var cases = Entries(name, "kvSize").ToArray();
        Assert.Equal(40, cases.Length);
        foreach (var expected in cases)
        {
            var budget = new Budget(expected.GetProperty("kvSize").GetInt32(), expected.GetProperty("window").GetInt32(), BudgetRule.AsPublished, Granularity.QueryHead);
            var method = new Method("HeadKV", new HeadKvLab.Compression.Scorers.SnapKv(), new HeadKv(table, expected.GetProperty("beta").GetDouble()));
            var entries = PromptAllocation.OfModel(method, budget.Rule, BudgetFrame.Of(budget, 32, 8, 32, 1_000_000));

            var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(string.Join(",", entries))));
            Assert.Equal(expected.GetProperty("sum").GetInt64(), entries.Sum(e => (long)e));
            Assert.Equal(expected.GetProperty("sha256").GetString(), hash);
            foreach (var (n, key) in new[] { (2000, "kept_n2000"), (7950, "kept_n7950"), (31500, "kept_n31500") })
            {
                var clipped = PromptAllocation.OfModel(method, budget.Rule, BudgetFrame.Of(budget, 32, 8, 32, n));
                Assert.Equal(expected.GetProperty(key).GetInt64(), clipped.Sum(e => (long)e + budget.ObservationWindow));
            }
        }
    }

    /// <summary>What the means tell stands in the repository; how many tests they are of is in the whole file.</summary>
    [Theory]
    [InlineData(Llama + "_reasoning_heads"), InlineData(Mistral + "_reasoning_heads"), InlineData(Llama + "_heads"), InlineData(Mistral + "_heads")]
    public void The_means_of_a_file_have_the_published_statistics(string name)
    {
        var expected = Assert.Single(Entries(name, "tests"));
        var means = HeadScoreFile.Read(SharedData.FixtureOr($"head-scores/{name}.json")).Means();
        Assert.Equal(expected.GetProperty("sumOfMeans").GetDouble(), means.Values.ToArray().Sum(), 9);
        Assert.Equal(expected.GetProperty("zeroHeads").GetInt32(), means.Values.ToArray().Count(m => m == 0));
        Assert.Equal(expected.GetProperty("top10").EnumerateArray().Select(h => h.GetString()), means.Ranked().Take(10).Select(h => $"{h.Layer}-{h.Head}"));
    }

    [Theory]
    [InlineData(Llama + "_reasoning_heads"), InlineData(Mistral + "_reasoning_heads")]
    public void The_means_in_the_repository_are_those_of_the_whole_file(string name)
    {
        var whole = HeadScoreFile.Read(SharedData.At($"head-scores/{name}.json"));
        Assert.Equal(Assert.Single(Entries(name, "tests")).GetProperty("tests").GetInt32(), whole.Tests);
        var means = HeadScoreFile.Read(Repository.Path("tests", "fixtures", "head-scores", name + ".json")).Means();
        Assert.All(whole.Means().Values.ToArray().Zip(means.Values.ToArray()), pair => Assert.Equal(pair.First, pair.Second, 12));
    }

    [Fact]
    public void Wu_et_al_files_are_read()
    {
        var scores = HeadScoreFile.Read(SharedData.At("head-scores/wu-Qwen1.5-14B-Chat.json"));
        Assert.Equal((40, 40, 221), (scores.Layers, scores.QueryHeads, scores.Tests));
    }
}
