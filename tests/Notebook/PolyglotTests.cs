using HeadKvLab.Notebook;
using HeadKvLab.Notebook.Engine;
using HeadKvLab.Notebook.Files;
using HeadKvLab.Notebook.Headless;

namespace HeadKvLab.Tests.Notebook;

/// <summary>Several languages in one session, and what .NET Interactive promises its cells: values that go from one to the other, magic commands, its own objects.</summary>
[Collection("console")]
public sealed class PolyglotTests : IDisposable
{
    readonly Session session = new(AppContext.BaseDirectory);
    RecordingCell last = new();
    int count;

    public void Dispose() => session.Dispose();

    [Fact]
    public async Task A_cell_has_blocks_of_several_languages_in_the_order_of_their_outputs()
    {
        Assert.Equal("[HTML] 3 # Title", await Shows("int a = 2;\n#!html\n<b>hi</b>\n#!csharp\na + 1\n#!markdown\n# Title"));
        Assert.Equal(["text/html", "text/plain", "text/markdown"], last.Shown.Select(one => one.Bundle[0].MimeType));
        Assert.Equal("<b>hi</b>", last.Shown[0].Bundle[0].Value);
        await Shows("#!javascript\nconsole.log(1)");
        Assert.Equal("<script type=\"text/javascript\">console.log(1)</script>", last.Shown[0].Bundle[0].Value);
        Assert.Equal("2", await Shows("#!C#\na"));
    }

    [Fact]
    public async Task Values_go_from_one_language_to_another()
    {
        await Shows("#!value --name text\nhello");
        Assert.Equal("hello", await Shows("#!set --name taken --value @value:text\ntaken"));
        Assert.Equal("hello", await Shows("#!share text --from value\ntext"));
        await Shows("var list = new List<int> { 1, 2 };");
        await Shows("#!javascript\n#!share list --from csharp\nlist.length");
        Assert.Contains("list = [1,2];", last.Shown[0].Bundle[0].Value);
        Assert.Contains("C# has no variable nowhere", (await Fails("#!share nowhere --from csharp")).Message);
    }

    [Fact]
    public async Task Magic_commands_tell_of_the_session()
    {
        await Shows("var first = 1; string second = \"b\";");
        await Shows("#!who");
        Assert.Contains("first", last.Shown[0].Bundle[0].Value);
        await Shows("#!whos");
        Assert.Matches("first.*second", last.Shown[0].Bundle[0].Value.ReplaceLineEndings(" "));
        Assert.Matches(@"^3 Wall time: [0-9.]+ms$", await Shows("#!time\nfirst + 2"));
        Assert.Contains(".NET Interactive", await Shows("#!about"));
    }

    [Theory]
    [InlineData("#!fsharp\nlet x = 1", "In[1], line 2: #!fsharp: fsharp does not run in this kernel; it runs csharp, html, markdown, javascript, value.")]
    [InlineData("\n#!pwsh\nls", "In[1], line 3: #!pwsh: pwsh does not run in this kernel;")]
    [InlineData("#!nonsense\n1", "In[1], line 2, column 1: Unknown magic command '#!nonsense'")]
    public async Task What_is_not_here_is_refused_by_name_and_place_before_anything_runs(string code, string message)
    {
        Assert.StartsWith(message, (await Fails("Console.Write(\"ran\");\n" + code)).Message);
        Assert.Equal("", last.Printed);
    }

    [Fact]
    public async Task A_cells_metadata_choose_its_language()
    {
        Assert.Equal("[HTML]", await Shows("<u>x</u>", "html"));
        Assert.Equal("4", await Shows("2 + 2", "dotnet-interactive.csharp"));
        Assert.Contains("a cell in fsharp cannot run here; it runs csharp", (await Fails("1", "fsharp")).Message);
        var notebook = """{"nbformat":4,"nbformat_minor":5,"metadata":{},"cells":[{"cell_type":"code","id":"a","metadata":{"polyglot_notebook":{"kernelName":"pwsh"}},"execution_count":null,"outputs":[],"source":"ls"}]}""";
        var file = Path.GetTempFileName();
        File.WriteAllText(file, notebook);
        Assert.Contains("cell 1: a cell in pwsh cannot run here", Assert.Throws<NotebookException>(() => NotebookRunner.Prepare(RunOptions.Parse([file]))).Message);
        File.Delete(file);
        Assert.Equal("html", NotebookCell.LanguageIn(System.Text.Json.Nodes.JsonNode.Parse("""{"polyglot_notebook":{"kernelName":"html"}}""")));
        Assert.Null(NotebookCell.LanguageIn(System.Text.Json.Nodes.JsonNode.Parse("""{"polyglot_notebook":"odd","vscode":{"languageId":5}}""")));
    }

