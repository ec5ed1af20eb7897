using System.Diagnostics;
using HeadKvLab.Notebook.Engine;

namespace HeadKvLab.Tests.Notebook;

/// <summary>The script engine behind both hosts: state, dialect, errors in the reader's own lines, interrupts, memory.</summary>
[Collection("console")]
public sealed class EngineTests(ITestOutputHelper log) : IDisposable
{
    readonly Session session = new(AppContext.BaseDirectory);
    int count;

    public void Dispose() => session.Dispose();

    [Fact]
    public async Task Cells_share_variables_methods_types_and_usings_and_may_redefine_them()
    {
        await Runs("using System.Globalization; int x = 1; int Twice(int v) => 2 * v; record P(int A);");
        Assert.Equal("4", await Shows("x++; Twice(x)"));
        Assert.Equal("P { A = 2 }", await Shows("new P(x)"));
        Assert.Equal("text", await Shows("var x = \"text\"; x"));
        Assert.Equal("Invariant Language (Invariant Country)", await Shows("CultureInfo.InvariantCulture.EnglishName"));
        Assert.Equal("3", await Shows("await Task.Delay(1); await Task.FromResult(3)"));
    }

    [Fact]
    public async Task The_default_imports_are_exactly_those_of_dotnet_interactive()
    {
        Assert.Equal("3", await Shows("new[] { 1, 2 }.Sum()"));
        Assert.Equal("a", await Shows("new StringBuilder(\"a\").ToString()"));
        await Runs("display(HTML(\"<b>x</b>\"));");
        Assert.Contains("CS0103", (await Fails("File.Exists(\"x\")")).Message);
        Assert.Contains("CS0103", (await Fails("Thread.Sleep(1)")).Message);
        Assert.Contains("CS0103", (await Fails("Formatter.ResetToDefault()")).Message);
        Assert.Equal("CompositeKernel", await Shows("Root.GetType().Name"));
        await Runs("using Microsoft.DotNet.Interactive.Formatting; Formatter.ListExpansionLimit = 20;");
    }

    [Fact]
    public async Task The_language_is_csharp_14()
    {
        Assert.Equal("5", await Shows("class C { public int V { get; set => field = value + 1; } } new C { V = 4 }.V"));
        Assert.Equal("List", await Shows("nameof(List<>)"));
    }

    [Fact]
    public async Task An_exception_names_the_cell_and_line_of_every_frame_and_none_of_the_engine()
    {
        await Runs("\nint Inner(int k)\n{\n    if (k == 0) throw new InvalidOperationException(\"boom\");\n    return Inner(k - 1);\n}");
        var error = await Fails("int before = 41;\n\nInner(1);");
        var trace = string.Join('\n', error.Traceback);
        log.WriteLine(trace);
        Assert.Equal("System.InvalidOperationException", error.Name);
        Assert.Equal("boom", error.Message);
        Assert.Contains("In[1], line 4\n      if (k == 0) throw new InvalidOperationException(\"boom\");", trace);
        Assert.Contains("In[1], line 5\n      return Inner(k - 1);", trace);
        Assert.Contains("at <cell> in In[2], line 3\n      Inner(1);", trace);
        Assert.DoesNotContain("Microsoft.CodeAnalysis", trace);
        Assert.DoesNotContain("Submission", trace);
        Assert.Equal("42", await Shows("before + 1"));
    }

    [Fact]
    public async Task A_compile_error_underlines_its_place_and_runs_nothing()
    {
        var error = await Fails("Console.WriteLine(\"ran\");\nint y = \"text\";");
        Assert.Equal("In[1], line 2, column 9: CS0029: Cannot implicitly convert type 'string' to 'int'", error.Traceback[0]);
        Assert.Equal("    int y = \"text\";", error.Traceback[1]);
        Assert.Equal("            ~~~~~~", error.Traceback[2]);
        Assert.Equal("", last!.Printed);
    }

