using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using HeadKvLab.Notebook.Files;

namespace HeadKvLab.Tests.Notebook;

/// <summary>
/// The committed notebooks: valid, fit for a plain page, and true: what they show is what a fresh run shows. One is run here; all of
/// them with HEADKVLAB_EVERY_NOTEBOOK=1.
/// </summary>
public sealed partial class CommittedNotebookTests(ITestOutputHelper log)
{
    static string[] Files => [.. Directory.GetFiles(Path.Combine(Repository.Root, "notebooks"), "*.ipynb").Order()];

    [Fact]
    public void They_hold_static_images_no_library_and_no_path_of_a_machine()
    {
        Assert.NotEmpty(Files);
        foreach (var file in Files)
        {
            var text = File.ReadAllText(file);
            Assert.True(text.Length < 2_000_000, $"{file}: {text.Length} bytes");
            Assert.DoesNotContain("plotly.js v", text);
            Assert.DoesNotContain("DecompressionStream", text);
            Assert.False(MachinePath().Match(text) is { Success: true } path && Fail(file, path.Value));
            foreach (var output in NotebookDocument.Load(file).Cells.SelectMany(cell => cell.Outputs).Where(output => output["data"]?["application/vnd.plotly.v1+json"] is not null))
            {
                Assert.True(output["data"]!["image/svg+xml"] is { } drawing ? NotebookCell.Text(drawing).StartsWith("<svg", StringComparison.Ordinal)
                    : NotebookCell.Text(output["data"]!["text/html"]).Contains("<img src=\"data:image/svg+xml;base64,", StringComparison.Ordinal), file);
            }
        }
    }

    [Fact]
    public void Committed_and_executed_notebooks_validate_as_nbformat_4_5()
    {
        using var folder = new TemporaryFolder();
        // An old minor version without ids, every kind of output, an error.
        var old = Path.Combine(folder.Path, "old.ipynb");
        File.WriteAllText(old, Notebooks.Of(4, ("display(1).Update(2); Console.WriteLine(\"out\"); Console.Error.WriteLine(\"err\"); HTML(\"<b>x</b>\")", ""), ("throw new Exception(\"no\");", "")));
        var executed = Path.Combine(folder.Path, "executed.ipynb");
        Assert.Equal(1, Run("run", old, "-o", executed).Code);
        var python = Requires.Python("nbformat", "python3-nbformat");
        var validate = "import nbformat, sys\nfor f in sys.argv[1:]:\n    n = nbformat.read(f, as_version=nbformat.NO_CONVERT)\n    assert (n.nbformat, n.nbformat_minor) == (4, 5), f\n    nbformat.validate(n)";
        var (code, said) = Starts(python, ["-c", validate, executed, .. Files]);
        Assert.True(code == 0, said);
    }

    [Fact]
    public void A_fresh_run_says_what_is_committed()
    {
        var every = Environment.GetEnvironmentVariable("HEADKVLAB_EVERY_NOTEBOOK") == "1";
        foreach (var file in Files.Where(file => NotebookDocument.Load(file).Cells.Any(cell => cell.Outputs.Any()) && (every || Path.GetFileName(file).StartsWith("02", StringComparison.Ordinal))))
        {
            // Other programs' work is not the notebook's: the 60 s are stretched by the load that was measured meanwhile.
            var load = LoadPerCore();
            var (code, said) = Run("check", file, "--longest", "3600");
            load = Math.Max(load, LoadPerCore());
            log.WriteLine($"load per core {load:0.0}\n{said}");
            Assert.True(code == 0, said);
            Assert.InRange(double.Parse(LongestCell().Match(said).Groups[1].Value, CultureInfo.InvariantCulture), 0, 60 * Math.Max(1, load));
        }
    }