    [Fact]
    public async Task Front_ends_complete_magic_commands_and_take_cells_with_them_as_whole()
    {
        await session.Ready;
        var insight = new CodeInsight(session.CSharp);
        Assert.Equal(["#!set", "#!share"], insight.Complete("1;\n\n#!s", 7).Names);
        Assert.Equal(4, insight.Complete("1;\n\n#!s", 7).Start);
        Assert.Contains("#!html", insight.Complete("#!", 2).Names);
        const string After = "#r \"nuget: No.Such.Package, 1.0.0\"\r\n#!csharp\r\n/* \r\n */ int abc = 1; ab";
        var (names, start) = insight.Complete(After, After.Length);
        Assert.Contains("abc", names);
        Assert.Equal(After.Length - 2, start);
        Assert.True(CSharpKernel.IsComplete("#!html\n<b>{"));
        Assert.False(CSharpKernel.IsComplete("for (;;) {"));
    }

    [Fact]
    public async Task Errors_in_a_block_name_the_cells_own_line_and_column()
    {
        var error = await Fails("int z = 1;\n#!html\n<i/>\n#!csharp\n\n  int bad = \"x\";");
        Assert.Equal("In[1], line 6, column 13: CS0029: Cannot implicitly convert type 'string' to 'int'", error.Traceback[0]);
        Assert.Equal("  int bad = \"x\";", error.Traceback[1][4..]);
    }

    /// <summary>In the package display gives a handle whose updates name a display that nobody has.</summary>
    [Fact]
    public async Task Updates_replace_what_was_shown_whoever_showed_it_and_from_wherever()
    {
        await Shows("var one = display(\"0\"); var two = display(HTML(\"a\")); one.Update(\"1\"); one.Update(\"2\"); two.Update(HTML(\"b\"));");
        Assert.Equal([false, false, true, true, true], last.Shown.Select(shown => shown.Update));
        Assert.Equal([0, 1, 0, 0, 1], last.Shown.Select(shown => shown.Id == last.Shown[0].Id ? 0 : shown.Id == last.Shown[1].Id ? 1 : 2));
        var id = last.Shown[0].Id;
        await Shows("one.Update(\"3\"); var late = Task.Run(async () => { await Task.Delay(300); one.Update(\"late\"); });");
        var (first, deadline) = (last, DateTime.UtcNow.AddSeconds(20));
        while (first.Shown.Count < 2 && DateTime.UtcNow < deadline) await Task.Delay(50);
        Assert.Equal([(id, "3"), (id, "late")], first.Shown.Select(shown => (shown.Id, shown.Bundle[0].Value)));
    }

    [Fact]
    public async Task The_running_cell_is_a_command_of_the_root_kernel()
    {
        Assert.Equal("csharp", await Shows("Microsoft.DotNet.Interactive.KernelInvocationContext.Current.HandlingKernel.Name"));
        Assert.Equal("6", await Shows("using Microsoft.DotNet.Interactive.Commands; await Root.SendAsync(new SubmitCode(\"int sent = 6;\")); 6"));
        Assert.Equal("[HTML]", await Shows("await Root.SendAsync(new SubmitCode(\"<p/>\", \"html\"));"));
        Assert.Equal("answer to name?", await Shows("await Microsoft.DotNet.Interactive.Kernel.GetInputAsync(\"name?\")"));
        Assert.Equal("answer to a? answer to b?", await Shows("using InputDescription = Microsoft.DotNet.Interactive.Commands.InputDescription; var answers = await Microsoft.DotNet.Interactive.Kernel.GetInputsAsync([new InputDescription(\"a\", \"a?\"), new InputDescription(\"b\", \"b?\")]); answers[\"a\"] + \" \" + answers[\"b\"]"));
    }

    /// <summary>All that a cell shows as text, in order.</summary>
    async Task<string> Shows(string code, string? language = null)
    {
        var result = await Execute(code, language);
        Assert.True(result.Error is null, result.Error is null ? "" : string.Join('\n', result.Error.Traceback));
        return string.Join(' ', last.Shown.Select(one => one.Bundle).Append(result.Value ?? []).Where(bundle => bundle.Count > 0).Select(bundle => bundle[^1].Value));
    }

    async Task<CellError> Fails(string code, string? language = null) =>
        (await Execute(code, language)).Error ?? throw new Xunit.Sdk.XunitException($"ran, but should fail: {code}");

    async Task<CellResult> Execute(string code, string? language)
    {
        last = new RecordingCell();
        return await session.Execute(code, $"In[{++count}]", last, language);
    }
}
