using System.Text.Json;
using HeadKvLab.Cli;

namespace HeadKvLab.Tests.Compression;

/// <summary>
/// `lab select` beside a second implementation in torch (tests/reference/select_reference.py, whose output is kept beside it): 202 cases of eight methods on
/// random float32, skewed bfloat16 and tied float16 tensors. Positions are compared by score, so that ties do not matter.
/// </summary>
[Collection("console")]
public class ReferenceSelectionTests
{
    private static readonly string Folder = Repository.Path("tests", "reference", "selection");

    public static TheoryData<string, string, string> Groups()
    {
        var groups = new TheoryData<string, string, string>();
        foreach (var tensors in new[] { "random", "skewed", "tied" })
            foreach (var rule in new[] { "as-published", "equal-entries", "equal-bytes" })
                foreach (var granularity in new[] { "query-head", "kv-head" }) groups.Add(tensors, rule, granularity);
        return groups;
    }

    [Theory]
    [MemberData(nameof(Groups))]
    public void Kept_positions_are_the_published_ones(string tensors, string rule, string granularity)
    {
        using var cases = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, "cases.json")));
        var seen = 0;
        foreach (var entry in cases.RootElement.EnumerateArray())
        {
            var wanted = entry.GetProperty("case");
            string Text(string name) => wanted.GetProperty(name).ToString();
            if ((Text("tensors"), Text("discipline"), Text("granularity")) != (tensors, rule, granularity)) continue;
            var kept = Select(wanted);
            var expected = entry.GetProperty("kept").EnumerateArray().ToArray();
            Assert.Equal(expected.Length, kept.Length);
            for (var h = 0; h < kept.Length; h++)
            {
                var (must, may) = (Numbers(expected[h], "must"), Numbers(expected[h], "may"));
                Assert.True(kept[h].Length == expected[h].GetProperty("count").GetInt32(), $"{wanted}, head {h}: {kept[h].Length} kept, {expected[h].GetProperty("count")} expected");
                Assert.True(must.IsSubsetOf(kept[h]), $"{wanted}, head {h}: {string.Join(' ', must.Except(kept[h]))} should be kept");
                Assert.True(kept[h].All(p => must.Contains(p) || may.Contains(p)), $"{wanted}, head {h}: {string.Join(' ', kept[h].Where(p => !must.Contains(p) && !may.Contains(p)))} should not be kept");
                Assert.Equal(kept[h].Order().Distinct(), kept[h]);
            }
            seen++;
        }
        Assert.True(seen > 6);
    }

    private static HashSet<int> Numbers(JsonElement head, string name) => [.. head.GetProperty(name).EnumerateArray().Select(p => p.GetInt32())];

    private static int[][] Select(JsonElement wanted)
    {
        string[] names = ["method", "kv-size", "window", "kernel", "pooling", "granularity", "discipline", "reduction", "beta", "layer"];
        string[] options = [.. names.SelectMany(name => new[] { "--" + name, wanted.GetProperty(name).ToString() })];
        var before = Console.Out;
        using var output = new StringWriter();
        Console.SetOut(output);
        try
        {
            var code = Program.Main(["select", "--tensors", Path.Combine(Folder, wanted.GetProperty("tensors") + ".safetensors"),
                "--scores", Path.Combine(Folder, "heads.json"), "--json", .. options]);
            Assert.Equal(0, code);
        }
        finally
        {
            Console.SetOut(before);
        }
        using var document = JsonDocument.Parse(output.ToString());
        return [.. document.RootElement.GetProperty("kept").EnumerateArray().Select(h => h.EnumerateArray().Select(p => p.GetInt32()).ToArray())];
    }
}
