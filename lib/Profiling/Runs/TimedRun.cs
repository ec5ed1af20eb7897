namespace HeadKvLab.Profiling.Runs;

/// <summary>One prefill and the decoding after it, measured. A line of <c>runs.jsonl</c>.</summary>
public sealed record TimedRun
{
    /// <summary>Name of the method.</summary>
    public required string Method { get; init; }

    /// <summary>Mean entries per KV head; the context length where everything is kept.</summary>
    public required int KvSize { get; init; }

    /// <summary>Prompt length, tokens.</summary>
    public required int Context { get; init; }

    /// <summary>Round, 1 first; 0 is the run before the timed ones, which watches memory and says which tokens are right.</summary>
    public required int Round { get; init; }

    /// <summary>Prefill, eviction included, milliseconds.</summary>
    public required double PrefillMilliseconds { get; init; }

    /// <summary>Time until the first answer token is known: the prefill, and where a method evicted, the last prompt token once more on what it kept.</summary>
    public required double FirstTokenMilliseconds { get; init; }

    /// <summary>Milliseconds from the first answer token until the n-th, for each answer length.</summary>
    public required IReadOnlyDictionary<int, double> DecodeMilliseconds { get; init; }

    /// <summary>Bytes of the entries after the prefill, in the type in which they are read.</summary>
    public required long CacheBytes { get; init; }

    /// <summary>Bytes of the tensors that hold them, room to grow included.</summary>
    public required long ReservedBytes { get; init; }

    /// <summary>Bytes of weights that decoding reads for each token.</summary>
    public required long WeightBytes { get; init; }

    /// <summary>Bytes that one more token adds to the cache.</summary>
    public required long BytesPerToken { get; init; }

    /// <summary>Resident bytes before the run; 0 unless this is round 0 on Linux.</summary>
    public long IdleBytes { get; init; }

    /// <summary>Most resident bytes during the run; 0 unless this is round 0 on Linux.</summary>
    public long PeakBytes { get; init; }

    /// <summary>Bytes in use on the GPU before the first run, weights included; 0 on a CPU or where the driver does not tell.</summary>
    public long DeviceIdleBytes { get; init; }

    /// <summary>Bytes in use on the GPU after the run. libtorch keeps what it took, so this is the most of this run and those before it; 0 unless this is round 0 on a GPU.</summary>
    public long DevicePeakBytes { get; init; }

    /// <summary>GB/s (10^9) that the machine, or the GPU that ran it, streams from memory, measured in the same round; 0 in round 0.</summary>
    public double StreamingGigabytes { get; init; }

    /// <summary>Processes that wanted a processor when the run began, the mean of the last minute; 0 where unknown.</summary>
    public double LoadAverage { get; init; }
}
