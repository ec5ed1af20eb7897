using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using HeadKvLab.Training;

namespace HeadKvLab.Tests.Training;

/// <summary>Runs of <c>lab train</c> as processes of their own, ended in every way a run can end.</summary>
[Collection("torch threads")]
public sealed partial class TrainingRunTests(ITestOutputHelper output) : IDisposable
{
    private const int Steps = 200;
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Two_hundred_steps_repeat_and_a_run_killed_twice_ends_with_the_same_losses_and_weights()
    {
        var recipe = WriteRecipe();
        var whole = Run(recipe, "whole", "--out", Folder("model-whole"));
        Assert.True(whole.Code == 0, whole.Text);
        Assert.Contains("tokens/s", whole.Text);
        Assert.Contains("left", whole.Text);

        for (var kill = 1; kill <= 2; kill++)
        {
            using var child = Start(recipe, "killed", "--save-every", "0.001");
            WaitForStep(child, "killed", kill * 60);
            child.Kill(entireProcessTree: true);                           // kill -9
            child.WaitForExit();
            output.WriteLine($"killed after {string.Join(", ", Checkpoints("killed").Select(Path.GetFileName))}");
        }
        var last = Run(recipe, "killed", "--out", Folder("model-killed"));
        Assert.True(last.Code == 0, last.Text);
        Assert.Matches(@"resumed after step \d\d", last.Text);

        Assert.Equal(Losses("whole"), Losses("killed"));
        Assert.Equal(Steps / 20, Losses("whole").Length);
        Assert.Equal(File.ReadAllBytes(Path.Combine(Folder("model-whole"), "model.safetensors")), File.ReadAllBytes(Path.Combine(Folder("model-killed"), "model.safetensors")));
    }