    [Fact]
    public void A_cell_that_takes_too_long_fails_the_check_and_is_named()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "n.ipynb");
        File.WriteAllText(file, Notebooks.Of("1 + 1", "System.Threading.Thread.Sleep(1500); 2", "3"));
        Assert.Equal(0, Run("run", file, "-o", file).Code);
        var (code, said) = Run("check", file);
        Assert.True(code == 0, said);
        Assert.Matches(@"the longest cell took ([1-9]|[1-5]\d)\.\d s: cell 2 \(", said);
        (code, said) = Run("check", file, "--longest", "1.4");
        Assert.True(code == 1, said);
        Assert.Matches(@"cell 2 \(cell-1\) took \d+\.\d s; a cell may take 1\.4 s", said);
        Assert.Contains("the committed outputs are those of this run", said);

        // Of an earlier run nothing stays, where the times were taken and where not.
        var copy = Path.Combine(folder.Path, "copy.ipynb");
        Assert.Equal(0, Run("run", file, "-o", copy).Code);
        Assert.All(NotebookDocument.Load(copy).Cells, cell => Assert.InRange((cell.Times!.Value.Ended - cell.Times.Value.Began).TotalSeconds, cell.Source.Contains("Sleep") ? 1.5 : 0, 60));
        Assert.Equal(0, Run("run", copy, "-o", copy).Code);
        Assert.DoesNotContain("iopub", File.ReadAllText(copy));
    }

    [Theory]
    [InlineData("0.85 [0.80, 0.90]", "0.86 [0.80, 0.91]", 0)]
    [InlineData("0.85 [0.80, 0.90]", "0.65 [0.80, 0.90]", 1)]
    [InlineData("12,166 KiB", "12,900 KiB", 1)]
    [InlineData("12,166 KiB", "12,170 KiB", 0)]
    [InlineData("a    1.0\n----  ---", "a  1.0\n--  ---", 0)]
    [InlineData("HeadKV wins", "SnapKV wins", 1)]
    [InlineData("-0.5", "0.5", 1)]
    [InlineData("key=\"0.953968253968254\"", "key=\"0.9539682539682538\"", 0)]
    public void Numbers_are_compared_with_a_tolerance_and_words_exactly(string was, string now, int differences) =>
        Assert.Equal(differences, Differences(was, now).Count);

    [Fact]
    public void Charts_are_compared_by_their_data_and_timings_by_their_types()
    {
        const string Chart = """{"data":{"application/vnd.plotly.v1+json":{"data":[{"z":[[1,2],[3,VALUE]]}]},"text/html":"<div id=ID><script>VALUE</script></div>"},"metadata":{},"output_type":"display_data"}""";
        var was = Of(Chart.Replace("VALUE", "4").Replace("ID", "1f2e3d4c5b6a7988"));
        Assert.Empty(NotebookComparison.Differences(was, Of(Chart.Replace("VALUE", "4.1").Replace("ID", "0f2e3d4c5b6a7980")), new Tolerance()));
        Assert.Equal(["cell 1 (c), application/vnd.plotly.v1+json.data[0].z[1][1]: 4 is now 9"], NotebookComparison.Differences(was, Of(Chart.Replace("VALUE", "9").Replace("ID", "")), new Tolerance()));
        const string Text = """{"name":"stdout","output_type":"stream","text":"VALUE ms"}""";
        Assert.Empty(NotebookComparison.Differences(Of(Text.Replace("VALUE", "4"), "timing"), Of(Text.Replace("VALUE", "9"), "timing"), new Tolerance()));
        Assert.Single(NotebookComparison.Differences(Of(Text, "timing"), Of(Chart.Replace("VALUE", "4"), "timing"), new Tolerance()));
    }

    [Fact]
    public void A_run_in_place_is_stable_to_the_byte()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "n.ipynb");
        File.WriteAllText(file, Notebooks.Of("display(1).Update(2); \"\"\"{\"data\":[{\"y\":[1,2]}],\"layout\":{}}\"\"\".DisplayAs(\"application/vnd.plotly.v1+json\"); new[] { new { a = 1 } }"));
        Assert.Equal(0, Run("run", file, "-o", file).Code);
        var once = File.ReadAllText(file);
        Assert.Equal(0, Run("run", file, "-o", file).Code);
        Assert.Equal(once, File.ReadAllText(file));
        Assert.DoesNotContain(folder.Path, once);
    }

    [Fact]
    public void A_missing_model_folder_is_named_by_its_cell()
    {
        var (code, said) = Run("run", Files[0], "-p", "modelFolder", "../no-such-model");
        Assert.Equal(1, code);
        Assert.Contains("no-such-model", said);
        Assert.Contains("LanguageModel.Load(modelFolder", said);
    }

    static IReadOnlyList<string> Differences(string was, string now) => NotebookComparison.Differences(
        Of(new JsonObject { ["output_type"] = "display_data", ["metadata"] = new JsonObject(), ["data"] = new JsonObject { ["text/html"] = was } }.ToJsonString()),
        Of(new JsonObject { ["output_type"] = "display_data", ["metadata"] = new JsonObject(), ["data"] = new JsonObject { ["text/html"] = now } }.ToJsonString()), new Tolerance());

    static NotebookDocument Of(string output, string tag = "other") => NotebookDocument.Parse(
        $$"""{"nbformat":4,"nbformat_minor":5,"metadata":{},"cells":[{"cell_type":"code","id":"c","metadata":{"tags":["{{tag}}"]},"execution_count":1,"source":"x","outputs":[{{output}}]}]}""", "x");

    static double LoadPerCore() => OperatingSystem.IsLinux()
        ? double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture) / Environment.ProcessorCount
        : 1;

    static bool Fail(string file, string path) => throw new Xunit.Sdk.XunitException($"{file} names {path}");

    static (int Code, string Said) Run(params string[] arguments) => Starts("dotnet", [Notebooks.Program, .. arguments]);

    static (int Code, string Said) Starts(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            var error = process.StandardError.ReadToEndAsync();
            var said = process.StandardOutput.ReadToEnd() + error.Result;
            process.WaitForExit();
            return (process.ExitCode, said);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return (-1, program);
        }
    }

    [GeneratedRegex(@"the longest cell took ([0-9.]+) s")]
    private static partial Regex LongestCell();

    [GeneratedRegex(@"(?<![\w.])/(home|root|tmp|work|Users|mnt)/\w+|[A-Z]:\\\\Users")]
    private static partial Regex MachinePath();
}
