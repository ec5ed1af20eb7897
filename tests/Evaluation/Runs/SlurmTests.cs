using System.Diagnostics;
using HeadKvLab.Evaluation.Runs;

namespace HeadKvLab.Tests.Evaluation.Runs;

/// <summary>The batch script of a sweep, on real slurmctld and slurmd of this machine where they are installed.</summary>
public sealed class SlurmTests(ITestOutputHelper output) : FolderTests
{
    [Fact]
    public void The_script_is_valid_shell_and_quotes_its_paths()
    {
        var text = new SlurmScript("/my data/it's.json", "/out put", 4, "/a b").Text();
        File.WriteAllText(Inside("submit.sh"), text);
        Assert.Contains("--array=1-4\n", text);
        Assert.Contains("""exec ./lab sweep '/my data/it'\''s.json' --out '/out put' --shard "$SLURM_ARRAY_TASK_ID/4" """.TrimEnd() + "\n", text);
        if (!OperatingSystem.IsWindows()) Assert.Equal((0, ""), Child.Start("bash", ["-n", Inside("submit.sh")]).End());
    }

    [Fact]
    public void A_cluster_runs_the_array_and_the_merge_and_the_table_is_that_of_one_process()
    {
        Requires.Program(["bash"], ["-c", "[ $(id -u) = 0 ] && command -v slurmctld slurmd sbatch munged"], "root with slurmctld, slurmd, sbatch and munged (Debian: slurm-wlm)");
        File.WriteAllText(Inside("grid.json"), $$"""
            { "model": "{{Repository.Path("data", "models", "world-4m")}}", "suites": ["{{Repository.Path("data", "suites", "world-1024-validation.jsonl")}}"],
              "methods": ["FullKV", "SnapKV"], "kvSizes": [48], "limit": 2 }
            """);
        File.WriteAllText(Inside("lab"), $"#!/bin/bash\n[ \"$1\" = build ] || exec dotnet '{Repository.Path("bin", "HeadKvLab.dll")}' \"$@\"\n");
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(Inside("lab"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        File.WriteAllText(Inside("submit.sh"), new SlurmScript(Inside("grid.json"), Inside("out"), 2, Folder).Text());
        Directory.CreateDirectory(Inside("out"));

        using var cluster = Process.Start(new ProcessStartInfo("bash", [Repository.Path("tests", "Evaluation", "Runs", "slurm.sh"), Inside("cluster"), Inside("submit.sh")]) { RedirectStandardOutput = true })!;
        var seen = cluster.StandardOutput.ReadToEnd();
        cluster.WaitForExit();
        output.WriteLine(seen);
        Assert.Equal(0, cluster.ExitCode);
        Assert.Equal(3, seen.Split('\n').Count(line => line.EndsWith("COMPLETED", StringComparison.Ordinal)));      // two tasks and the merge
        Assert.Equal(0, Child.Lab("sweep", Inside("grid.json"), "--out", Inside("whole")).End().Code);
        Assert.Equal(File.ReadAllText(Inside("whole/table.csv")), File.ReadAllText(Inside("out/table.csv")));
    }
}