    [Fact]
    public void Ctrl_C_leaves_a_checkpoint_of_the_step_it_stopped_at()
    {
        Requires.Unix();
        var recipe = WriteRecipe();
        using var child = Start(recipe, "stopped", "--save-every", "60");
        WaitForLine(child, "/200");
        Assert.Equal(0, Interrupt(child.Id, 2));
        var text = child.StandardError.ReadToEnd();
        child.WaitForExit();
        Assert.Equal(130, child.ExitCode);
        var step = int.Parse(StoppedAfter().Match(text).Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal($"step-{step:0000000}", Path.GetFileName(Assert.Single(Checkpoints("stopped"))));
    }

    [Fact]
    public void A_second_run_in_one_folder_is_refused_and_the_first_can_be_exported_meanwhile()
    {
        var recipe = WriteRecipe();
        using var child = Start(recipe, "shared", "--save-every", "0.001");
        WaitForStep(child, "shared", 20);
        const int stop = 19, go = 18;
        if (!OperatingSystem.IsWindows()) Assert.Equal(0, Interrupt(child.Id, stop));      // it holds the folder, however slow the others start
        var second = Run(recipe, "shared", "--out", Folder("second"));
        Assert.Equal(2, second.Code);
        Assert.Matches($@"shared: in use by process {child.Id} on .*; wait for it, stop it, or give another folder by --checkpoints", second.Text);
        var restarted = Run(recipe, "shared", "--restart", "--out", Folder("second"));
        Assert.Equal(2, restarted.Code);
        Assert.Contains("shared: in use by process", restarted.Text);
        Assert.NotEmpty(Checkpoints("shared"));

        var export = Run(recipe, "shared", "--export", "--out", Folder("export"));
        Assert.True(export.Code == 0, export.Text);
        Assert.True(File.Exists(Path.Combine(Folder("export"), "model.safetensors")));
        if (!OperatingSystem.IsWindows()) Assert.Equal(0, Interrupt(child.Id, go));
        child.WaitForExit();
        Assert.Equal(0, child.ExitCode);
        Assert.Equal(Steps / 20, Losses("shared").Length);
    }

    [Fact]
    public void A_full_disk_leaves_the_last_good_checkpoint_and_the_run_goes_on_when_there_is_room()
    {
        var recipe = WriteRecipe();
        var disk = Folder("disk");
        Directory.CreateDirectory(disk);
        Directory.CreateDirectory(Folder("kept"));
        // A file system of its own, of 1,000 KiB, that something else fills up after the first checkpoint.
        var script = $"""
            mount -t tmpfs -o size=1000k tmpfs '{disk}' || exit 99
            {Command(recipe, disk, "--save-every", "60", "--steps", "40")} || exit 98
            dd if=/dev/zero of='{disk}/filler' bs=1k count=2000 2>/dev/null
            truncate -s -16k '{disk}/filler'
            {Command(recipe, disk, "--save-every", "0.0001", "--steps", "80")}; code=$?
            cp -r '{disk}'/. '{Folder("kept")}'
            exit $code
            """;
        using var shell = Process.Start(new ProcessStartInfo("unshare", ["-rm", "sh", "-c", script]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var text = shell.StandardError.ReadToEnd();
        shell.WaitForExit();
        Assert.SkipWhen(shell.ExitCode == 99 || text.Contains("unshare failed", StringComparison.Ordinal), $"no private mounts here ({text.Trim()})");

        output.WriteLine(text);
        Assert.Equal(2, shell.ExitCode);
        Assert.Contains("step-0000040 is whole; make room and give the same command again", text);
        File.Delete(Path.Combine(Folder("kept"), "filler"));
        var last = Run(recipe, "kept", "--out", Folder("model"));
        Assert.True(last.Code == 0, last.Text);
        Assert.Contains("resumed after step 40", last.Text);
        var whole = Run(recipe, "whole", "--out", Folder("model-whole"));
        Assert.Equal(Losses("whole"), Losses("kept"));
    }

    [Fact]
    public void A_finished_run_goes_on_with_phases_that_were_added()
    {
        var recipe = WriteRecipe();
        Assert.Equal(0, Run(recipe, "grown", "--out", Folder("model")).Code);
        var grown = File.ReadAllText(recipe);
        File.WriteAllText(recipe, grown.Insert(grown.LastIndexOf(']'), """, { "name": "b", "steps": 5, "tokens": 160, "documents": 1, "fillerFrom": 0.1, "fillerTo": 0.3, "overlap": 0.5, "rateStart": 1e-3, "rateEnd": 0 }"""));
        var more = Run(recipe, "grown", "--out", Folder("model"));
        Assert.True(more.Code == 0, more.Text);
        Assert.Contains($"resumed after step {Steps}", more.Text);

        File.WriteAllText(recipe, grown.Replace("\"rateStart\": 3e-3", "\"rateStart\": 2e-3"));
        var changed = Run(recipe, "grown", "--out", Folder("model"));
        Assert.Equal(2, changed.Code);
        Assert.Contains("--restart", changed.Text);
    }

    [Fact]
    public void The_recipe_for_a_GPU_is_a_model_of_25_to_50_million_parameters_and_8k_positions()
    {
        var recipe = TrainingRecipe.Load(Repository.Path("data", "recipes", "world-32m", "train.json"));
        var config = BatchSource.Configure(recipe.Model);
        var parameters = InitialWeights.Ordinary(config, 1).All.Values.Sum(m => (long)m.Values.Length);
        Assert.InRange(parameters, 25_000_000, 50_000_000);
        Assert.Equal(8192, config.MaxPositions);
        Assert.Contains(recipe.Phases, p => p.PositionSpan == 8192);
    }

    [Fact]
    public void A_GPU_that_is_not_there_is_refused_before_anything_is_written()
    {
        Requires.NoGpu();
        var run = Run(WriteRecipe(), "gpu", "--device", "cuda");
        Assert.Equal(2, run.Code);
        Assert.Contains("no usable NVIDIA GPU", run.Text);
        Assert.False(Directory.Exists(Folder("gpu")));
    }

    private string Folder(string name) => Path.Combine(folder.Path, name);

    private IEnumerable<string> Checkpoints(string run) => Directory.EnumerateDirectories(Folder(run), "step-*").Where(d => !d.EndsWith(".partial", StringComparison.Ordinal));

    /// <summary>All columns of the log but the time.</summary>
    private string[] Losses(string run) => [.. File.ReadLines(Path.Combine(Folder(run), "log.csv")).Skip(1).Select(l => string.Join(',', l.Split(',').Where((_, i) => i != 2)))];

    private string WriteRecipe()
    {
        var path = Folder("train.json");
        File.WriteAllText(path, $$"""
            {
              "name": "tiny", "seed": 3, "workers": 2, "compute": "float32",
              "model": { "hidden": 8, "intermediate": 16, "layers": 1, "queryHeads": 2, "kvHeads": 1, "headDim": 4, "ropeTheta": 10000, "maxPositions": 512 },
              "optimizer": { "warmUp": 2 },
              "phases": [ { "name": "a", "steps": {{Steps}}, "tokens": 128, "documents": 1, "fillerFrom": 0.1, "fillerTo": 0.3, "positionSpan": 400, "rateStart": 3e-3, "rateEnd": 1e-3 } ]
            }
            """);
        return path;
    }

    private static string[] Arguments(string recipe, string checkpoints, string[] more) => [Path.Combine(AppContext.BaseDirectory, "HeadKvLab.dll"), "train", "--config", recipe, "--checkpoints", checkpoints, .. more];

    private static string Command(string recipe, string checkpoints, params string[] more) => "dotnet " + string.Join(' ', Arguments(recipe, checkpoints, more).Select(a => $"'{a}'"));

    private Process Start(string recipe, string run, params string[] more)
    {
        var start = new ProcessStartInfo("dotnet", Arguments(recipe, Folder(run), more)) { RedirectStandardError = true };
        return Process.Start(start)!;
    }

    private (int Code, string Text) Run(string recipe, string run, params string[] more)
    {
        using var child = Start(recipe, run, more);
        var text = child.StandardError.ReadToEnd();
        child.WaitForExit();
        return (child.ExitCode, text);
    }

    private void WaitForStep(Process child, string run, int step)
    {
        var clock = Stopwatch.StartNew();
        while (!child.HasExited && clock.Elapsed < TimeSpan.FromMinutes(2))
        {
            if (Directory.Exists(Folder(run)) && Checkpoints(run).Any(c => int.Parse(Path.GetFileName(c)[5..], System.Globalization.CultureInfo.InvariantCulture) >= step)) return;
            Thread.Sleep(5);
        }
        Assert.Fail($"the run did not reach step {step}: {(child.HasExited ? child.StandardError.ReadToEnd() : "too slow")}");
    }

    private static void WaitForLine(Process child, string text)
    {
        while (child.StandardError.ReadLine() is { } line) if (line.Contains(text, StringComparison.Ordinal)) return;
        Assert.Fail($"the run ended before it said '{text}'");
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Interrupt(int process, int signal);

    [GeneratedRegex(@"stopped after step (\d+)")]
    private static partial Regex StoppedAfter();
}
