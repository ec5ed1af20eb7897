using System.Diagnostics;
using System.Text.Json;

namespace HeadKvLab.Tests.Workbook;

/// <summary>The first notebook, executed by the real kernel in a process of its own.</summary>
public sealed class QuickstartTests
{
    [Fact]
    public async Task The_quickstart_runs_and_shows_its_chart_and_table()
    {
        using var folder = new TemporaryFolder();
        var (executed, page) = (Path.Combine(folder.Path, "00.ipynb"), Path.Combine(folder.Path, "00.html"));
        var start = new ProcessStartInfo("dotnet") { WorkingDirectory = Repository.Root, RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var argument in (string[])["bin/notebook/HeadKvLab.Notebook.dll", "run", "notebooks/00-quickstart.ipynb", "-o", executed, "--html", page,
            "-p", "contexts", "2", "-p", "questionsPerContext", "3", "-p", "contextTokens", "512", "-p", "budgets", "0.06,1"])
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(8));
        await process.StandardOutput.ReadToEndAsync(patience.Token);
        await process.WaitForExitAsync(patience.Token);
        Assert.True(process.ExitCode == 0, await errors);

        using var notebook = JsonDocument.Parse(File.ReadAllText(executed));
        var outputs = notebook.RootElement.GetProperty("cells").EnumerateArray().Where(c => c.TryGetProperty("outputs", out _))
            .SelectMany(c => c.GetProperty("outputs").EnumerateArray()).Where(o => o.TryGetProperty("data", out _)).Select(o => o.GetProperty("data")).ToArray();
        var charts = outputs.Where(o => o.TryGetProperty("application/vnd.plotly.v1+json", out _)).ToArray();
        Assert.Equal(2, charts.Length);
        Assert.Contains("heatmap", charts[0].GetProperty("application/vnd.plotly.v1+json").GetRawText());
        var table = outputs.Select(o => Text(o, "text/plain")).Single(t => t.Contains("exact match"));
        Assert.Contains("6 held-out questions", table);
        Assert.Equal(9, table.Split('\n').Count(line => line.Contains(" %  ")));       // full cache, four methods at two budgets
        Assert.Contains("Plotly.newPlot", File.ReadAllText(page));
    }

    private static string Text(JsonElement data, string type) => !data.TryGetProperty(type, out var value) ? ""
        : value.ValueKind == JsonValueKind.Array ? string.Concat(value.EnumerateArray().Select(l => l.GetString())) : value.GetString()!;
}
