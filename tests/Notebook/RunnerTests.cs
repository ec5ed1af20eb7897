using System.Text.Json.Nodes;
using HeadKvLab.Notebook;
using HeadKvLab.Notebook.Files;
using HeadKvLab.Notebook.Headless;

namespace HeadKvLab.Tests.Notebook;

/// <summary>The headless runner: outputs as notebooks store them, parameters, failures, bad files.</summary>
[Collection("console")]
public sealed class RunnerTests : FolderTests
{
    [Fact]
    public async Task Outputs_are_stored_as_nbformat_has_them_and_updates_replace()
    {
        var run = await Run(["var d = display(\"0/2\");", "d.Update(\"2/2\"); Console.WriteLine(\"out\"); Console.Error.WriteLine(\"err\"); 1 + 1"]);
        Assert.Equal(0, run.Code);
        Assert.Equal("""[{"data":{"text/plain":["2/2"]},"metadata":{},"output_type":"display_data"}]""", run.Cells[0]!["outputs"]!.ToJsonString());
        Assert.Equal(["stream", "stream", "execute_result"], run.Cells[1]!["outputs"]!.AsArray().Select(output => (string)output!["output_type"]!));
        Assert.Equal("""{"data":{"text/plain":["2"]},"execution_count":2,"metadata":{},"output_type":"execute_result"}""", run.Cells[1]!["outputs"]![2]!.ToJsonString());
    }

    [Fact]
    public async Task What_the_run_does_not_concern_stays_as_it_was_written()
    {
        var before = Notebooks.Of("1").Replace("\"kernelspec\":", "\"custom\":{\"b\":1.50,\"a\":\"é\"},\"kernelspec\":");
        File.WriteAllText(Inside("n.ipynb"), before);
        await Run(RunOptions.Parse([Inside("n.ipynb"), "-o", Inside("out.ipynb")]));
        var after = File.ReadAllText(Inside("out.ipynb"));
        Assert.Contains("\"b\": 1.50,\n   \"a\": \"é\"", after);
        Assert.Contains("\"id\": \"cell-0\"", after);
        Assert.EndsWith("}\n", after);
    }

    [Fact]
    public async Task A_failing_cell_ends_the_run_with_1_and_keeps_what_ran()
    {
        var run = await Run(["Console.WriteLine(1);", "throw new Exception(\"no\");", "3"]);
        Assert.Equal(1, run.Code);
        Assert.Equal(["stream"], Types(run.Cells[0]!));
        Assert.Equal(["error"], Types(run.Cells[1]!));
        Assert.Empty(Types(run.Cells[2]!));
        Assert.Contains("In[2], line 1", run.Progress);
        Assert.Equal(1, (await Run(["throw new Exception(\"no\");", "3"], "--allow-errors")).Code);
    }

    [Theory]
    [InlineData("await Microsoft.DotNet.Interactive.Kernel.GetInputAsync(\"who?\")")]
    [InlineData("await Microsoft.DotNet.Interactive.Kernel.GetInputsAsync([new Microsoft.DotNet.Interactive.Commands.InputDescription(\"a\", \"who?\")])")]
    public async Task A_cell_that_asks_is_told_that_nobody_can_answer(string code)
    {
        var run = await Run([code]);
        Assert.Equal(1, run.Code);
        Assert.Contains("has nobody to answer; give the value with -p instead", run.Json);
    }

    [Fact]
    public async Task An_endless_cell_ends_at_its_timeout()
    {
        var run = await Run(["while (true) { }"], "--timeout", "1");
        Assert.Equal(1, run.Code);
        Assert.Contains("took longer than 1 s", run.Progress);
    }

    [Fact]
    public async Task A_hundred_megabytes_of_output_make_a_small_file_that_says_so()
    {
        var run = await Run(["var line = new string('x', 100_000); for (int i = 0; i < 1000; i++) Console.WriteLine(line); HTML(new string('y', 100_000_000))", "1 + 1"]);
        Assert.Equal(0, run.Code);
        Assert.InRange(run.Json.Length, 2_000_000, 2_100_000);
        Assert.Contains("[output cut after 2,000,000 characters]", run.Json);
        Assert.Contains("is not shown: a cell shows 64,000,000 at most]", run.Json);
        Assert.Equal(["execute_result"], Types(run.Cells[1]!));
    }

    [Fact]
    public async Task Parameters_are_injected_after_their_cell_with_its_types()
    {
        var run = await Run([("int n = 1; \ndouble beta = 0.5;\nstring name = \"m\";\nint[] sizes = [1];", "parameters"), ("n = 9;", "injected-parameters"), ("$\"{n} {beta / 4} {name} {sizes.Length}\"", "")],
            "-p", "n", "3", "-p", "beta", "2", "-p", "name", "7", "-p", "sizes", "[1, 2]");
        Assert.Equal(3, run.Cells.Count);
        Assert.Equal("// Parameters\nint n = 3;\ndouble beta = 2;\nstring name = \"7\";\nint[] sizes = [1, 2];", string.Concat(run.Cells[1]!["source"]!.AsArray().Select(line => (string)line!)));
        Assert.Equal("3 0.5 7 2", (string)run.Cells[2]!["outputs"]![0]!["data"]!["text/plain"]![0]!);
        await Refused("has no such parameter", () => Run([("int n = 1;", "parameters")], "-p", "m", "3"));
    }

