using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using HeadKvLab.Profiling.Machine;

namespace HeadKvLab.Cli;

/// <summary><c>lab bench load</c>: loading a safetensors file against reading it, and the memory that takes.</summary>
internal static class BenchLoadCommand
{
    internal static Command Create()
    {
        var megabytes = new Option<int>("--megabytes") { Description = "Size of the file that is written for the purpose, 10^6 bytes, in the folder for temporary files (TMPDIR).", DefaultValueFactory = _ => 1000 };
        var file = new Option<string?>("--file") { Description = "Measure this safetensors file instead." };
        var repetitions = new Option<int>("--repetitions") { Description = "Alternated pairs of processes; medians are reported, the highest peak.", DefaultValueFactory = _ => 5 };
        var json = Options.Json();
        var child = new Option<string?>("--child") { Hidden = true };
        var command = new Command("load", """
            Time of loading a safetensors file against reading its bytes, and peak memory. Every run is a process of its own; the file lies in the
            operating system's cache. Reading puts the bytes into fresh memory on one thread; loading gives tensors, their values checked for NaN,
            that stand on the file's own pages. Memory is told when the tensors are there, and again when every weight was read once, as the first
            forward pass does: then the file's pages count too, though they are the system's cache, shared with other processes.
            The bars are a time of at most 1.3 and a peak of at most 1.1 times the file's.

            Example:  lab bench load --json
            Example:  lab bench load --file ~/models/Llama-3.2-1B/model.safetensors --repetitions 3
            """) { megabytes, file, repetitions, json, child };
        command.SetAction(parse =>
        {
            var path = parse.GetValue(file);
            parse.Refuse(path is null, "--file is measured as it is; leave one of them out", megabytes);
            if (path is not null && !File.Exists(path)) throw new LabException($"--file {path}: no such file");
            if (parse.GetValue(child) is { } mode) Console.WriteLine(JsonSerializer.Serialize(LoadBenchmark.Once(mode, path!)));
            else MeasurementTable.Print(LoadBenchmark.Run(path, 1_000_000L * parse.GetValue(megabytes), parse.GetValue(repetitions), Child), parse.GetValue(json));
        });
        return command;
    }

    /// <summary>This program again, as a process of its own.</summary>
    internal static FileRun Child(string mode, string path)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(Program).Assembly.Location, "bench", "load", "--child", mode, "--file", path]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var answer = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? JsonSerializer.Deserialize<FileRun>(answer)! : throw new LabException(errors.Result.Trim());
    }
}
