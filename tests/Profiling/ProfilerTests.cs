using HeadKvLab.Charts;
using HeadKvLab.Cli;
using HeadKvLab.Compression;
using HeadKvLab.Kernels;
using HeadKvLab.Profiling.Decode;
using HeadKvLab.Profiling.Machine;
using HeadKvLab.Profiling.Runs;

namespace HeadKvLab.Tests.Profiling;

[Collection("torch threads")]
public class ProfilerTests
{
    private static ProfilePlan Plan(params string[] methods) =>
        new([.. methods.Select(name => Catalogue.Find(name).Create())], [96, 200]) { KvSizes = [24], Generate = [3, 6], Repetitions = 2 };

    [Fact]
    public void EveryCaseRunsOnceInEveryRoundAndOnceBefore()
    {
        var profiler = new Profiler(Repository.Model.Decoder, Plan("FullKV", "SnapKV"));
        var told = new List<int>();
        var runs = profiler.Run((_, done, all) => { told.Add(done); Assert.Equal(12, all); }).ToArray();
        Assert.Equal(Enumerable.Range(0, 12), told);
        Assert.Equal(profiler.Runs, runs.Length);
        Assert.Equal([.. Enumerable.Repeat(0, 4), .. Enumerable.Repeat(1, 4), .. Enumerable.Repeat(2, 4)], runs.Select(r => r.Round));

        var config = Repository.Model.Config;
        foreach (var run in runs)
        {
            Assert.Equal((long)run.KvSize * config.Layers * config.KvHeads * 2 * config.HeadDim * sizeof(float), run.CacheBytes);
            Assert.True(run.ReservedBytes >= run.CacheBytes);
            Assert.Equal(config.Layers * config.KvHeads * 2 * config.HeadDim * sizeof(float), run.BytesPerToken);
            Assert.True(run.PrefillMilliseconds > 0 && run.FirstTokenMilliseconds >= run.PrefillMilliseconds);
            Assert.True(run.DecodeMilliseconds[6] > run.DecodeMilliseconds[3] && run.DecodeMilliseconds[3] > 0);
            Assert.Equal(run.Round > 0, run.StreamingGigabytes > 0);
            if (ProcessMemory.CanWatch && run.Round == 0) Assert.True(run.PeakBytes >= run.IdleBytes && run.IdleBytes > 0);
        }
        var summary = ProfileSummary.Of(runs);
        Assert.Equal(8, summary.Count); // 2 methods, 2 contexts, 2 answer lengths
        Assert.All(summary, s => Assert.Equal(2, s.Rounds));
        Assert.All(summary.Where(s => s.Method == "FullKV"), s => Assert.Equal(1, s.PrefillOverFull, 12));
        Assert.Equal(1 + 8, ProfileFolder.Csv(summary).TrimEnd().Split('\n').Length);
        Assert.Equal(8, ProfileTable.Of(summary).Frame.Rows.Count);
        string Headings(ResultTable table) => table.ToString().Split('\n')[1];
        foreach (var heading in new[] { "prefill, ms", "first token, ms", "ms per token" }) Assert.Contains(heading, Headings(ProfileTable.Times(summary)));
        foreach (var heading in new[] { "ms per token", "cache, MB", "GB/s moved", "of streaming" }) Assert.Contains(heading, Headings(ProfileTable.Memory(summary)));
        Assert.All(new[] { ProfileTable.Times(summary), ProfileTable.Memory(summary) }, table => Assert.Contains("in brackets the range of the rounds", table.Caption));
        Assert.DoesNotContain("GB/s moved", Headings(ProfileTable.Times(summary)));
        Assert.DoesNotContain("prefill", Headings(ProfileTable.Memory(summary)));
        Assert.Equal(["FullKV", "SnapKV 24", "FullKV", "SnapKV 24"], ProfileTable.Points(summary).Select(p => p.Method));
    }