    [Theory]
    [InlineData("true", "true")]
    [InlineData("42", "42")]
    [InlineData("5000000000", "5000000000L")]
    [InlineData("0.5", "0.5")]
    [InlineData("1e-3", "0.001")]
    [InlineData("2.0", "2.0")]
    [InlineData("a \"b\" \\", "\"a \\\"b\\\" \\\\\"")]
    [InlineData("1.2.3", "\"1.2.3\"")]
    public void Literals_have_the_kind_their_text_looks_like(string value, string literal) => Assert.Equal(literal, Parameters.Literal(value));

    [Theory]
    [InlineData("{", "not JSON")]
    [InlineData("[]", "a notebook is a JSON object")]
    [InlineData("""{"nbformat":3,"nbformat_minor":0,"metadata":{},"worksheets":[]}""", "old notebook format 3")]
    [InlineData("""{"nbformat":4,"nbformat_minor":5,"metadata":{},"cells":[{"cell_type":"slide","metadata":{},"source":""}]}""", "cell 1: has the unknown cell_type 'slide'")]
    [InlineData("""{"nbformat":4,"nbformat_minor":5,"metadata":{},"cells":[{"cell_type":"code","id":"a","metadata":{},"source":""}]}""", "cell 1: a code cell needs an array \"outputs\"")]
    [InlineData("""{"nbformat":4,"nbformat_minor":5,"metadata":{"kernelspec":{"name":"python3","language":"python"}},"cells":[]}""", "in python")]
    public void A_file_that_is_no_notebook_for_us_is_refused_with_the_place(string text, string reason)
    {
        var refused = Assert.Throws<NotebookException>(() => NotebookDocument.Parse(text, "x.ipynb"));
        Assert.Contains(reason, refused.Message);
        Assert.StartsWith("x.ipynb: ", refused.Message);
    }

    [Theory]
    [InlineData("run", "{ \"cells\": [", "not JSON, so not a notebook (line 1, byte 13)")]
    [InlineData("run", """{"nbformat":3,"nbformat_minor":0,"metadata":{},"worksheets":[]}""", "convert it: jupyter nbconvert --to notebook --nbformat 4 bad.ipynb")]
    [InlineData("check", """{"nbformat":4,"nbformat_minor":5,"metadata":{},"cells":[{"cell_type":"slide","metadata":{},"source":""}]}""", "notebooks have code, markdown and raw cells")]
    [InlineData("html", "PNG", "not JSON, so not a notebook")]
    public void A_bad_file_ends_the_program_with_2_and_one_line_and_writes_nothing(string command, string text, string reason)
    {
        File.WriteAllText(Inside("bad.ipynb"), text);
        string[] more = command == "run" ? ["-o", Inside("out.ipynb"), "--html", Inside("out.html")] : command == "html" ? [Inside("out.html")] : [];
        var (code, said) = Notebooks.Run([command, Inside("bad.ipynb"), .. more]);
        Assert.Equal(2, code);
        Assert.StartsWith(Inside("bad.ipynb") + ": ", said);
        Assert.Contains(reason, said);
        Assert.Single(said.TrimEnd().Split('\n'));
        Assert.Equal([Inside("bad.ipynb")], Directory.GetFiles(Folder));
    }

