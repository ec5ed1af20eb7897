namespace HeadKvLab.Profiling.Machine;

/// <summary>What <see cref="EngineProbe"/> found out about the tensor engine and the machine under it.</summary>
public sealed record EngineReport
{
    /// <summary>Assembly that supplies TorchSharp's API, with its version.</summary>
    public required string Engine { get; init; }

    /// <summary>Version of libtorch that the engine was built for.</summary>
    public required string Libtorch { get; init; }

    /// <summary>File of the loaded libtorch_cpu, or "unknown".</summary>
    public required string LibtorchFile { get; init; }

    /// <summary>Model name of the processor.</summary>
    public required string Processor { get; init; }

    /// <summary>Logical cores this process may use.</summary>
    public required int Cores { get; init; }

    /// <summary>Intra-op threads of libtorch.</summary>
    public required int Threads { get; init; }

    /// <summary>Widest vector instructions: AVX-512, AVX2, NEON or none.</summary>
    public required string Vectors { get; init; }

    /// <summary>Name of the GPU driver's card, "present, but unused by this build", or "none".</summary>
    public required string Gpu { get; init; }

    /// <summary>Matrix product of 1024 x 1024 in float32, GFLOP/s.</summary>
    public required double GigaflopsFloat32 { get; init; }

    /// <summary>The same in bfloat16, GFLOP/s.</summary>
    public required double GigaflopsBFloat16 { get; init; }

    /// <summary>Reading 256 MB on all threads, four streams each, GB/s (10^9 bytes).</summary>
    public required double StreamingGigabytes { get; init; }

    /// <summary>Page faults while one operator writes a fresh 24 MB result, after a warm-up; about 6,000 when glibc hands memory back each time.</summary>
    public required long PageFaultsPerLargeOperator { get; init; }

    /// <summary>Time of a one-row linear over that of the same matrix-vector product, float32.</summary>
    public required double OneRowLinearOverProduct { get; init; }

    /// <summary>Tensors left alive after a scope in which 100 were made.</summary>
    public required long TensorsLeftByScope { get; init; }

    /// <summary>Settings as native code sees them, by name; null where unset.</summary>
    public required IReadOnlyDictionary<string, string?> Environment { get; init; }
}
