using System.Text.Json;

namespace HeadKvLab.Tests.Libtorch;

/// <summary>The settings that decide libtorch's speed hold in a notebook too, although nothing but <c>#r</c> brings the library there.</summary>
public sealed class EngineSettingsTests
{
    [Fact]
    public void A_notebook_runs_libtorch_with_the_librarys_settings()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the settings are glibc's and OpenMP's on Linux");
        using var folder = new TemporaryFolder();
        var (notebook, result) = (Path.Combine(folder.Path, "engine.ipynb"), Path.Combine(folder.Path, "out.ipynb"));
        string[] cells =
        [
            $"#r \"{Repository.Path("bin", "HeadKvLab.dll")}\"\n#r \"{Repository.Path("bin", "TorchSharp.dll")}\"",
            "var report = HeadKvLab.Profiling.Machine.EngineProbe.Run();\n$\"policy {report.Environment[\"OMP_WAIT_POLICY\"]}, {(report.PageFaultsPerLargeOperator < 1500 ? \"few\" : \"many\")} page faults\"",
        ];
        File.WriteAllText(notebook, JsonSerializer.Serialize(new
        {
            nbformat = 4, nbformat_minor = 5, metadata = new { },
            cells = cells.Select((source, i) => new { cell_type = "code", id = $"c{i}", execution_count = (int?)null, metadata = new { }, outputs = Array.Empty<object>(), source }),
        }));
        var said = "";
        for (var run = 0; run < 3 && !said.Contains("few page faults", StringComparison.Ordinal); run++) // glibc may give the kernel's thread an arena that returns memory, now and then: without the settings every run does
        {
            var (code, error) = Child.Start("dotnet", [Repository.Path("bin", "notebook", "HeadKvLab.Notebook.dll"), "run", notebook, "-o", result]).End();
            Assert.True(code == 0, error);
            said = string.Concat(File.ReadLines(result).Where(line => line.Contains("policy", StringComparison.Ordinal)));
        }
        Assert.Contains("policy passive, few page faults", said, StringComparison.Ordinal);
    }
}
