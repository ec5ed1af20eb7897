using System.Diagnostics;
using System.Runtime.InteropServices;
using HeadKvLab.Profiling.Machine;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace HeadKvLab.Tests.Libtorch;

/// <summary>What the lab relies on in TorchSharp and libtorch, and what <c>lab doctor</c> reports where it does not hold.</summary>
[Collection(Alone.Name)]
public sealed class EngineTests
{
    private static readonly Lazy<EngineReport> Probe = new(EngineProbe.Run);

    private static IEnumerable<string> Traps(EngineReport report) => EngineTrap.In(report).Select(t => t.Name);

    /// <summary>A report without any trap, for changing one thing at a time.</summary>
    private static EngineReport Healthy => Probe.Value with
    {
        GigaflopsFloat32 = 200, GigaflopsBFloat16 = 600, PageFaultsPerLargeOperator = 10, TensorsLeftByScope = 0, Threads = 2, Cores = 2, Gpu = "none",
        Environment = new Dictionary<string, string?> { ["OMP_WAIT_POLICY"] = "PASSIVE" },
    };

    /// <summary>Nothing sets variables for this process: the library's module initializer does it.</summary>
    [Fact]
    public void The_library_prepares_the_process_before_libtorch_is_loaded()
    {
        EngineReport report = Probe.Value;
        Assert.NotNull(report.Environment["OMP_WAIT_POLICY"]);
        if (OperatingSystem.IsLinux() && report.Environment["MALLOC_ARENA_MAX"] == "1" && report.Environment["MALLOC_MMAP_THRESHOLD_"] is null && report.Environment["GLIBC_TUNABLES"] is null)
            Assert.True(report.PageFaultsPerLargeOperator < 1500, $"{report.PageFaultsPerLargeOperator} page faults: freed memory goes back to the kernel");
        if (report.Environment["OMP_NUM_THREADS"] is null) Assert.Equal(Environment.ProcessorCount, report.Threads);
        Assert.Equal(0, report.TensorsLeftByScope);
        Assert.True(report.StreamingGigabytes > 0 && report.GigaflopsFloat32 > 0 && report.GigaflopsBFloat16 > 0 && report.OneRowLinearOverProduct > 0);
    }

