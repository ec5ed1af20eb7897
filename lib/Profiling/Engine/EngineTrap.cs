using System.Globalization;

namespace HeadKvLab.Profiling.Engine;

/// <summary>Something about this machine that makes tensor work slow or wrong, and what cures it.</summary>
/// <param name="Name">Short name.</param>
/// <param name="Finding">What was seen, with the figure.</param>
/// <param name="Cure">What to do.</param>
public sealed record EngineTrap(string Name, string Finding, string Cure)
{
    /// <summary>All traps that a report shows; none on a machine that is set up well.</summary>
    public static IReadOnlyList<EngineTrap> In(EngineReport r)
    {
        var traps = new List<EngineTrap>();
        void Add(bool found, string name, FormattableString finding, string cure)
        {
            if (found) traps.Add(new EngineTrap(name, finding.ToString(CultureInfo.InvariantCulture), cure));
        }

        bool reference = r.Blas == "none" || Path.GetFileName(r.Blas).StartsWith("libblas", StringComparison.Ordinal);
        Add(reference || r.GigaflopsFloat32 < 15, "slow BLAS", $"{r.GigaflopsFloat32:F0} GFLOP/s in float32 with {r.Blas}",
            "apt-get install libopenblas0-pthread (then update-alternatives --config libblas.so.3-x86_64-linux-gnu, if another is chosen); on a busy machine measure again");
        Add(r.PageFaultsPerLargeOperator > 3000, "memory handed back to the kernel", $"{r.PageFaultsPerLargeOperator:N0} page faults for one 48 MB result",
            "start with MALLOC_ARENA_MAX=1 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=2147483647 (the stand-in sets them itself, too late only for threads that already have an arena of their own)");
        string? policy = r.Environment.GetValueOrDefault("OMP_WAIT_POLICY");
        Add(!string.Equals(policy, "passive", StringComparison.OrdinalIgnoreCase), "spinning threads", $"OMP_WAIT_POLICY is {policy ?? "unset"}: waiting threads burn the cores of a shared machine",
            "export OMP_WAIT_POLICY=passive before starting");
        Add(r.Vectors == "AVX-512" && r.Environment.GetValueOrDefault("ATEN_CPU_CAPABILITY") is not "avx512", "narrow kernels", $"the processor has AVX-512, ATEN_CPU_CAPABILITY is {r.Environment.GetValueOrDefault("ATEN_CPU_CAPABILITY") ?? "unset"}",
            "export ATEN_CPU_CAPABILITY=avx512 before starting");
        Add(r.Threads < r.Cores && r.Environment.GetValueOrDefault("OMP_NUM_THREADS") is null, "idle cores", $"{r.Threads} intra-op thread(s) on {r.Cores} cores", "torch.set_num_threads, or unset what lowers it");
        string? blasThreads = r.Environment.GetValueOrDefault("OPENBLAS_NUM_THREADS");
        Add(blasThreads is not null && blasThreads != r.Threads.ToString(CultureInfo.InvariantCulture), "BLAS threads", $"OPENBLAS_NUM_THREADS is {blasThreads}, libtorch has {r.Threads} threads", "unset OPENBLAS_NUM_THREADS: OpenBLAS keeps a pool of its own, and the engine sets its size");
        Add(r.GigaflopsBFloat16 < 0.8 * r.GigaflopsFloat32, "slow bfloat16", $"bfloat16 products run at {r.GigaflopsBFloat16 / r.GigaflopsFloat32:F2} of float32 speed", "compute in float32 here (--dtype float32): the processor has no bfloat16 instructions, or this libtorch does not use them");
        Add(r.TensorsLeftByScope != 0, "leaking scopes", $"{r.TensorsLeftByScope} tensors outlived their dispose scope", "report this: no forward step may leave tensors behind");
        Add(r.Gpu.StartsWith("present", StringComparison.Ordinal), "unused GPU", $"an NVIDIA driver is there, the engine runs on the CPU", "build with the package TorchSharp-cuda-linux (-p:Packages=nuget), or set LIBTORCH to a CUDA libtorch and build again");
        return traps;
    }

    /// <summary>Facts of this engine that no setting changes and that the lab's code works around.</summary>
    public static IReadOnlyList<string> Notes(EngineReport r) =>
    [
        string.Create(CultureInfo.InvariantCulture, $"one-row linear costs {r.OneRowLinearOverProduct:F1} x the matrix-vector product in float32: decoding uses the lab's own kernels"),
        "attention is computed in blocks of query rows: an n x n matrix at n = 8192 would take 7 GB",
        r.PackageBuild == "nuget" ? "torch.matmul with wrong shapes aborts the process in TorchSharp: the lab multiplies by other operators" : "torch.matmul with wrong shapes throws here, but aborts the process in TorchSharp: the lab multiplies by other operators",
        $"libtorch {r.Libtorch} from {r.LibtorchFile}: an operator that it lacks fails when first called, by name",
    ];
}