    [Theory]
    [InlineData(1.4, 1.4, "", "")]
    [InlineData(1.6, 1.2, "factor of 1.6", "")]
    [InlineData(1.2, 3, "factor of 3.0", "factor of 3.0")]
    public void A_table_whose_rounds_differ_says_that_the_machine_was_busy(double prefill, double decode, string times, string memory)
    {
        ProfileSummary[] one = [new()
        {
            Method = "SnapKV", KvSize = 8, Context = 96, Generated = 3, Rounds = 2, Prefill = new(10, 10, 10 * prefill), PrefillOverFull = 1, FirstToken = new(10, 10, 10),
            Decode = new(1, 1, decode), CacheBytes = 1, ReservedBytes = 1, BytesMoved = 1, StreamingGigabytes = 1, IdleBytes = 0, PeakBytes = 0,
        }];
        foreach (var (table, told) in new[] { (ProfileTable.Times(one), times), (ProfileTable.Of(one), times), (ProfileTable.Memory(one), memory) })
        {
            Assert.Equal(told.Length > 0, table.ToString().Contains("The machine was busy", StringComparison.Ordinal));
            Assert.Contains(told, table.ToString());
        }
    }

    [Fact]
    public void AStoppedProfileKeepsWhatItMeasured()
    {
        using var folder = new TemporaryFolder();
        using var stop = new CancellationTokenSource();
        var profiler = new Profiler(Repository.Model.Decoder, Plan("FullKV"));
        var runs = new List<TimedRun>();
        using (var kept = ProfileFolder.Create(folder.Path, "model", EngineProbe.Run()))
        {
            foreach (var run in profiler.Run(stop: stop.Token))
            {
                runs.Add(run);
                kept.Add(run);
                if (runs.Count == 4) stop.Cancel();
            }
            kept.Write(ProfileSummary.Of(runs));
        }
        Assert.Equal(4, runs.Count);
        Assert.Equal(4, File.ReadAllLines(Path.Combine(folder.Path, "runs.jsonl")).Length);
        Assert.Equal(1 + 4, File.ReadAllLines(Path.Combine(folder.Path, "profile.csv")).Length);
        Assert.Contains("already", Assert.Throws<LabException>(() => ProfileFolder.Create(folder.Path, "model", EngineProbe.Run())).Message, StringComparison.Ordinal);
    }

    /// <summary>FastGen keeps special tokens; those of a profile are made up and have no kinds, whether the model has a tokenizer or not.</summary>
    [Fact]
    public void AMethodThatLooksAtKindsOfTokensRunsOnMadeUpOnes()
    {
        var runs = new Profiler(Repository.Model.Decoder, Plan("FastGen")).Run().ToArray();
        var config = Repository.Model.Config;
        Assert.Equal(6, runs.Length);
        Assert.All(runs, run => Assert.Equal(24L * config.Layers * config.KvHeads * 2 * config.HeadDim * sizeof(float), run.CacheBytes));
    }

