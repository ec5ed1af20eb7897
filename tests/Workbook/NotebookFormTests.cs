using System.Text.Json;
using System.Text.RegularExpressions;
using HeadKvLab.Tests.Charts;

namespace HeadKvLab.Tests.Workbook;

/// <summary>What every lesson has in common: its file, its parameters, its dialect, its committed outputs.</summary>
public sealed partial class NotebookFormTests
{
    public static TheoryData<string> Notebooks => [.. Directory.GetFiles(Repository.Path("notebooks"), "*.ipynb").Select(path => Path.GetFileName(path)!).Order()];

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void It_is_a_lesson_of_the_workbook(string file)
    {
        using var notebook = Read(file);
        var root = notebook.RootElement;
        Assert.Equal(4, root.GetProperty("nbformat").GetInt32());
        Assert.Equal(5, root.GetProperty("nbformat_minor").GetInt32());
        Assert.Equal(".net-csharp", root.GetProperty("metadata").GetProperty("kernelspec").GetProperty("name").GetString());
        var cells = root.GetProperty("cells").EnumerateArray().ToArray();
        Assert.Equal(cells.Length, cells.Select(c => c.GetProperty("id").GetString()).Distinct().Count());
        Assert.StartsWith("# ", Source(cells[0]));
        var parameters = Assert.Single(cells, c => Tags(c).Contains("parameters"));
        Assert.StartsWith("//", Source(parameters)); // says first what to set for another model
        Assert.Contains(cells, c => Tags(c).Contains("summary"));
        var prose = string.Concat(cells.Where(c => c.GetProperty("cell_type").GetString() == "markdown").Select(Source));
        Assert.Contains("Exercise", prose);
        Assert.Contains("claim", prose, StringComparison.OrdinalIgnoreCase);
        Assert.Matches("falsif|refute", prose);
    }

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void It_stays_in_the_dialect_of_NET_Interactive(string file)
    {
        using var notebook = Read(file);
        foreach (var cell in notebook.RootElement.GetProperty("cells").EnumerateArray().Where(c => c.GetProperty("cell_type").GetString() == "code"))
        {
            var code = Source(cell);
            Assert.DoesNotMatch(Foreign(), code);
            Assert.True(code.Split('\n').Length <= 22, $"a cell of {code.Split('\n').Length} lines: move what is long into the library\n{code}");
        }
    }

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void What_is_committed_of_its_outputs_is_light_and_of_no_machine(string file)
    {
        using var notebook = Read(file);
        var outputs = notebook.RootElement.GetProperty("cells").EnumerateArray().Where(c => c.TryGetProperty("outputs", out _)).SelectMany(c => c.GetProperty("outputs").EnumerateArray()).ToArray();
        Assert.DoesNotContain(outputs, o => o.GetProperty("output_type").GetString() == "error");
        var figures = 0;
        foreach (var output in outputs)
        {
            var text = output.GetRawText();
            Assert.True(text.Length < 2_000_000, $"an output of {text.Length} letters");
            Assert.DoesNotMatch(Place(), text);
            if (!output.TryGetProperty("data", out var data) || !data.TryGetProperty("application/vnd.plotly.v1+json", out var chart)) continue;
            figures++;
            Assert.Empty(ChartTools.Faults(chart));
            if (data.TryGetProperty("image/svg+xml", out var drawing)) Assert.Contains("http://www.w3.org/2000/svg", drawing.GetRawText());
            else Assert.Contains("data:image/svg+xml;base64,", data.GetProperty("text/html").GetRawText());
        }
        if (outputs.Length > 0) Assert.NotEqual(0, figures);
    }

    [Theory]
    [MemberData(nameof(Notebooks))]
    public void Its_prose_states_no_figure_of_a_run(string file)
    {
        using var notebook = Read(file);
        var cells = notebook.RootElement.GetProperty("cells").EnumerateArray().ToArray();
        string Of(string kind) => string.Join('\n', cells.Where(c => c.GetProperty("cell_type").GetString() == kind).Select(Source));
        Assert.Empty(FiguresOf(Of("markdown"), Of("code"))); // print them in a cell: another model, another machine or another run gives others
    }

    [Theory]
    [InlineData("smallest in `r2attr` (0.26 against 0.16)", "0.26 0.16")]
    [InlineData("correlate above 0.99. It gains 16.7 points", "0.99 16.7")]
    [InlineData("at 4 % it is the same deal, 13 points more", "4 13")]
    [InlineData("a p below 0.05. With β = 1.01, in 95 % intervals, 97 % at 1.5 % of the cache", "")]
    public void The_check_itself_sees_figures(string prose, string figures) => Assert.Equal(figures, string.Join(' ', FiguresOf(prose, "beta = 1.01")));

    /// <summary>Decimal numbers, percentages and points that are neither in the code nor constants of the papers and of statistics.</summary>
    private static IEnumerable<string> FiguresOf(string prose, string code) => Figure().Matches(prose).Where(m => !Constants.Contains(m.Value)).Select(m => m.Groups[1].Value)
        .Where(number => !Regex.IsMatch(code, $@"(?<![\w.]){Regex.Escape(number)}(?!\w|\.\d)"));

    /// <summary>The paper's number, its claim, its smallest beta; levels of intervals and tests; the whole.</summary>
    private static readonly string[] Constants = ["2410.19258", "97 %", "1.5 %", "1.005", "95 %", "0.05", "100 %"];

    [GeneratedRegex(@"(?<![\w.])(\d+\.\d+(?!\w|\.\d)|\d+(?= %| points))( %)?")]
    private static partial Regex Figure();

    private static JsonDocument Read(string file) => JsonDocument.Parse(File.ReadAllText(Repository.Path("notebooks", file)));

    private static string Source(JsonElement cell) => cell.GetProperty("source") is { ValueKind: JsonValueKind.Array } lines
        ? string.Concat(lines.EnumerateArray().Select(l => l.GetString())) : cell.GetProperty("source").GetString()!;

    private static string[] Tags(JsonElement cell) => cell.GetProperty("metadata").TryGetProperty("tags", out var tags) ? [.. tags.EnumerateArray().Select(t => t.GetString()!)] : [];

    /// <summary>What only one of the kernels knows, or neither: magics but those of text, the kernel's own types, packages from a feed, namespaces, classic extension methods.</summary>
    [GeneratedRegex(@"^\s*#!(?!html\b|markdown\b)|Microsoft\.DotNet\.Interactive|Kernel\.|#r ""nuget|^\s*namespace |\(this ", RegexOptions.Multiline)]
    private static partial Regex Foreign();

    /// <summary>A folder of somebody's machine.</summary>
    [GeneratedRegex(@"(?<![\w.])/(home|root|tmp|work|Users|mnt)/|[A-Z]:\\\\")]
    private static partial Regex Place();
}
