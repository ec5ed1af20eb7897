using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using HeadKvLab.Eviction;
using HeadKvLab.Eviction.Allocators;
using HeadKvLab.Heads;

namespace HeadKvLab.Tests.Eviction;

public class HeadKvGoldenTests(ITestOutputHelper output)
{
    [Fact]
    public void All_160_published_allocations_are_repeated()
    {
        if (Shared.Path(output, "golden/headkv-capacity.json") is not { } golden) return;
        var tables = new Dictionary<string, HeadTable>();
        var cases = 0;
        using var document = JsonDocument.Parse(File.ReadAllText(golden));
        foreach (var expected in document.RootElement.EnumerateArray())
        {
            if (!expected.TryGetProperty("kvSize", out var kvSize)) continue;
            var name = expected.GetProperty("scores").GetString()!;
            if (!tables.TryGetValue(name, out var table))
                tables[name] = table = HeadScoreFile.Read(Shared.Path(output, $"head-scores/{name}.json")!, 32, 32).Means();
            var budget = new Budget(kvSize.GetInt32(), expected.GetProperty("window").GetInt32(), BudgetDiscipline.AsPublished, Granularity.QueryHead);
            var method = new Method("HeadKV", new HeadKvLab.Eviction.Scorers.SnapKv(), new HeadKv(table, expected.GetProperty("beta").GetDouble()));
            var entries = Allotting.Model(method, budget.Discipline, BudgetFrame.Of(budget, 32, 8, 32, 1_000_000));

            var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(string.Join(",", entries))));
            Assert.Equal(expected.GetProperty("sum").GetInt64(), entries.Sum(e => (long)e));
            Assert.Equal(expected.GetProperty("sha256").GetString(), hash);
            foreach (var (n, key) in new[] { (2000, "kept_n2000"), (7950, "kept_n7950"), (31500, "kept_n31500") })
            {
                var clipped = Allotting.Model(method, budget.Discipline, BudgetFrame.Of(budget, 32, 8, 32, n));
                Assert.Equal(expected.GetProperty(key).GetInt64(), clipped.Sum(e => (long)e + budget.Window));
            }
            cases++;
        }
        Assert.Equal(160, cases);
    }

    [Fact]
    public void Published_score_files_have_the_published_statistics()
    {
        if (Shared.Path(output, "golden/headkv-capacity.json") is not { } golden) return;
        using var document = JsonDocument.Parse(File.ReadAllText(golden));
        foreach (var expected in document.RootElement.EnumerateArray())
        {
            if (!expected.TryGetProperty("tests", out var tests)) continue;
            var scores = HeadScoreFile.Read(Shared.Path(output, $"head-scores/{expected.GetProperty("scores").GetString()}.json")!);
            var means = scores.Means();
            Assert.Equal(tests.GetInt32(), scores.Tests);
            Assert.Equal(expected.GetProperty("sumOfMeans").GetDouble(), means.Values.ToArray().Sum(), 9);
            Assert.Equal(expected.GetProperty("zeroHeads").GetInt32(), means.Values.ToArray().Count(m => m == 0));
            Assert.Equal(
                expected.GetProperty("top10").EnumerateArray().Select(h => h.GetString()),
                means.Ranked().Take(10).Select(h => $"{h.Layer}-{h.Head}"));
        }
    }

    [Fact]
    public void Wu_et_al_files_are_read()
    {
        if (Shared.Path(output, "head-scores/wu-Qwen1.5-14B-Chat.json") is not { } path) return;
        var scores = HeadScoreFile.Read(path);
        Assert.Equal((40, 40, 221), (scores.Layers, scores.QueryHeads, scores.Tests));
    }
}