    [Theory]
    [InlineData("Environment.Exit(3);", "exit code 3")]
    [InlineData("[System.Runtime.InteropServices.DllImport(\"libc\")] static extern void abort(); abort();", "signal 6 (abort)")]
    public void A_process_that_dies_loses_nothing_that_ran(string deadly, string how)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() && deadly.Contains("libc"), "Windows has no libc");
        File.WriteAllText(Inside("n.ipynb"), Notebooks.Of("Console.WriteLine(\"kept\");", deadly, "3"));
        var (code, said) = Notebooks.Run("run", Inside("n.ipynb"), "--html", Inside("n.html"), "-o", Inside("o.ipynb"));
        Assert.Equal(1, code);
        Assert.Contains(how, said);
        var cells = JsonNode.Parse(File.ReadAllText(Inside("o.ipynb")))!["cells"]!.AsArray();
        Assert.Contains("kept", cells[0]!["outputs"]!.ToJsonString());
        Assert.Contains(how, cells[1]!["outputs"]!.ToJsonString());
        Assert.Contains(how, File.ReadAllText(Inside("n.html")));
    }

    /// <summary>Plotly.NET and its HTML writer are built for different versions of FSharp.Core.</summary>
    [Fact]
    public void Libraries_in_FSharp_share_their_core()
    {
        File.WriteAllText(Inside("n.ipynb"), Notebooks.Of("#r \"nuget: Plotly.NET, 6.0.0\"\nPlotly.NET.GenericChart.toJson(Plotly.NET.GenericChart.ofTraceObject(false, new Plotly.NET.Trace(\"bar\")))"));
        var (code, said) = Notebooks.Run("run", Inside("n.ipynb"), "-o", Inside("o.ipynb"));
        Assert.True(code == 0, said);
        Assert.Contains("\\\"type\\\":\\\"bar\\\"", File.ReadAllText(Inside("o.ipynb")));
    }

    [Fact]
    public async Task A_figure_is_stored_as_the_drawing_that_code_hosts_show_and_its_page_has_both()
    {
        var run = await Run([$"#r \"{Path.Combine(Repository.Root, "bin", "HeadKvLab.dll")}\"\nHeadKvLab.Charts.HeadMap.Draw(new double[,] {{ {{ 0.1, 0.9 }} }})"], "--html", Inside("figure.html"));
        Assert.Equal(0, run.Code);
        var data = run.Cells[0]!["outputs"]![0]!["data"]!.AsObject();
        Assert.Equal(["application/vnd.plotly.v1+json", "image/svg+xml", "text/plain"], data.Select(pair => pair.Key));
        Assert.StartsWith("<svg", NotebookCell.Text(data["image/svg+xml"]));
        var page = File.ReadAllText(Inside("figure.html"));
        Assert.Contains("<img alt=\"figure\" src=\"data:image/svg+xml;base64,", page);
        Assert.Contains("window.Plotly.newPlot(at, figure.data", page);
    }

    [Fact]
    public async Task The_page_holds_everything_it_needs()
    {
        var run = await Run(["var fig = \"\"\"{\"data\":[{\"y\":[1,2]}],\"layout\":{}}\"\"\"; fig.DisplayAs(\"application/vnd.plotly.v1+json\");", "Console.WriteLine(\"<tag>\");"], "--html", Inside("page.html"));
        var page = File.ReadAllText(Inside("page.html"));
        Assert.Contains("DecompressionStream", page);
        Assert.Contains("&lt;tag&gt;", page);
        Assert.DoesNotContain("src=\"http", page);
        Assert.InRange(page.Length, 1_900_000, 2_200_000);
        Assert.DoesNotContain("DecompressionStream", run.Json);
    }

    [Theory]
    [InlineData("$a_i$", "<msub><mrow><mi>a</mi></mrow><mrow><mi>i</mi></mrow></msub>")]
    [InlineData("$\\frac{1}{\\sqrt{d}}$", "<mfrac><mrow><mrow><mn>1</mn></mrow></mrow><mrow><mrow><msqrt><mrow><mrow><mi>d</mi></mrow></mrow></msqrt></mrow></mrow></mfrac>")]
    [InlineData("$x < 2 \\cdot \\beta$", "<mo>&lt;</mo><mn>2</mn><mo>⋅</mo><mi>β</mi>")]
    public void Formulas_need_no_script(string markdown, string mathMl)
    {
        var notebook = NotebookDocument.Parse(Notebooks.Of().Replace("\"cells\":[]", $$"""
            "cells":[{"cell_type":"markdown","id":"m","metadata":{},"source":{{JsonValue.Create(markdown).ToJsonString()}}}]
            """), "x");
        Assert.Contains(mathMl, HtmlPage.Write(notebook, "x"));
    }

    static string[] Types(JsonNode cell) => [.. cell["outputs"]!.AsArray().Select(output => (string)output!["output_type"]!)];

    Task<(int Code, JsonArray Cells, string Progress, string Json)> Run(string[] cells, params string[] options) => Run([.. cells.Select(cell => (cell, ""))], options);

    async Task<(int Code, JsonArray Cells, string Progress, string Json)> Run((string, string)[] cells, params string[] options)
    {
        File.WriteAllText(Inside("n.ipynb"), Notebooks.Of(5, cells));
        var (code, progress) = await Run(RunOptions.Parse([Inside("n.ipynb"), "-o", Inside("out.ipynb"), .. options]));
        var json = File.ReadAllText(Inside("out.ipynb"));
        return (code, JsonNode.Parse(json)!["cells"]!.AsArray(), progress, json);
    }

    static async Task<(int Code, string Progress)> Run(RunOptions options)
    {
        var progress = new StringWriter();
        return (await new NotebookRunner(options, progress).Run(), progress.ToString());
    }

    static async Task Refused(string reason, Func<Task> action) =>
        Assert.Contains(reason, (await Assert.ThrowsAsync<NotebookException>(action)).Message);
}