    /// <summary>The user's own settings win: with mmap from a megabyte on, the memory of a large result comes back page by page, 6,144 of them, and the doctor says so.</summary>
    [Fact]
    public void A_variable_that_the_user_set_wins()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "glibc's allocator is on Linux only");
        var start = new ProcessStartInfo("dotnet", [Repository.Path("bin", "HeadKvLab.dll"), "doctor", "--json"]) { RedirectStandardOutput = true };
        (start.Environment["MALLOC_MMAP_THRESHOLD_"], start.Environment["OMP_WAIT_POLICY"]) = ("1048576", "active");
        using var process = Process.Start(start)!;
        string said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        Assert.Contains("memory handed back to the kernel", said, StringComparison.Ordinal);
        Assert.Contains("spinning threads", said, StringComparison.Ordinal);
    }

    [Fact]
    public void The_doctor_names_each_trap_and_no_other()
    {
        Assert.Empty(Traps(Healthy));
        Assert.Equal(["slow products"], Traps(Healthy with { GigaflopsFloat32 = 7 }));
        Assert.Equal(["memory handed back to the kernel"], Traps(Healthy with { PageFaultsPerLargeOperator = 6144 }));
        Assert.Equal(["spinning threads"], Traps(Healthy with { Environment = new Dictionary<string, string?>() }));
        Assert.Equal(["idle cores"], Traps(Healthy with { Cores = 8 }));
        Assert.Equal(["slow bfloat16"], Traps(Healthy with { GigaflopsBFloat16 = 40 }));
        Assert.Equal(["leaking scopes"], Traps(Healthy with { TensorsLeftByScope = 1 }));
        Assert.Equal(["unused GPU"], Traps(Healthy with { Gpu = EngineProbe.Unused }));
        Assert.All(EngineTrap.In(Healthy with { GigaflopsFloat32 = 7, Threads = 1 }), t => Assert.NotEmpty(t.Cure));
    }

    /// <summary>An exception, never the end of the process: <c>matmul</c> is the one product that ends it, and the lab does not call it.</summary>
    [Fact]
    public void Wrong_shapes_throw()
    {
        using var scope = NewDisposeScope();
        Tensor a = zeros(2, 3), batch = zeros(2, 2, 3);
        Assert.Throws<ExternalException>(() => a.mm(a));
        Assert.Throws<ExternalException>(() => batch.bmm(batch));
        Assert.Throws<ExternalException>(() => einsum("ij,jk->ik", a, a));
        Assert.Throws<ExternalException>(() => F.linear(a, zeros(4, 4)));
        Assert.Throws<ExternalException>(() => cat([a, zeros(2, 4)]));
        Assert.Throws<ExternalException>(() => a.gather(0, tensor(new long[] { 9 }, 1, 1)));
        Assert.Throws<ExternalException>(() => F.cross_entropy(zeros(1, 3), tensor(new long[] { 3 })));
        Assert.Throws<ExternalException>(() => ones(2, requires_grad: true).mul(2).backward());
    }

    /// <summary>TorchSharp's matmul, cummax, cummin and autograd.grad end the process on a bad call: the lab's own code keeps to mm, bmm and F.linear, which throw.</summary>
    [Fact]
    public void The_lab_calls_no_product_that_can_end_the_process()
    {
        string lib = Repository.Path("lib");
        var calls = Directory.EnumerateFiles(lib, "*.cs", SearchOption.AllDirectories)
            .Select(file => (Name: Path.GetRelativePath(lib, file).Replace('\\', '/'), Text: File.ReadAllText(file)))
            .Where(file => System.Text.RegularExpressions.Regex.IsMatch(file.Text, @"\b(matmul|cummax|cummin)\(|\bautograd\.grad\("));
        Assert.Equal(["Profiling/Machine/EngineProbe.cs"], calls.Select(file => file.Name));   // shapes written out beside the call
    }

    [Fact]
    public void Attention_aligns_its_causal_mask_top_left()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(4);
        Tensor q = randn([2, 600, 16], generator: generator), k = randn([2, 700, 16], generator: generator), v = randn([2, 700, 16], generator: generator);
        Tensor mask = ones([600, 700], ScalarType.Bool).tril();
        Tensor whole = (q.bmm(k.transpose(1, 2)) / 4).masked_fill(mask.logical_not(), double.NegativeInfinity).softmax(-1).bmm(v);
        Assert.True(F.scaled_dot_product_attention(q, k, v, is_casual: true).allclose(whole, 1e-4, 1e-5));
        Assert.True(F.scaled_dot_product_attention(q, k, v, attn_mask: mask).allclose(whole, 1e-4, 1e-5));
    }

    [Fact]
    public void Defaults_are_TorchSharps_and_not_pythons()
    {
        using var scope = NewDisposeScope();
        var parameter = nn.Parameter(ones(1));
        using var optimizer = optim.AdamW([parameter], lr: 0.5);
        parameter.grad = zeros(1);
        optimizer.step();
        Assert.Equal(1f, parameter.item<float>());   // no weight decay
    }

    [Fact]
    public void A_missing_gpu_is_an_exception()
    {
        using var scope = NewDisposeScope();
        Assert.SkipWhen(cuda.is_available(), "a GPU is there");
        Assert.Equal(0, cuda.device_count());
        Assert.Throws<InvalidOperationException>(() => zeros([1], device: CUDA));
    }

    /// <summary>A library that cannot be loaded is told in one sentence with the file, what it lacks and the system.</summary>
    [Fact]
    public void A_libtorch_that_cannot_load_is_told_in_words()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the loader's messages are Linux'");
        using var folder = new TemporaryFolder();
        Assert.Contains($"{Path.Combine(folder.Path, "libc10.so")} is missing; build again", EngineFailure.Describe(folder.Path), StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(folder.Path, "libc10.so"), "no library");
        var said = EngineFailure.Describe(folder.Path);
        Assert.Matches(@"^libtorch cannot be loaded on this system \(.+, linux-[a-z0-9]+\): .*libc10\.so: .+\. environment\.md", said);
        Assert.DoesNotContain('\n', said);
        Assert.NotNull(EngineFailure.Describe(new InvalidOperationException("x", new DllNotFoundException("y"))));
        Assert.Null(EngineFailure.Describe(new InvalidOperationException("x")));
    }
}
