using HeadKvLab.Cli;
using HeadKvLab.Profiling;
using HeadKvLab.Profiling.Engine;
using HeadKvLab.Tests.Engine;

namespace HeadKvLab.Tests.Profiling;

/// <summary>Loading weights costs little more than reading them, in time and in memory.</summary>
[Collection(Alone.Name)]
public sealed class LoadBenchmarkTests
{
    [Fact]
    public void Loading_takes_the_memory_of_the_file_and_about_the_time_of_reading_it()
    {
        Dictionary<string, Measurement> figures = LoadBenchmark.Run(null, 128_000_000, 2, BenchLoadCommand.Child).ToDictionary(f => f.Metric);
        double memory = figures["peak memory above that before / size"].Value, time = figures["load time / read time"].Value;
        Assert.InRange(memory, 0.95, 1.1);
        Assert.InRange(time, 0.1, 2.5); // the bar is 1.3; the tests share their machine
        Assert.All(figures.Values, f => Assert.True(double.IsFinite(f.Value) && f.Value > 0, f.Metric));
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