    [Fact]
    public async Task Directives_are_followed_or_refused_by_name_without_moving_lines()
    {
        Assert.Equal("7", await Shows("#!csharp\n7"));
        Assert.Contains("line 2: #!fsharp: fsharp does not run in this kernel; it runs csharp, html", (await Fails("// x\n#!fsharp\nlet x = 1")).Message);
        Assert.Contains("write #r \"nuget: PackageId, version\"", (await Fails("#r \"nuget: , 1\"")).Message);
        Assert.Contains("no-such-file.dll", (await Fails("#r \"no-such-file.dll\"")).Message);
    }

    [Fact]
    public async Task Text_arrives_in_order_with_what_is_shown_and_in_few_pieces()
    {
        await Runs("Console.Write(\"a\"); display(1); Console.Error.Write(\"b\"); var t = new System.Threading.Thread(() => Console.Write(\"c\")); t.Start(); t.Join();");
        Assert.Equal("abc", last!.Printed);
        await Runs("for (int i = 0; i < 100_000; i++) Console.WriteLine(i);");
        Assert.Equal(588_890, last!.Printed.Length);
        Assert.InRange(last.Pieces, 1, 400);
    }

    [Fact]
    public async Task A_hundred_megabytes_of_text_are_cut()
    {
        await Runs("var line = new string('x', 100_000); for (int i = 0; i < 1000; i++) Console.WriteLine(line);");
        Assert.InRange(last!.Printed.Length, OutputLimit.Printed, OutputLimit.Printed + 100);
        Assert.Contains("[output cut after 2,000,000 characters]", last.Printed);
    }

    [Fact]
    public async Task A_hundred_megabytes_of_values_are_left_out_and_said_to_be()
    {
        const string Notice = "[a value of 100,000,000 characters is not shown: a cell shows 64,000,000 at most]";
        Assert.Equal(Notice, await Shows("new string('x', 100_000_000)"));
        await Runs("var much = HTML(new string('x', 999_990)); var d = display(1); d.Update(much); d.Update(HTML(new string('x', 100_000_000))); for (int i = 0; i < 100; i++) display(much);");
        Assert.Equal([999_990, Notice.Length], last!.Shown.Where(one => one.Update).Select(one => one.Bundle[0].Value.Length));
        Assert.InRange(last.Shown.Count(one => !one.Update), 63, 65);      // and the notice only once
        Assert.Equal("ab", await Shows("\"ab\""));
    }

