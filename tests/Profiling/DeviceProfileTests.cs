using System.Diagnostics;
using System.Text.Json;
using HeadKvLab.Charts;
using HeadKvLab.Cli;
using HeadKvLab.Compression;
using HeadKvLab.Models;
using HeadKvLab.Profiling.Machine;
using HeadKvLab.Profiling.Runs;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Profiling;

/// <summary>Profiles of a GPU, here with the CPU as the device and a driver's library made for the purpose.</summary>
[Collection("torch threads")]
public class DeviceProfileTests
{
    private const long Megabyte = 1 << 20;

    /// <summary>A driver of one GPU of 1,000 MB of which 100 are in use, and one more each time it is asked. It insists on a context, and gives it back to nobody else.</summary>
    private const string Driver = """
        #include <string.h>
        #include <stddef.h>
        static int ready, depth; static long used = 100; static char context;
        int cuInit(unsigned flags) { ready = flags == 0; return 0; }
        int cuDeviceGet(int* device, int ordinal) { *device = 7; return !ready || ordinal != 0 ? 101 : 0; }
        int cuDeviceGetName(char* name, int length, int device) { strncpy(name, "Test GPU 1000", length); return device == 7 ? 0 : 101; }
        int cuDevicePrimaryCtxRetain(void** c, int device) { *c = &context; return device == 7 ? 0 : 101; }
        int cuCtxPushCurrent_v2(void* c) { depth++; return c == &context ? 0 : 201; }
        int cuCtxPopCurrent_v2(void** c) { depth--; *c = &context; return 0; }
        int cuMemGetInfo_v2(size_t* free, size_t* total) { if (depth != 1) return 201; *total = 1000l << 20; *free = (1000l - used++) << 20; return 0; }
        """;

    private static ProfilePlan Plan(params string[] methods) =>
        new([.. methods.Select(name => Catalogue.Find(name).Create())], [96, 200]) { KvSizes = [24], Generate = [3, 6], Repetitions = 1 };

    private static string Library(TemporaryFolder folder)
    {
        var compiler = Requires.Program(["g++", "gcc", "cc"], ["--version"], "C compiler to make a driver's library (Debian: g++)");
        var (source, library) = (Path.Combine(folder.Path, "driver.c"), Path.Combine(folder.Path, "driver.so"));
        File.WriteAllText(source, Driver);
        Assert.Equal((0, ""), Child.Start(compiler, ["-x", "c", "-shared", "-fPIC", "-o", library, source]).End());
        return library;
    }

    [Theory]
    [InlineData(ScalarType.Float32), InlineData(ScalarType.BFloat16)]
    public void A_model_decoded_by_tensors_is_profiled_like_one_decoded_by_kernels(ScalarType storage)
    {
        var (decoder, plan) = (Repository.Model.Decoder, Plan("FullKV", "SnapKV") with { Storage = storage });
        var byTensors = new Engine(decoder, byTensors: true);
        var runs = new Profiler(decoder, plan, null, byTensors).Run().ToArray();
        var kernels = new Profiler(decoder, plan).Run().ToArray();
        Assert.Equal(kernels.Length, runs.Length);
        var numberBytes = storage == ScalarType.Float32 ? 4 : 2;
        foreach (var (run, kernel) in runs.Zip(kernels))
        {
            Assert.Equal((kernel.Method, kernel.Context, kernel.Round), (run.Method, run.Context, run.Round));
            Assert.Equal(4 * kernel.CacheBytes / numberBytes, run.CacheBytes);       // entries are read there as the decoder computes, in float32
            Assert.Equal(4 * kernel.BytesPerToken / numberBytes, run.BytesPerToken);
            Assert.Equal(2 * kernel.WeightBytes, run.WeightBytes);                  // the kernels read a bfloat16 checkpoint as it was stored
            Assert.True(run.ReservedBytes >= run.CacheBytes);
            Assert.True(run.DecodeMilliseconds[6] > run.DecodeMilliseconds[3] && run.FirstTokenMilliseconds > run.PrefillMilliseconds);
            Assert.Equal(run.Round > 0, run.StreamingGigabytes > 0);
            Assert.Equal((0, 0), (run.DeviceIdleBytes, run.DevicePeakBytes));
        }
        Assert.DoesNotContain("GPU", ProfileTable.Of(ProfileSummary.Of(runs)).ToString());
    }

