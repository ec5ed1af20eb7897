using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace HeadKvLab.Notebook.Bench;

/// <summary>The command <c>bench</c>: what a reader at a front end waits for, measured from outside over the kernel's sockets.</summary>
internal static class KernelBenchmark
{
    const string SleepingCell = "System.Threading.Thread.Sleep(20_000);";
    const int Starts = 5, LaterCells = 30, Completions = 20;

    static readonly JsonSerializerOptions Written = new() { WriteIndented = true };

    /// <param name="Case">What the reader does.</param>
    /// <param name="Metric">What is timed.</param>
    /// <param name="Value">Median, unless the metric says otherwise.</param>
    /// <param name="Unit">ms or MB.</param>
    /// <param name="Bound">The most it should be; null: no bound.</param>
    sealed record Row(string Case, string Metric, double Value, string Unit, double? Bound);

    /// <summary>Measures and prints a table, or with <c>--json</c> a list of case, metric, value, unit.</summary>
    /// <returns>0; 1 when a bound is missed.</returns>
    /// <exception cref="NotebookException">A wrong option, or the kernel does not answer.</exception>
    internal static async Task<int> Run(IReadOnlyList<string> arguments)
    {
        if (arguments.FirstOrDefault(argument => argument != "--json") is { } unknown)
        {
            throw new NotebookException($"bench: unknown option {unknown}; the option is --json.");
        }
        var rows = await Measure().ConfigureAwait(false);
        if (arguments.Count > 0)
        {
            var list = rows.Select(row => (JsonNode)new JsonObject { ["case"] = row.Case, ["metric"] = row.Metric, ["value"] = Math.Round(row.Value, 2), ["unit"] = row.Unit });
            Console.WriteLine(new JsonArray([.. list]).ToJsonString(Written));
        }
        else
        {
            Console.WriteLine($"{"case",-40} {"metric",-26} {"value",10}    {"bound",8}");
            foreach (var row in rows)
            {
                var bound = row.Bound is { } most ? string.Create(CultureInfo.InvariantCulture, $"{most:N0} {row.Unit}{(row.Value > most ? "  missed" : "")}") : "";
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{row.Case,-40} {row.Metric,-26} {row.Value,10:N1} {row.Unit}  {bound}"));
            }
        }
        return rows.Any(row => row.Value > row.Bound) ? 1 : 0;
    }

    static async Task<List<Row>> Measure()
    {
        var program = Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) != "dotnet"
            ? path
            : Path.Combine(AppContext.BaseDirectory, "HeadKvLab.Notebook" + (OperatingSystem.IsWindows() ? ".exe" : ""));
        var (ready, first) = (new List<double>(), new List<double>());
        for (var i = 0; i < Starts; i++)
        {
            var watch = Stopwatch.StartNew();
            using var kernel = await KernelClient.Start(program).ConfigureAwait(false);
            ready.Add(watch.Elapsed.TotalMilliseconds);
            await kernel.Execute("1 + 1").ConfigureAwait(false);
            first.Add(watch.Elapsed.TotalMilliseconds);
        }
        using var session = await KernelClient.Start(program).ConfigureAwait(false);
        await session.Execute("var numbers = Enumerable.Range(0, 100).ToList();").ConfigureAwait(false);
        return
        [
            new("start of the kernel", "until ready", Median(ready), "ms", 1000),
            new("start of the kernel", "until the first answer", Median(first), "ms", 1500),
            .. await Cells(session).ConfigureAwait(false),
            .. await Insight(session).ConfigureAwait(false),
            await Interrupt(session, "while (true) { }").ConfigureAwait(false),
            await Interrupt(session, SleepingCell).ConfigureAwait(false),
            new("after all this", "memory of the kernel", session.Memory / 1e6, "MB", null),
        ];
    }

    static async Task<Row[]> Cells(KernelClient kernel) =>
    [
        new("a later cell, 1 + n", "until its reply", await Times(LaterCells, i => kernel.Execute($"1 + {i}")).ConfigureAwait(false), "ms", 50),
        new("a later cell, LINQ and an HTML table", "until its reply", await Times(LaterCells, i => kernel.Execute($"numbers.Where(x => x > {i}).Select(x => new {{ x, Square = x * x }}).Take(20)")).ConfigureAwait(false), "ms", 50),
    ];

    static async Task<Row[]> Insight(KernelClient kernel)
    {
        Task At(string request, string code) => kernel.Ask(request, new JsonObject { ["code"] = code, ["cursor_pos"] = code.Length, ["detail_level"] = 0 });
        return
        [
            new("completion of numbers.Sel", "until its reply", await Times(Completions, _ => At("complete", "numbers.Sel")).ConfigureAwait(false), "ms", 100),
            new("completion of num", "until its reply", await Times(Completions, _ => At("complete", "num")).ConfigureAwait(false), "ms", 100),
            new("inspection of numbers.Add", "until its reply", await Times(Completions, _ => At("inspect", "numbers.Add")).ConfigureAwait(false), "ms", 100),
        ];
    }

    static async Task<Row> Interrupt(KernelClient kernel, string code)
    {
        await kernel.Begin(code).ConfigureAwait(false);
        await Task.Delay(500).ConfigureAwait(false);
        var watch = Stopwatch.StartNew();
        await kernel.Interrupt().ConfigureAwait(false);
        await kernel.Reply("execute").ConfigureAwait(false);
        return new(code == SleepingCell ? "interrupt of a sleep" : $"interrupt of {code}", "until the prompt is back", watch.Elapsed.TotalMilliseconds, "ms", 1500);
    }

    static async Task<double> Times(int count, Func<int, Task> action)
    {
        var times = new List<double>();
        for (var i = 0; i < count; i++)
        {
            var watch = Stopwatch.StartNew();
            await action(i).ConfigureAwait(false);
            times.Add(watch.Elapsed.TotalMilliseconds);
        }
        return Median(times);
    }

    static double Median(IReadOnlyList<double> times) => times.Order().ElementAt(times.Count / 2);
}