    [Theory]
    [InlineData("await Task.Delay(60_000, Microsoft.DotNet.Interactive.KernelInvocationContext.Current.CancellationToken);", false)]
    [InlineData("while (true) { }", false)]
    [InlineData("System.Threading.Thread.Sleep(20_000);", true)]
    [InlineData("await Task.Yield(); var until = DateTime.Now.AddSeconds(6); while (DateTime.Now < until) { }", true)]
    public async Task An_interrupt_gives_the_prompt_back_and_keeps_earlier_variables(string loop, bool stillRunning)
    {
        await Runs("int kept = 5;");
        var host = new RecordingCell();
        var cell = session.Execute(loop, "In[2]", host);
        await Task.Delay(1000);
        var watch = Stopwatch.StartNew();
        host.Interrupt();
        var result = await cell;
        log.WriteLine($"{watch.ElapsedMilliseconds} ms: {loop}");
        Assert.Equal("Interrupted", result.Error?.Name);
        Assert.Equal(stillRunning, result.Error!.Message.Contains("restart the kernel"));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(4), $"took {watch.Elapsed}");
        Assert.Equal("5", await Shows("kept"));
    }

    [Fact]
    public async Task A_dll_finds_its_neighbours_and_its_native_files()
    {
        var folder = Directory.CreateTempSubdirectory().FullName;
        var native = Path.Combine(folder, "runtimes", DependencyFiles.RuntimeIds[0], "native");
        Directory.CreateDirectory(native);
        var shim = OperatingSystem.IsWindows() ? "System.IO.Compression.Native.dll" : OperatingSystem.IsMacOS() ? "libSystem.Native.dylib" : "libSystem.Native.so";
        File.Copy(Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, shim), Path.Combine(native, DependencyFiles.NativeNames("probed")[1]));
        var below = SmallLibrary.Compile(folder, "Below", "public static class Below { public static int Three => 3; }");
        SmallLibrary.Compile(folder, "Above", """
            public static class Above
            {
                [System.Runtime.InteropServices.DllImport("probed")] static extern int SystemNative_GetPid();
                public static int Sum => Below.Three + 1;
                public static int Process => SystemNative_GetPid();
            }
            """, below);
        await Runs($"#r \"{folder}/Above.dll\"");
        Assert.Equal("4", await Shows("Above.Sum"));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal($"{Environment.ProcessId}", await Shows("Above.Process"));
        }
    }

    [Fact]
    public async Task A_package_is_restored_and_a_failed_one_does_not_spoil_the_next()
    {
        Assert.Contains("No.Such.Package.Of.Mine", (await Fails("#r \"nuget: No.Such.Package.Of.Mine, 1.0.0\"\n1")).Message);
        Assert.Equal("<p><em>a</em></p>\n", await Shows("#r \"nuget: Markdig, 1.6.0\"\nMarkdig.Markdown.ToHtml(\"*a*\")"));   // in the cache: the kernel itself uses it
    }

    [Fact]
    public async Task Two_hundred_cells_stay_below_sixty_megabytes()
    {
        await Runs("int n = 0;");
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 0; i < 200; i++)
        {
            await Runs($"var v{i} = Enumerable.Range(0, 10).Select(k => k + {i}).ToList(); n += v{i}.Count;");
        }
        var grown = (GC.GetTotalMemory(forceFullCollection: true) - before) / 1e6;
        log.WriteLine($"{grown:0} MB for 200 cells");
        Assert.Equal("2000", await Shows("n"));
        Assert.True(grown < 60, $"{grown:0} MB");   // other tests' garbage may go meanwhile
    }

    /// <summary>The package keeps all events of a cell until it ends, and each held what was shown.</summary>
    [Fact]
    public async Task What_a_cell_shows_is_kept_neither_after_it_nor_while_it_goes_on()
    {
        await Runs("string Page() => new string('x', 1_000_000); long Memory() => GC.GetTotalMemory(forceFullCollection: true) / 1_000_000;");
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 0; i < 60; i++)
        {
            await session.Execute("display(HTML(Page())); Console.WriteLine(\"a\"); HTML(Page())", "In[2]", new DeafCell());
        }
        var afterwards = (GC.GetTotalMemory(forceFullCollection: true) - before) / 1e6;
        var silent = await session.Execute("var shown = display(HTML(Page())); var start = Memory(); for (int i = 0; i < 150; i++) shown.Update(HTML(Page())); Memory() - start", "In[3]", new DeafCell());
        var within = silent.Value!.Single(one => one.MimeType == "text/plain").Value;
        log.WriteLine($"{afterwards:0} MB after 60 cells of 4 MB, {within} MB in a cell that shows 150 times 2 MB");
        Assert.True(afterwards < 40, $"{afterwards:0} MB");
        Assert.InRange(int.Parse(within), -100, 40);
    }

    /// <summary>A reader who keeps nothing.</summary>
    sealed class DeafCell : CellHost
    {
        internal override Task<string> Ask(string prompt, bool password) => Task.FromResult("");

        protected override void Stream(string stream, string text) { }

        protected override void ShowNow(string displayId, IReadOnlyList<Microsoft.DotNet.Interactive.Formatting.FormattedValue> bundle, bool update) { }
    }

    RecordingCell? last;

    async Task<CellResult> Execute(string code)
    {
        last = new RecordingCell();
        return await session.Execute(code, $"In[{++count}]", last);
    }

    async Task Runs(string code)
    {
        var result = await Execute(code);
        Assert.True(result.Error is null, result.Error is null ? "" : string.Join('\n', result.Error.Traceback));
    }

    async Task<string> Shows(string code)
    {
        var result = await Execute(code);
        Assert.True(result.Error is null, result.Error is null ? "" : string.Join('\n', result.Error.Traceback));
        return result.Value!.Single(one => one.MimeType == "text/plain").Value;
    }

    async Task<CellError> Fails(string code)
    {
        var result = await Execute(code);
        return result.Error ?? throw new Xunit.Sdk.XunitException($"ran, but should fail: {code}");
    }
}