    [Fact]
    public void The_driver_tells_name_and_memory_of_the_gpu_or_nothing()
    {
        Assert.Null(GpuDriver.Open(0, "no-such-driver.so.1"));
        if (OperatingSystem.IsLinux()) Assert.Null(GpuDriver.Open(0, "libc.so.6")); // a library, but no driver's
        using var folder = new TemporaryFolder();
        var library = Library(folder);
        Assert.Null(GpuDriver.Open(1, library));
        var gpu = GpuDriver.Open(0, library)!;
        Assert.Equal("Test GPU 1000", gpu.Name);
        Assert.Equal((100 * Megabyte, 1000 * Megabyte), gpu.Memory);
        Assert.Equal((101 * Megabyte, 1000 * Megabyte), gpu.Memory);
    }

    [Fact]
    public void What_the_driver_says_reaches_the_table_and_the_files()
    {
        using var folder = new TemporaryFolder();
        var library = Library(folder);
        var gpu = GpuDriver.Open(0, library)!;
        var decoder = Repository.Model.Decoder;
        var profiler = new Profiler(decoder, Plan("SnapKV"), gpu, new Engine(decoder, byTensors: true));
        var runs = profiler.Run().ToArray();
        Assert.Equal([1, 2, 0, 0], runs.Select(r => r.DevicePeakBytes == 0 ? 0 : (r.DevicePeakBytes - r.DeviceIdleBytes) / Megabyte)); // one more each time it is asked
        var summary = ProfileSummary.Of(runs);
        Assert.Contains("GPU above idle, MB", ProfileTable.Of(summary).ToString());
        Assert.Contains("GPU above idle, MB", ProfileTable.Memory(summary).ToString());
        Assert.DoesNotContain("GPU above idle", ProfileTable.Times(summary).ToString());
        string[] lines = ProfileFolder.Csv(summary).Split('\n');
        Assert.EndsWith(",gpu_idle_bytes,gpu_peak_bytes", lines[0]);
        Assert.EndsWith($",{summary[0].DeviceIdleBytes},{summary[0].DevicePeakBytes}", lines[1]);
        var path = Path.Combine(folder.Path, "profile");
        ProfileFolder.Create(path, "model", EngineProbe.Run(), $"cuda:0 {gpu.Name}").Dispose();
        using var environment = JsonDocument.Parse(File.ReadAllText(Path.Combine(path, "environment.json")));
        Assert.Equal("cuda:0 Test GPU 1000", environment.RootElement.GetProperty("device").GetString());
    }

    [Fact]
    public void A_cache_that_the_gpu_cannot_hold_is_refused_with_the_bytes_it_wants()
    {
        using var folder = new TemporaryFolder();
        var library = Library(folder);
        using var timed = HeadKvLab.Profiling.Decode.TimedModel.Open(Repository.Path("data", "models", "world-4m"), 200_000);
        var plan = Plan("FullKV") with { Contexts = [160_000] }; // 6 layers x 4 heads x 2 x 32 numbers x 4 bytes = 6,144 bytes a token
        var message = Assert.Throws<LabException>(() => new Profiler(timed.Decoder, plan, GpuDriver.Open(0, library), new Engine(timed.Decoder, byTensors: true))).Message;
        Assert.Contains("160,006 tokens takes 983,076,864 bytes", message);
        Assert.Contains("Test GPU 1000", message);
    }

    [Fact]
    public void Without_a_gpu_the_command_says_so_and_ends_with_code_two()
    {
        Requires.NoGpu();
        using var error = new StringWriter();
        Assert.Equal(2, Program.Run(["profile", "--contexts", "64", "--generate", "3", "--repetitions", "1", "--device", "cuda"], error));
        Assert.Contains("--device cuda: no usable NVIDIA GPU", error.ToString());
        Assert.Equal(2, Program.Run(["profile", "--device", "tpu"], error));
        Assert.Contains("Argument 'tpu' not recognized", error.ToString());
    }
}
