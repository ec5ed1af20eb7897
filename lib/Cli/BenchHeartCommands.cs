using System.CommandLine;
using HeadKvLab.Profiling;
using HeadKvLab.Profiling.Micro;

namespace HeadKvLab.Cli;

/// <summary><c>lab bench ragged</c>, <c>select</c> and <c>allocate</c>.</summary>
internal static class BenchHeartCommands
{
    /// <summary>Decode attention over heads of different lengths.</summary>
    public static Command Ragged() => Create("ragged", """
        Decode attention over heads of different lengths: time, ratio to tensor formulations, to uniform heads of the same bytes,
        and to the rate at which the same threads read memory, measured in the same run.

        Example:  lab bench ragged --json
        """, RaggedBenchmark.Run);

    /// <summary>Choosing entries.</summary>
    public static Command Select() => Create("select", """
        Choosing entries by partial selection: one head against sorting and top-k, and the eviction of a whole layer.

        Example:  lab bench select --repetitions 9
        """, SelectionBenchmark.Run);

    /// <summary>Dividing a budget.</summary>
    public static Command Allocate() => Create("allocate", """
        Dividing a model's budget among 1,024 and 5,120 heads.

        Example:  lab bench allocate --json
        """, AllocationBenchmark.Run);

    private static Command Create(string name, string description, Func<int, IEnumerable<Measurement>> run)
    {
        var repetitions = new Option<int>("--repetitions") { Description = "Alternated repetitions; medians are reported.", DefaultValueFactory = _ => 5 };
        var json = Options.Json();
        var command = new Command(name, description) { repetitions, json };
        command.SetAction(parse =>
        {
            MeasurementTable.Print(run(parse.GetValue(repetitions)), parse.GetValue(json));
        });
        return command;
    }
}
