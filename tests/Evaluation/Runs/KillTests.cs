using System.Diagnostics;
using System.Runtime.InteropServices;
using HeadKvLab.Evaluation.Runs;

namespace HeadKvLab.Tests.Evaluation.Runs;

/// <summary>`lab sweep` as a process that is killed, stopped and starved, on the bundled model: a small version of the grid.</summary>
public sealed class KillTests(ITestOutputHelper output) : FolderTests
{
    private string Plan()
    {
        File.WriteAllText(Inside("grid.json"), """
            { "suites": ["data/suites/world-1024-validation.jsonl"], "methods": ["FullKV", "SnapKV", "H2O", "HeadKV-R2"], "kvSizes": [48],
              "protocols": ["standard", "agnostic"], "limit": 1 }
            """);
        return Inside("grid.json");
    }

    private Process Sweep(string name, params string[] more) => Child.Lab(["sweep", Plan(), "--out", Inside(name), .. more]);

    private string[] Tables(string name) => [.. ((string[])["table.csv", "comparisons.csv", "table.md"]).Select(file => File.ReadAllText(Path.Combine(Inside(name), file)))];

    private int Done(string name) => File.Exists(Path.Combine(Inside(name), "rows.jsonl")) ? RowJournal.Read(Path.Combine(Inside(name), "rows.jsonl")).Count : 0;

    [Fact]
    public void Killed_again_and_again_the_run_ends_with_the_same_table()
    {
        Assert.Equal((0, ""), (Sweep("whole").End().Code, ""));
        var (random, kills, done) = (new Random(), 0, new List<int>());
        while (kills < 3)
        {
            using var process = Sweep("killed");
            var before = Done("killed");
            while (!process.HasExited && Done("killed") <= before) Thread.Sleep(2);      // it has begun to work
            Thread.Sleep(random.Next(250));
            if (process.HasExited) break;
            process.Kill();
            process.WaitForExit();
            kills++;
            done.Add(Done("killed"));
        }
        Assert.Equal(0, Sweep("killed").End().Code);
        output.WriteLine($"{kills} kills, after {string.Join(", ", done)} samples of {Done("killed")}");
        Assert.True(kills > 0);
        Assert.Equal(Tables("whole"), Tables("killed"));
        Assert.Equal(6 * 2 * 4, Done("killed"));
        var predictions = RowJournal.Read(Path.Combine(Inside("whole"), "rows.jsonl")).ToDictionary(r => r.Key, r => (r.Prediction, r.Entries, r.Bytes));
        Assert.All(RowJournal.Read(Path.Combine(Inside("killed"), "rows.jsonl")), r => Assert.Equal(predictions[r.Key], (r.Prediction, r.Entries, r.Bytes)));
    }

    [Fact]
    public void Shards_joined_are_the_same_table_and_a_missing_or_unfinished_one_is_named()
    {
        Assert.Equal(0, Sweep("whole", "--limit", "2").End().Code);
        Assert.Equal(0, Sweep("parts", "--limit", "2", "--shard", "2/2").End().Code);
        var (code, error) = Child.Lab("merge", Inside("parts")).End();
        Assert.Equal((2, true), (code, error.Contains("shard 1 of 2 is missing")));
        Assert.Equal(0, Sweep("parts", "--limit", "2", "--shard", "1/2").End().Code);
        Assert.All((string[])["shard-1-of-2", "shard-2-of-2"], shard => Assert.NotEqual(0, Done(Path.Combine("parts", shard))));

        var rows = Path.Combine(Inside("parts"), "shard-1-of-2", "rows.jsonl");
        var all = File.ReadAllLines(rows);
        File.WriteAllLines(rows, all[..^1]);
        Assert.Contains("run --shard 1/2 again", Child.Lab("merge", Inside("parts")).End().Error);
        File.WriteAllLines(rows, all);
        Assert.Equal(0, Child.Lab("merge", Inside("parts")).End().Code);
        Assert.Equal(0, Child.Lab("merge", Inside("parts")).End().Code);
        Assert.Equal(Tables("whole"), Tables("parts"));
    }

    [Fact]
    public void Interrupted_it_ends_with_130_and_gives_the_folder_back()
    {
        Requires.Unix();
        using var process = Sweep("stopped");
        while (!process.HasExited && Done("stopped") == 0) Thread.Sleep(2);
        Assert.Equal(0, kill(process.Id, 2));
        var (code, error) = process.End();
        Assert.Equal(130, code);
        Assert.Contains("the same command goes on", error);
        Assert.False(File.Exists(Path.Combine(Inside("stopped"), "owner.json")));
    }

    [Fact]
    public void A_full_disk_is_an_error_and_the_next_run_goes_on()
    {
        Requires.Unix();
        Assert.Equal(0, Sweep("whole").End().Code);
        var command = $"ulimit -f 16; exec dotnet '{Repository.Path("bin", "HeadKvLab.dll")}' sweep '{Plan()}' --out '{Inside("full")}'";     // files of at most 20 KiB
        var (code, error) = Child.Start("bash", ["-c", "export DOTNET_EnableWriteXorExecute=0; " + command]).End();
        Assert.Contains("rows.jsonl: cannot be written", error);
        Assert.Equal(2, code);
        Assert.InRange(Done("full"), 1, 47);
        Assert.Equal(0, Sweep("full").End().Code);
        Assert.Equal(Tables("whole"), Tables("full"));
    }

    [Fact]
    public void A_full_file_system_is_an_error_and_the_next_run_goes_on()
    {
        Directory.CreateDirectory(Inside("small"));
        Assert.SkipUnless(OperatingSystem.IsLinux() && Child.Start("mount", ["-t", "tmpfs", "-o", "size=32k", "tmpfs", Inside("small")]).End().Code == 0, "a small file system can be mounted by Linux' root only");
        try
        {
            var name = Path.Combine("small", "run");
            var (code, error) = Sweep(name).End();
            Assert.Equal(2, code);
            Assert.Contains("No space left on device", error);
            var done = Done(name);
            Assert.InRange(done, 1, 47);
            Assert.Equal(0, Child.Start("mount", ["-o", "remount,size=4m", Inside("small")]).End().Code);
            Assert.Equal(0, Sweep(name).End().Code);
            Assert.Equal(48, Done(name));
        }
        finally
        {
            Child.Start("umount", [Inside("small")]).End();
        }
    }

    [DllImport("libc")]
    private static extern int kill(int pid, int signal);
}
