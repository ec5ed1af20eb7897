using System.CommandLine;
using HeadKvLab.Profiling;
using HeadKvLab.Profiling.Micro;

namespace HeadKvLab.Cli;

/// <summary><c>lab bench ragged</c>, <c>formats</c>, <c>recall</c>, <c>prompt</c>, <c>select</c> and <c>allocate</c>.</summary>
internal static class BenchMicroCommands
{
    /// <summary>Decode attention over heads of different lengths.</summary>
    public static Command Ragged() => Create("ragged", """
        Decode attention over heads of different lengths: time, ratio to tensor formulations, to uniform heads of the same bytes,
        and to the rate at which the same threads read memory, measured in the same run.

        Example:  lab bench ragged --json
        """, RaggedBenchmark.Run);

    /// <summary>Attention of a prompt against libtorch's.</summary>
    public static Command Prompt() => Create("prompt", """
        Attention of a prompt, 128 to 8,192 tokens, by the lab's kernel and by tensor operations against libtorch's fused attention, the same with gradients,
        and products of float16 and bfloat16 against float32.

        Example:  lab bench prompt --repetitions 5
        """, PromptBenchmark.Run);

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

    /// <summary>Decode attention over sealed blocks.</summary>
    public static Command Formats() => Create("formats", """
        Decode attention over entries sealed at 8, 4 and 2 bits, and without some key channels, against bfloat16 rows, 8,192 entries a head, in the processor's caches and out of them,
        and what sealing costs.

        Example:  lab bench formats --repetitions 9
        """, FormatBenchmark.Run);

    /// <summary>Attention over what a recall chooses.</summary>
    public static Command Recalls() => Create("recall", """
        Attention of a layer over the 512 entries that each recall chooses of 2,048 to 32,768, against reading all of them: time, bytes, and the index.

        Example:  lab bench recall --repetitions 9
        """, RecallBenchmark.Run);

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
