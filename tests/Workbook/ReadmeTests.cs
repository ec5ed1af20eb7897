using System.Text.Json;
using System.Text.RegularExpressions;
using HeadKvLab.Compression;

namespace HeadKvLab.Tests.Workbook;

public sealed class ReadmeTests : FolderTests
{
    [Fact]
    public void The_table_of_methods_is_the_catalogues()
    {
        Assert.Contains(HeadKvLab.Cli.MethodsCommand.Markdown(), Text("docs/methods.md"));
    }

    /// <summary>One protocol, one set of questions: the first table is what the quickstart shows, the large one says the same in per cent.</summary>
    [Fact]
    public void Its_tables_of_results_agree_with_the_quickstart_and_with_each_other()
    {
        var readme = Text("docs/results.md").Split("### More tokens")[0];
        var quickstart = File.ReadAllText(Repository.Path("notebooks", "00-quickstart.ipynb"));
        string[] budgets = ["3", "6", "12"];
        foreach (var method in new[] { "StreamingLLM", "SnapKV", "HeadKV-R2", "HeadKV-R2-shuffled" })
        {
            var (first, all) = (Cells(method, 3), Cells(method, 4));
            if (method != "StreamingLLM") Assert.Contains($"| {method} | {string.Join(" | ", first)} |", Text("README.md"));
            for (var b = 0; b < budgets.Length; b++)
            {
                Assert.Matches($@"""{Regex.Escape(method)} +{budgets[b]} % +{Shown(first[b])} ", quickstart);
                Assert.Equal(Math.Round(100 * Value(first[b])), Value(all[b + 1]), 1e-9);
            }
        }
        var full = Regex.Match(readme, @"The full cache \([\d,]+ KiB\): (\S+ \[\S+ \S+\])\.").Groups[1].Value;
        Assert.Matches($@"""FullKV +100 % +{Shown(full)} ", quickstart);
        // of whole answers, 125 of 140: rounded means would say 90
        var kept = Math.Round(100 * Math.Round(144 * Value(Cells("HeadKV-R2", 3)[2])) / Math.Round(144 * Value(full)));
        Assert.Matches($@"HeadKV-R2 keeps {kept} % of the full\s+exact match at 12 %", readme);
        Assert.Contains($", {kept} % at 12 %", readme);

        string[] Cells(string method, int columns) => [.. Regex.Matches(readme, $@"^\| {Regex.Escape(method)} ((?:\| [\d.]+ \[[^|]+\] ){{{columns}}})\|$", RegexOptions.Multiline).Single()
            .Groups[1].Value.Split('|')[1..].Select(cell => cell.Trim())];
        static string Shown(string cell) => Regex.Escape(cell).Replace(@"\ ", @"\*?\ ");
        static double Value(string cell) => double.Parse(cell.Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
    }

    [Fact]
    public void The_quickstarts_figure_is_the_notebooks()
    {
        using var notebook = JsonDocument.Parse(File.ReadAllText(Repository.Path("notebooks", "00-quickstart.ipynb")));
        var drawings = notebook.RootElement.GetProperty("cells").EnumerateArray().Where(c => c.TryGetProperty("outputs", out _)).SelectMany(c => c.GetProperty("outputs").EnumerateArray())
            .Where(o => o.TryGetProperty("data", out var data) && data.TryGetProperty("image/svg+xml", out _)).Select(o => o.GetProperty("data").GetProperty("image/svg+xml"))
            .Select(d => d.ValueKind == JsonValueKind.Array ? string.Concat(d.EnumerateArray().Select(l => l.GetString())) : d.GetString()!);
        Assert.Contains(File.ReadAllText(Repository.Path("notebooks", "images", "quickstart-scores.svg")).Trim(), drawings.Select(d => d.Trim()));
    }

    [Fact]
    public void Every_file_it_names_is_there()
    {
        string[] pages = ["README.md", "environment.md", .. Directory.GetFiles(Repository.Path("docs"), "*.md").Select(file => Path.GetRelativePath(Repository.Root, file))];
        Assert.All(pages, page =>
        {
            var links = Regex.Matches(Text(page), @"\]\((?!http)([^)#]+)\)").Select(m => Path.Combine(Path.GetDirectoryName(page)!, m.Groups[1].Value));
            Assert.All(links, link => Assert.True(Path.Exists(Repository.Path(link)), link));
        });
        Assert.All(pages[2..], page => Assert.Contains($"({page})", Text("README.md")));   // each page is found from the first
    }

    /// <summary>A visitor reads it in minutes.</summary>
    [Fact]
    public void It_is_short() => Assert.InRange(new FileInfo(Repository.Path("README.md")).Length, 5000, 9 * 1024);

    /// <summary>Its C# runs as it stands, and answers right.</summary>
    [Fact]
    public void Its_example_answers()
    {
        var code = Regex.Match(Text("README.md"), @"```csharp\n(.*?)```", RegexOptions.Singleline).Groups[1].Value.Replace("\"data/", $"\"{Repository.Path("data")}/", StringComparison.Ordinal);
        var body = code.IndexOf("var ", StringComparison.Ordinal);   // in braces: a script has no `using var` of its own
        var (notebook, output) = (Inside("readme.ipynb"), Inside("out.ipynb"));
        File.WriteAllText(notebook, Notebook.Notebooks.Of($"#r \"{Path.Combine(Repository.Root, "bin", "HeadKvLab.dll")}\"\n{code[..body]}{{\n{code[body..]}}}"));
        var (exit, error) = Notebook.Notebooks.Run("run", notebook, "-o", output);
        Assert.True(exit == 0, error);
        var context = HeadKvLab.World.WorldSuite.Make(HeadKvLab.World.WorldSplit.Validation, 2048, 1).Contexts[0];
        Assert.Contains(context.Questions[0].Answer.TrimEnd('.'), File.ReadAllText(output));
        Assert.Matches(@"3,072 entries, \d+ KiB", File.ReadAllText(output));
    }

    private static string Text(string page) => File.ReadAllText(Repository.Path(page));
}
