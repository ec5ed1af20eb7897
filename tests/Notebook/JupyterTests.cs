using System.Diagnostics;
using System.Text.Json.Nodes;

namespace HeadKvLab.Tests.Notebook;

/// <summary>
/// The kernel under the real Jupyter: its own client over the wire, nbconvert, and the classic notebook in a browser. Where Jupyter
/// or a browser is not installed these tests are skipped.
/// </summary>
[Collection("console")]
public sealed class JupyterTests(ITestOutputHelper log) : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task The_kernel_speaks_jupyters_protocol()
    {
        var said = await Wire("cells.py");
        // Bounds several times the usual figures (0.5 s, 1 s, 15 ms, 20 ms), for machines under load.
        Assert.InRange(Milliseconds(said, "ready"), 0, 15_000);
        Assert.InRange(Milliseconds(said, "interrupt of while (true) { }"), 0, 5_000);
        Assert.InRange(Milliseconds(said, "interrupt of System.Threading.Thread.Sleep(20000);"), 0, 5_000);
    }

    [Fact]
    public Task A_kernel_that_ends_says_why_leaves_no_orphan_and_a_new_one_works() => Wire("endings.py");

    [Fact]
    public Task What_vs_code_and_jupyterlab_send_is_answered() => Wire("frontends.py");

    [Fact]
    public async Task Nbconvert_executes_a_notebook_with_the_installed_kernel()
    {
        Requires.Program(["jupyter"], ["nbconvert", "--version"], "jupyter nbconvert (Debian: jupyter-nbconvert)");
        await Install();
        File.WriteAllText(Path.Combine(folder, "n.ipynb"), Notebooks.Of("var x = 20;", "Console.WriteLine(\"printed\"); x + 1"));
        var (code, said) = await Run("jupyter", "nbconvert", "--to", "notebook", "--execute", Path.Combine(folder, "n.ipynb"), "--output", "done.ipynb");
        Assert.True(code == 0, said);
        var outputs = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "done.ipynb")))!["cells"]![1]!["outputs"]!;
        Assert.Contains("printed", outputs.ToJsonString());
        var value = outputs.AsArray().Single(one => (string)one!["output_type"]! == "execute_result")!["data"]!["text/plain"]!;
        Assert.Equal("21", value is JsonArray lines ? string.Concat(lines.Select(line => (string)line!)) : (string)value!);   // nbformat allows both
    }

    [Fact]
    public async Task Install_never_overwrites_a_kernel_of_another_program()
    {
        var foreign = Path.Combine(folder, "data", "kernels", ".net-csharp", "kernel.json");
        Directory.CreateDirectory(Path.GetDirectoryName(foreign)!);
        File.WriteAllText(foreign, """{"argv":["dotnet-interactive"],"display_name":".NET (C#)","language":"C#"}""");
        var said = await Install();
        Assert.Contains("belongs to another kernel", said);
        Assert.Contains("dotnet-interactive", File.ReadAllText(foreign));
        var second = Path.Combine(folder, "data", "kernels", "headkvlab-csharp");
        Assert.True(File.Exists(Path.Combine(second, "kernel.json")));
        Assert.Contains("Removed", (await Run("dotnet", Notebooks.Program, "uninstall")).Said);
        Assert.False(Directory.Exists(second));
        Assert.True(File.Exists(foreign));
    }

    [Fact]
    public async Task In_the_classic_notebook_a_reader_runs_all_draws_interrupts_completes_restarts_and_outlives_a_kernel()
    {
        Requires.Program(["jupyter"], ["notebook", "--version"], "jupyter notebook (Debian: jupyter-notebook)");
        Assert.SkipWhen(Browser.Executable is null, "no chromium here (Debian: chromium)");
        await Install();
        File.WriteAllText(Path.Combine(folder, "n.ipynb"), Notebooks.Of(
            "int answer = 41;",
            "#r \"nuget: Plotly.NET.Interactive, 6.0.0\"\nusing Plotly.NET; var map = new Trace(\"heatmap\"); map.SetProperty(\"z\", new[] { new[] { 1, 2 }, new[] { 3, 4 } }); GenericChart.ofTraceObject(false, map)",
            "answer + 1"));
        using var server = await ClassicServer.Start(folder, Environment());
        Assert.SkipWhen(server is null, "this Jupyter has no classic notebook server that starts with these options");
        await using var page = await Browser.Open(server!.Address + "notebooks/n.ipynb");
        await page.Until("window.Jupyter && Jupyter.notebook && Jupyter.notebook.kernel && Jupyter.notebook.kernel.is_connected()");
        await page.Run("Jupyter.notebook.execute_all_cells()");
        await page.Until("document.querySelectorAll('.js-plotly-plot .heatmaplayer image, .js-plotly-plot .heatmaplayer').length > 0");
        await page.Until("Jupyter.notebook.get_cell(2).output_area.outputs.some(o => o.data && o.data['text/plain'] == '42')");
        await page.Screenshot(Picture("notebook-run-all.png"));

        await page.Run("var c = Jupyter.notebook.insert_cell_at_bottom('code'); c.set_text('while (true) { }'); c.execute()");
        await page.Until("Jupyter.notebook.get_cell(-1) || Jupyter.notebook.kernel_busy");
        await Task.Delay(2000);
        await page.Run("document.querySelector('[data-jupyter-action=\"jupyter-notebook:interrupt-kernel\"]').click()");
        await page.Until("Jupyter.notebook.get_cells().slice(-1)[0].output_area.outputs.some(o => o.ename == 'Interrupted')");

        await page.Run("var d = Jupyter.notebook.insert_cell_at_bottom('code'); Jupyter.notebook.select(Jupyter.notebook.ncells() - 1); Jupyter.notebook.edit_mode(); d.set_text('answ'); d.code_mirror.setCursor(0, 4); d.focus_editor()");
        await page.Press("Tab", 9);
        await page.Until("Jupyter.notebook.get_cells().slice(-1)[0].get_text() == 'answer' || [...document.querySelectorAll('.completions option')].some(o => o.text == 'answer')");
        await page.Screenshot(Picture("notebook-completion.png"));

        await page.Run("Jupyter.notebook.kernel.restart()");
        await page.Run("setTimeout(function () { var e = Jupyter.notebook.insert_cell_at_bottom('code'); e.set_text('1 + 2'); e.execute(); }, 3000)");
        await page.Until("Jupyter.notebook.get_cells().slice(-1)[0].output_area.outputs.some(o => o.data && o.data['text/plain'] == '3')");

        // A cell ends the process: it says so, the server starts a new kernel and tells the reader, what was there stays.
        await page.Run("var f = Jupyter.notebook.insert_cell_at_bottom('code'); f.set_text('Environment.Exit(3);'); f.execute()");
        await page.Until("Jupyter.notebook.get_cells().slice(-1)[0].output_area.outputs.some(o => o.ename == 'KernelEnded')");
        await page.Until("[...document.querySelectorAll('.modal-title')].some(title => title.textContent == 'Kernel Restarting')");
        await page.Screenshot(Picture("notebook-kernel-ended.png"));
        await page.Run("document.querySelector('.modal .btn-primary').click()");
        await page.Run("setTimeout(function () { var g = Jupyter.notebook.insert_cell_at_bottom('code'); g.set_text('6 * 9'); g.execute(); }, 3000)");
        await page.Until("Jupyter.notebook.get_cells().slice(-1)[0].output_area.outputs.some(o => o.data && o.data['text/plain'] == '54')");
        await page.Until("Jupyter.notebook.get_cell(2).output_area.outputs.some(o => o.data && o.data['text/plain'] == '42')");
    }

    [Fact]
    public async Task A_page_of_the_runner_opens_from_disk_with_a_live_chart_and_without_a_network()
    {
        Assert.SkipWhen(Browser.Executable is null, "no chromium here (Debian: chromium)");
        var (notebook, html) = (Path.Combine(folder, "n.ipynb"), Path.Combine(folder, "n.html"));
        File.WriteAllText(notebook, Notebooks.Of($"#r \"{Path.Combine(Repository.Root, "bin", "HeadKvLab.dll")}\"\nHeadKvLab.Charts.HeadMap.Draw(new double[,] {{ {{ 0.1, 0.9 }}, {{ 0.4, 0.2 }} }})"));
        var (code, said) = await Run("dotnet", Notebooks.Program, "run", notebook, "-o", notebook, "--html", html);
        Assert.True(code == 0, said);
        await using var page = await Browser.Open("file://" + html);
        await page.Until("document.querySelectorAll('.js-plotly-plot .heatmaplayer').length > 0");
        await page.Screenshot(Picture("page.png"));
        Assert.Equal(0, (int)(await page.Run("performance.getEntriesByType('resource').filter(r => r.name.startsWith('http')).length"))!);
    }

    /// <summary>In an empty notebook, from packages alone: their extensions load, and what they show needs neither a network nor, as an image, a script.</summary>
    [Fact]
    public async Task Packages_show_charts_and_frames_live_and_as_static_images_without_a_network()
    {
        var (notebook, html) = (Path.Combine(folder, "n.ipynb"), Path.Combine(folder, "n.html"));
        File.WriteAllText(notebook, Notebooks.Of(
            "#r \"nuget: Plotly.NET.Interactive, 6.0.0\"\n#r \"nuget: Microsoft.Data.Analysis, 0.23.1\"\nusing Plotly.NET; using Microsoft.Data.Analysis;",
            "var bars = new Trace(\"bar\"); bars.SetProperty(\"y\", new[] { 4, 1, 3 }); GenericChart.ofTraceObject(false, bars)",
            "new DataFrame(new StringDataFrameColumn(\"method\", new[] { \"SnapKV\", \"HeadKV\" }), new DoubleDataFrameColumn(\"score\", new[] { 0.25, 0.5 }))",
            "typeof(TabularDataResource).Name"));   // imported by the extension of Microsoft.Data.Analysis
        var (code, said) = await Run("dotnet", Notebooks.Program, "run", notebook, "-o", notebook, "--html", html);
        Assert.True(code == 0, said);
        var data = JsonNode.Parse(File.ReadAllText(notebook))!["cells"]!.AsArray().Skip(1).Select(cell => cell!["outputs"]![0]!["data"]!.AsObject()).ToArray();
        Assert.Equal("[4,1,3]", data[0]["application/vnd.plotly.v1+json"]!["data"]![0]!["y"]!.ToJsonString());
        Assert.Contains("SnapKV", data[1]["text/html"]!.ToJsonString());
        Assert.Contains("0.25", data[1]["text/plain"]!.ToJsonString());
        Assert.Equal("[\"TabularDataResource\"]", data[2]["text/plain"]!.ToJsonString());
        Assert.DoesNotContain("cdn", data[0].ToJsonString(), StringComparison.OrdinalIgnoreCase);
        Assert.SkipWhen(Browser.Executable is null, "no chromium here (Debian: chromium)");
        Assert.StartsWith("[\"<svg", data[0]["image/svg+xml"]!.ToJsonString().Replace("\\u003C", "<"));
        await using var page = await Browser.Open("file://" + html);
        await page.Until("document.querySelectorAll('.js-plotly-plot .barlayer .point').length == 3");
        await page.Until("[...document.querySelectorAll('td')].some(cell => cell.innerText.trim() == 'SnapKV')");
        await page.Screenshot(Picture("packages.png"));
        Assert.Equal(0, (int)(await page.Run("performance.getEntriesByType('resource').filter(r => r.name.startsWith('http')).length"))!);
    }

    /// <summary>Runs checks with Jupyter's own client; each must hold.</summary>
    /// <returns>A line for each.</returns>
    async Task<string> Wire(string checks)
    {
        var python = Requires.Python("jupyter_client", "python3-jupyter-client");
        var (code, said) = await Run(python, Path.Combine(Repository.Root, "tests", "Notebook", "wire", checks), "dotnet", Notebooks.Program);
        log.WriteLine(said);
        Assert.EndsWith("all passed", said.TrimEnd());
        Assert.Equal(0, code);
        return said;
    }

    async Task<string> Install()
    {
        var (code, said) = await Run("dotnet", Notebooks.Program, "install");
        Assert.True(code == 0, said);
        return said;
    }

    Dictionary<string, string?> Environment() => new()
    {
        ["JUPYTER_DATA_DIR"] = Path.Combine(folder, "data"),
        ["JUPYTER_RUNTIME_DIR"] = Path.Combine(folder, "runtime"),
        ["JUPYTER_CONFIG_DIR"] = Path.Combine(folder, "config"),
    };

    string Picture(string name) => System.Environment.GetEnvironmentVariable("HEADKVLAB_PICTURES") is { } pictures ? Path.Combine(pictures, name) : Path.Combine(folder, name);

    static int Milliseconds(string said, string check) =>
        int.Parse(said.Split('\n').First(line => line.StartsWith($"ok   {check}: ", StringComparison.Ordinal)).Split(": ")[^1]);

    async Task<(int Code, string Said)> Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in Environment())
        {
            start.Environment[name] = value;
        }
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, process.ExitCode == 0 ? output : output + await error);
    }
}
