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
        Assert.Throws<ExternalException>(() => a.matmul(a));
        Assert.Throws<ExternalException>(() => matmul(a, batch.transpose(0, 2)));
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
}