    [Fact]
    public void AProfileSaysWithWhichSettingsScoresAndProgram()
    {
        using var folder = new TemporaryFolder();
        var scores = new HeadImportance(2, 2, [1, 2, 3, 4]);
        var method = Catalogue.Find("HeadKV-R2").Create(new(("beta", 2)), CalibrationTables.HeadScores(scores));
        ProfileFolder.Create(folder.Path, "model", EngineProbe.Run(), plan: new([method], [256]) { Window = 16 }).Dispose();
        var page = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(Path.Combine(folder.Path, "environment.json")))!;
        Assert.Equal("""{"name":"HeadKV-R2","settings":{"kernel":7,"pooling":"max","reduction":"mean","beta":2,"temperature":1,"head-reduction":"mean"},"tables":{"reasoning":"HASH"}}""".Replace("HASH", scores.Hash),
            page["plan"]!["methods"]![0]!.ToJsonString());
        Assert.Equal((16, "equal-entries", "float32"), ((int)page["plan"]!["window"]!, (string)page["plan"]!["discipline"]!, (string)page["plan"]!["storage"]!));
        Assert.Equal(ProgramBuild.Current.Commit, (string)page["program"]!["commit"]!);
    }

    /// <summary>By hand: medians, ranges, bytes and shares of three rounds.</summary>
    [Fact]
    public void SumsUpByMediansAndRanges()
    {
        TimedRun Run(string method, int size, int round, double prefill, double decode, double streaming) => new()
        {
            Method = method, KvSize = size, Context = 1000, Round = round, PrefillMilliseconds = prefill, FirstTokenMilliseconds = prefill + 1,
            DecodeMilliseconds = new Dictionary<int, double> { [11] = decode }, CacheBytes = 4000, ReservedBytes = 5000, WeightBytes = 90_000, BytesPerToken = 100,
            StreamingGigabytes = streaming, IdleBytes = 7, PeakBytes = round == 0 ? 9 : 0,
        };
        TimedRun[] runs =
        [
            Run("FullKV", 1000, 0, 9, 9, 0), Run("A", 10, 0, 9, 9, 0),
            Run("FullKV", 1000, 1, 100, 20, 4), Run("A", 10, 1, 110, 10, 4),
            Run("FullKV", 1000, 2, 200, 40, 2), Run("A", 10, 2, 180, 30, 2),
            Run("FullKV", 1000, 3, 300, 60, 3), Run("A", 10, 3, 330, 20, 3),
        ];
        var a = ProfileSummary.Of(runs).Single(s => s.Method == "A");
        Assert.Equal(new Spread(180, 110, 330), a.Prefill);
        Assert.Equal(1.1, a.PrefillOverFull, 12);                  // of 1.1, 0.9, 1.1
        Assert.Equal(new Spread(2, 1, 3), a.Decode);               // ten steps
        Assert.Equal(500, a.TokensPerSecond, 9);
        Assert.Equal(90_000 + 4000 + 550, a.BytesMoved);
        Assert.Equal(94_550 / 2e6, a.Gigabytes, 9);
        Assert.Equal(94_550 / 2e6 / 3, a.StreamingShare, 9);
        Assert.Equal(9, a.PeakBytes);
    }

    [Fact]
    public void BadInputEndsWithCodeTwoAndSaysWhy()
    {
        using var folder = new TemporaryFolder();
        string[] good = ["profile", "--contexts", "64", "--generate", "3", "--repetitions", "1", "--methods", "FullKV"];
        foreach (var (why, bad) in ((string, string[])[])[
            ("--threads 0: this machine has", ["--threads", "0"]), ($"--threads {Environment.ProcessorCount + 1}: this machine has", ["--threads", $"{Environment.ProcessorCount + 1}"]),
            ("--contexts '0': give whole numbers", ["--contexts", "0"]), ("--contexts 'x': give whole numbers", ["--contexts", "x"]), ("--generate: give at least 2 tokens", ["--generate", "1"]),
            ("--repetitions 0: give at least 1", ["--repetitions", "0"]), ("method 'Nonsense' is unknown", ["--methods", "Nonsense"]), ("--kv-sizes 'x': give whole numbers", ["--kv-sizes", "4,x", "--methods", "SnapKV"]),
            ("window 0: the last prompt token is always kept", ["--kv-sizes", "4", "--methods", "SnapKV", "--window", "0"]), ("absent: no such model folder", ["--model", Path.Combine(folder.Path, "absent")]),
            ("absent.json: cannot be read", ["--scores", Path.Combine(folder.Path, "absent.json"), "--methods", "HeadKV-R2"])])
        {
            using var error = new StringWriter();
            Assert.Equal(2, Program.Run([.. good.Where((_, i) => i == 0 || !bad.Contains(good[i - (i % 2 == 0 ? 1 : 0)])), .. bad], error));
            Assert.Contains(why, error.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void AContextThatCannotFitIsRefusedWithTheBytesItWants()
    {
        using var timed = TimedModel.Open(Repository.Path("data", "models", "world-4m"), 8192);
        var huge = new HeadKvLab.Models.Decoder(timed.Decoder.Config with { MaxPositions = int.MaxValue - 1024 }, Source);
        var message = Assert.Throws<LabException>(() => new Profiler(huge, Plan("FullKV") with { Contexts = [1_000_000_000] })).Message;
        Assert.Contains("bytes", message, StringComparison.Ordinal);
        Assert.Contains("6,144,", message, StringComparison.Ordinal); // 10^9 tokens of 6 layers x 4 heads x 2 x 32 numbers x 4 bytes

        TorchSharp.Modules.Parameter Source(string name, long[] shape) => TorchSharp.torch.nn.Parameter(TorchSharp.torch.zeros(shape), requires_grad: false);
    }

    [Fact]
    public void ThreadsOutsideTheMachineAreRefused()
    {
        Assert.Throws<LabException>(() => KernelThreads.Count = 0);
        Assert.Throws<LabException>(() => KernelThreads.Count = Environment.ProcessorCount + 1);
        var before = KernelThreads.Count;
        KernelThreads.Count = 1;
        Assert.Equal(1, KernelThreads.Count);
        KernelThreads.Count = before;
    }
}
