using System.Runtime.InteropServices;
using HeadKvLab.Profiling.Engine;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace HeadKvLab.Tests.Engine;

/// <summary>What is known to go wrong with libtorch and TorchSharp is either prevented by the engine or reported by the doctor.</summary>
[Collection(Alone.Name)]
public sealed class TenFactsTests
{
    private static readonly Lazy<EngineReport> Probe = new(EngineProbe.Run);

    private static IEnumerable<string> Traps(EngineReport report) => EngineTrap.In(report).Select(t => t.Name);

    /// <summary>A report without any trap, for changing one thing at a time.</summary>
    private static EngineReport Healthy => Probe.Value with
    {
        Blas = "/usr/lib/libopenblas.so.0", GigaflopsFloat32 = 200, GigaflopsBFloat16 = 600, PageFaultsPerLargeOperator = 10, TensorsLeftByScope = 0,
        Vectors = "AVX-512", Threads = 2, Cores = 2, Gpu = "none",
        Environment = new Dictionary<string, string?> { ["OMP_WAIT_POLICY"] = "PASSIVE", ["ATEN_CPU_CAPABILITY"] = "avx512" },
    };

    [Fact]
    public void The_engine_prepares_the_process_before_libtorch_is_loaded()
    {
        EngineReport report = Probe.Value;
        Assert.NotNull(report.Environment["OMP_WAIT_POLICY"]);
        if (System.Runtime.Intrinsics.X86.Avx512F.IsSupported) Assert.NotNull(report.Environment["ATEN_CPU_CAPABILITY"]);
        // a test's thread may have had an allocator arena of its own before the engine came: then the doctor must say so
        Assert.Equal(report.PageFaultsPerLargeOperator > 3000, Traps(report).Contains("memory handed back to the kernel"));
        if (report.Environment["MALLOC_ARENA_MAX"] == "1") Assert.True(report.PageFaultsPerLargeOperator < 3000, $"{report.PageFaultsPerLargeOperator} page faults: freed memory goes back to the kernel");
        if (report.Environment["OMP_NUM_THREADS"] is null) Assert.Equal(Environment.ProcessorCount, report.Threads);
        Assert.Equal(0, report.TensorsLeftByScope);
        Assert.True(report.StreamingGigabytes > 0 && report.GigaflopsFloat32 > 0 && report.GigaflopsBFloat16 > 0 && report.OneRowLinearOverProduct > 0);
    }

    [Fact]
    public void The_doctor_names_each_trap_and_no_other()
    {
        Assert.Empty(Traps(Healthy));
        Assert.Equal(["slow BLAS"], Traps(Healthy with { GigaflopsFloat32 = 7 }));
        Assert.Equal(["slow BLAS"], Traps(Healthy with { Blas = "/usr/lib/x86_64-linux-gnu/blas/libblas.so.3.11.0" }));
        Assert.Equal(["memory handed back to the kernel"], Traps(Healthy with { PageFaultsPerLargeOperator = 12288 }));
        Assert.Equal(["spinning threads"], Traps(Healthy with { Environment = new Dictionary<string, string?> { ["ATEN_CPU_CAPABILITY"] = "avx512" } }));
        Assert.Equal(["narrow kernels"], Traps(Healthy with { Environment = new Dictionary<string, string?> { ["OMP_WAIT_POLICY"] = "passive" } }));
        Assert.Equal(["idle cores"], Traps(Healthy with { Cores = 8 }));
        Assert.Equal(["slow bfloat16"], Traps(Healthy with { GigaflopsBFloat16 = 40 }));
        Assert.Equal(["leaking scopes"], Traps(Healthy with { TensorsLeftByScope = 1 }));
        Assert.Equal(["unused GPU"], Traps(Healthy with { Gpu = "present, but unused by this engine" }));
        Assert.Equal(["BLAS threads"], Traps(Healthy with { Environment = new Dictionary<string, string?>(Healthy.Environment) { ["OPENBLAS_NUM_THREADS"] = "1" } }));
        Assert.All(EngineTrap.In(Healthy with { GigaflopsFloat32 = 7, Threads = 1 }), t => Assert.NotEmpty(t.Cure));
        Assert.Equal(4, EngineTrap.Notes(Healthy).Count);
    }

    [Fact]
    public void Wrong_shapes_throw_whatever_the_product()
    {
        using var scope = NewDisposeScope();
        Tensor a = zeros(2, 3), batch = zeros(2, 2, 3);
#if STANDIN   // the package ends the process here
        Assert.Throws<ExternalException>(() => a.matmul(a));
        Assert.Throws<ExternalException>(() => matmul(a, batch.transpose(0, 2)));
#endif
        Assert.Throws<ExternalException>(() => a.mm(a));
        Assert.Throws<ExternalException>(() => batch.bmm(batch));
        Assert.Throws<ExternalException>(() => einsum("ij,jk->ik", a, a));
        Assert.Throws<ExternalException>(() => F.linear(a, zeros(4, 4)));
        Assert.Throws<ExternalException>(() => cat([a, zeros(2, 4)]));
        Assert.Throws<ExternalException>(() => a.gather(0, tensor(new long[] { 9 }, 1, 1)));
        Assert.Throws<ExternalException>(() => F.cross_entropy(zeros(1, 3), tensor(new long[] { 3 })));
        Assert.Throws<ExternalException>(() => ones(2, requires_grad: true).mul(2).backward());
    }

