using HeadKvLab.Cli;
using HeadKvLab.Profiling;
using HeadKvLab.Profiling.Machine;
using HeadKvLab.Tests.Libtorch;

namespace HeadKvLab.Tests.Profiling;

/// <summary>Loading weights costs little more than reading them, in time and in memory.</summary>
[Collection(Alone.Name)]
public sealed class LoadBenchmarkTests
{
    [Fact]
    public void Loading_takes_no_memory_of_its_own_and_about_the_time_of_reading()
    {
        const double size = 128e6;
        Dictionary<string, double> figures = LoadBenchmark.Run(null, (long)size, 2, BenchLoadCommand.Child).ToDictionary(f => f.Metric, f => f.Value);
        double before = figures["memory of the process before"] * 1e6;
        Assert.InRange(figures["peak until it is loaded"] * 1e6 - before, 0, 0.25 * size);
        Assert.InRange(figures["peak until every weight was read"] * 1e6 - before, 0.95 * size, 1.25 * size);
        Assert.InRange(figures["of it the process' own, not pages of files"] * 1e6, 1, before);
        Assert.InRange(figures["load time / read time"], 0.05, 2.5); // the bar is 1.3; the tests share their machine
        Assert.All(figures, f => Assert.True(double.IsFinite(f.Value) && f.Value > 0, f.Key));
    }

    [Fact]
    public void The_file_that_is_written_has_the_size_asked_for_and_loads()
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "made.safetensors");
        LoadBenchmark.Write(path, 40_000_001);
        using var file = HeadKvLab.Models.SafetensorsFile.Open(path);
        Assert.Equal(40_000_000, file.Tensors.Values.Sum(t => t.Length));
        Assert.Equal(2, file.Tensors.Count);
        Assert.True(LoadBenchmark.Once("load", path).Seconds > 0);
        Assert.True(LoadBenchmark.Once("read", path).Seconds > 0);
    }

    [Fact]
    public void What_cannot_be_measured_is_refused()
    {
        Assert.Throws<LabException>(() => LoadBenchmark.Run(null, 10, 1, BenchLoadCommand.Child).ToList());
        Assert.Throws<LabException>(() => LoadBenchmark.Run(null, 1 << 20, 0, BenchLoadCommand.Child).ToList());
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "bad.safetensors");
        File.WriteAllText(path, "no");
        Assert.Contains("bad.safetensors", Assert.Throws<LabException>(() => LoadBenchmark.Run(path, 1 << 20, 1, BenchLoadCommand.Child).ToList()).Message, StringComparison.Ordinal);
    }
}
