using System.Globalization;

namespace HeadKvLab.Profiling.Machine;

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

        Add(r.GigaflopsFloat32 < 15, "slow products", $"{r.GigaflopsFloat32:F0} GFLOP/s in float32", "measure again when nothing else runs; a container's CPU limit slows it just so");
        Add(r.PageFaultsPerLargeOperator > 1500, "memory handed back to the kernel", $"{r.PageFaultsPerLargeOperator:N0} page faults for one 24 MB result",
            "start with MALLOC_ARENA_MAX=1, and unset MALLOC_MMAP_THRESHOLD_, MALLOC_TRIM_THRESHOLD_ and GLIBC_TUNABLES: the lab then sets the rest of glibc's allocator itself; another allocator (musl, jemalloc by LD_PRELOAD) keeps its own rules");
        string? policy = r.Environment.GetValueOrDefault("OMP_WAIT_POLICY");
        Add(!string.Equals(policy, "passive", StringComparison.OrdinalIgnoreCase), "spinning threads", $"OMP_WAIT_POLICY is {policy ?? "unset"}: waiting threads burn the cores of a shared machine",
            "unset OMP_WAIT_POLICY: the lab then sets it to passive itself");
        Add(r.Threads < r.Cores && r.Environment.GetValueOrDefault("OMP_NUM_THREADS") is null, "idle cores", $"{r.Threads} intra-op thread(s) on {r.Cores} cores", "torch.set_num_threads, or unset what lowers it");
        Add(r.GigaflopsBFloat16 < 0.8 * r.GigaflopsFloat32, "slow bfloat16", $"bfloat16 products run at {r.GigaflopsBFloat16 / r.GigaflopsFloat32:F2} of float32 speed", "compute in float32 here (--type float32): the processor has no bfloat16 instructions, or this libtorch does not use them");
        Add(r.TensorsLeftByScope != 0, "leaking scopes", $"{r.TensorsLeftByScope} tensors outlived their dispose scope", "report this: no forward step may leave tensors behind");
        Add(r.Gpu.StartsWith("present", StringComparison.Ordinal), "unused GPU", $"an NVIDIA driver is there, the engine runs on the CPU", "build with libtorch for CUDA: ./lab build takes it where the registry has TorchSharp-cuda-linux; by hand, dotnet build -p:Torch=cuda");
        return traps;
    }

    /// <summary>Facts of this engine that no setting changes and that the lab's code works around.</summary>
    public static IReadOnlyList<string> Notes(EngineReport r) =>
    [
        string.Create(CultureInfo.InvariantCulture, $"bfloat16 products run at {r.GigaflopsBFloat16 / r.GigaflopsFloat32:F1} x the speed of float32 ones here; one-row linear costs {r.OneRowLinearOverProduct:F1} x the matrix-vector product"),
        "torch.matmul with wrong shapes ends the process in TorchSharp: the lab multiplies by other operators",
        $"libtorch {r.Libtorch} from {r.LibtorchFile}",
    ];
}