    [Fact]
    public void Bfloat16_products_stay_within_their_rounding()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        Tensor x = randn([64, 256], generator: generator), w = randn([128, 256], generator: generator);
        Tensor exact = F.linear(x, w), narrow = F.linear(x.to(bfloat16), w.to(bfloat16)).to(float32);
        double error = (narrow - exact).norm().ToDouble() / exact.norm().ToDouble();
        Assert.InRange(error, 1e-4, 6e-3);
    }

    [Fact]
    public void Attention_works_in_blocks_and_aligns_its_causal_mask_top_left()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(4);
        Tensor q = randn([2, 600, 16], generator: generator), k = randn([2, 700, 16], generator: generator), v = randn([2, 700, 16], generator: generator);
        Tensor mask = ones([600, 700], ScalarType.Bool).tril();
        Tensor whole = (q.matmul(k.transpose(1, 2)) / 4).masked_fill(mask.logical_not(), double.NegativeInfinity).softmax(-1).matmul(v);
        Assert.True(F.scaled_dot_product_attention(q, k, v, is_casual: true).allclose(whole, 1e-4, 1e-5));
        Assert.True(F.scaled_dot_product_attention(q, k, v, attn_mask: mask).allclose(whole, 1e-4, 1e-5));
        Assert.Throws<ArgumentException>(() => F.scaled_dot_product_attention(q, k, v, mask, is_casual: true));
    }

    [Fact]
    public void Defaults_are_the_packages_and_not_pythons()
    {
        using var scope = NewDisposeScope();
        var parameter = nn.Parameter(ones(1));
        using var optimizer = optim.AdamW([parameter], lr: 0.5);
        parameter.grad = zeros(1);
        optimizer.step();
        Assert.Equal(1f, parameter.item<float>());   // no weight decay
        Assert.Equal(0, F.kl_div(zeros(1), zeros(1)).ToDouble());   // the target holds logarithms
        Assert.Equal(4, frombuffer(new byte[] { 1, 2, 3, 4 }, bfloat16).numel());   // bytes are converted, not reinterpreted
    }

    [Fact]
    public void A_missing_gpu_is_an_exception_and_devices_are_parsed()
    {
        using var scope = NewDisposeScope();
        Assert.Equal((DeviceType.CUDA, 1), (device("cuda:1").type, device("cuda:1").index));
        Assert.Equal("cuda:0", device("cuda").ToString());
        Assert.Equal(CPU, zeros(1).device);
        Assert.Throws<ArgumentException>(() => device("gpu"));
        Assert.Throws<ArgumentException>(() => device("cuda:x"));
        if (cuda.is_available()) return;
        Assert.Equal(0, cuda.device_count());
        Assert.False(TryInitializeDeviceType(DeviceType.CUDA));
        Assert.Throws<InvalidOperationException>(() => zeros(1).to("cuda"));
        Assert.Throws<InvalidOperationException>(() => zeros([1], device: CUDA));
        Assert.Throws<InvalidOperationException>(() => cuda.synchronize());
        bool tf32 = backends.cuda.matmul.allow_tf32;
        backends.cuda.matmul.allow_tf32 = !tf32;
        Assert.Equal(!tf32, backends.cuda.matmul.allow_tf32);
        backends.cuda.matmul.allow_tf32 = tf32;
    }

    [Fact]
    public void The_peer_runs_the_same_cases()
    {
        string script = File.ReadAllText(RepositoryFiles.Path("tests/benchmarks/peer_ops.py"));
        foreach ((string name, Action call) in OperatorCases.All())
        {
            Assert.Contains($"\"{name}\": lambda", script, StringComparison.Ordinal);
            using var recording = set_grad_enabled(name.StartsWith("backward", StringComparison.Ordinal));
            long live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
            call();
            Assert.Equal(live, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        }
    }

    /// <summary>TorchSharp's matmul, cummax, cummin and autograd.grad end the process on a bad call: the lab's own code keeps to mm, bmm and F.linear, which throw.</summary>
    [Fact]
    public void The_lab_calls_no_product_that_can_end_the_process()
    {
        string lib = RepositoryFiles.Path("lib");
        var calls = Directory.EnumerateFiles(lib, "*.cs", SearchOption.AllDirectories)
            .Select(file => (Name: System.IO.Path.GetRelativePath(lib, file).Replace('\\', '/'), Text: File.ReadAllText(file)))
            .Where(file => !file.Name.StartsWith("StandIns/", StringComparison.Ordinal) && System.Text.RegularExpressions.Regex.IsMatch(file.Text, @"\b(matmul|cummax|cummin)\(|\bautograd\.grad\("));
        Assert.Equal(["Profiling/Engine/EngineProbe.cs", "Profiling/Engine/OperatorCases.cs"], calls.Select(file => file.Name).Order());   // shapes written out beside the call
    }

#if STANDIN
    [Fact]
    public void An_operator_that_the_library_lacks_fails_when_it_is_called_and_by_name()
    {
        var operators = typeof(torch).Assembly.GetType("TorchSharp.Interop.Op", throwOnError: true)!;
        object Named(string name) => Activator.CreateInstance(operators, NonPublic, null, [name, ""], null)!;
        object? Get(object op, string property)
        {
            try { return operators.GetProperty(property, NonPublic)!.GetValue(op); }
            catch (System.Reflection.TargetInvocationException e) { throw e.InnerException!; }
        }

        Assert.Equal(true, Get(Named("aten::relu"), "Exists"));
        object missing = Named("aten::made_in_libtorch_99");   // making it is no error: a version of the library may have it
        Assert.Equal(false, Get(missing, "Exists"));
        Assert.Contains("aten::made_in_libtorch_99", Assert.Throws<ExternalException>(() => Get(missing, "Schema")).Message, StringComparison.Ordinal);
    }

    private const System.Reflection.BindingFlags NonPublic = System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Public;

    /// <summary>The bridge is linked to what LIBTORCH names: its ABI, and its CUDA kernels, which are registered only when they are linked by name.</summary>
    [Theory]
    [InlineData(null, false, false), InlineData("1", false, false), InlineData("0", false, false), InlineData("1", true, false), InlineData("1", false, true)]
    public void The_bridge_fits_the_libtorch_it_is_built_for(string? abi, bool cuda, bool needsNewer)
    {
        if (OperatingSystem.IsWindows()) return;
        using var folder = new TemporaryFolder();
        string At(string name) => System.IO.Path.Combine(folder.Path, name);
        Directory.CreateDirectory(At("libtorch/lib"));
        Directory.CreateDirectory(At("libtorch/share/cmake/Torch"));
        File.WriteAllText(At("libtorch/share/cmake/Torch/TorchConfig.cmake"), $"set(TORCH_CXX_FLAGS \"-D_GLIBCXX_USE_CXX11_ABI={abi}\")\n");
        if (cuda) File.WriteAllText(At("libtorch/lib/libtorch_cuda.so"), "");
        File.WriteAllText(At("compiler"), "#!/bin/sh\necho \"$@\" >> \"" + At("said") + "\"\n" + (needsNewer ? "case \"$*\" in *c++17*) exit 1;; esac\n" : "") + "while [ $# -gt 0 ]; do [ \"$1\" = -o ] && touch \"$2\"; shift; done\n");
        File.SetUnixFileMode(At("compiler"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var start = new System.Diagnostics.ProcessStartInfo("/bin/sh", [RepositoryFiles.Path("lib/StandIns/TorchSharp/native/build.sh"), At("out/bridge.so")]);
        start.Environment["CXX"] = At("compiler");
        start.Environment["LIBTORCH"] = abi is null ? "" : At("libtorch");
        using var build = System.Diagnostics.Process.Start(start)!;
        build.WaitForExit();
        Assert.Equal(0, build.ExitCode);
        Assert.True(File.Exists(At("out/bridge.so")));
        string[] said = File.ReadAllLines(At("said"));
        Assert.Equal(needsNewer ? 2 : 1, said.Length);
        Assert.Contains(needsNewer ? "-std=c++20" : "-std=c++17", said[^1], StringComparison.Ordinal);
        Assert.Contains("-Wl,--no-as-needed -ltorch -ltorch_cpu -lc10", said[^1], StringComparison.Ordinal);
        Assert.Equal(abi is not null, said[^1].Contains($"-L{At("libtorch")}/lib -Wl,-rpath,{At("libtorch")}/lib", StringComparison.Ordinal));
        Assert.Equal(abi == "0", said[^1].Contains("-D_GLIBCXX_USE_CXX11_ABI=0", StringComparison.Ordinal));
        Assert.Equal(cuda, said[^1].Contains("-ltorch_cuda -lc10_cuda", StringComparison.Ordinal));
    }
#endif

    [Fact]
    public void A_Python_peer_runs_under_the_engines_own_settings()
    {
        string script = System.IO.Path.GetTempFileName();
        try
        {
            File.WriteAllText(script, "import os, sys\nprint('ready', flush=True)\nfor line in sys.stdin: print(os.environ.get(line.strip()), flush=True)\n");
            using var peer = HeadKvLab.Profiling.PythonPeer.Start(script, 1);
            if (peer is null) return;   // no Python here, so there is nothing to compare with
            Assert.Equal("passive", peer.Ask("OMP_WAIT_POLICY"));
            Assert.Equal("14", peer.Ask("OPENBLAS_THREAD_TIMEOUT"));
            Assert.Equal("0", peer.Ask("MALLOC_MMAP_MAX_"));
            Assert.Equal("2147483647", peer.Ask("MALLOC_TRIM_THRESHOLD_"));
            if (System.Runtime.Intrinsics.X86.Avx512BW.IsSupported) Assert.Equal("avx512", peer.Ask("ATEN_CPU_CAPABILITY"));
        }
        finally
        {
            File.Delete(script);
        }
    }
}
