namespace HeadKvLab.Profiling.Runs;

/// <summary>A median and the range it lies in.</summary>
/// <param name="Median">Half of the values are below it.</param>
/// <param name="Low">Smallest value.</param>
/// <param name="High">Largest value.</param>
public readonly record struct Spread(double Median, double Low, double High)
{
    /// <summary>Of some values, at least one.</summary>
    public static Spread Of(IEnumerable<double> values)
    {
        double[] all = [.. values];
        return new(Micro.Stopwatches.Median(all), all.Min(), all.Max());
    }
}

/// <summary>All runs of one case and one answer length, summed up.</summary>
public sealed record ProfileSummary
{
    /// <summary>Name of the method.</summary>
    public required string Method { get; init; }

    /// <summary>Mean entries per KV head; the context length where everything is kept.</summary>
    public required int KvSize { get; init; }

    /// <summary>Prompt length, tokens.</summary>
    public required int Context { get; init; }

    /// <summary>Answer length, tokens.</summary>
    public required int Generated { get; init; }

    /// <summary>Rounds that were timed.</summary>
    public required int Rounds { get; init; }

    /// <summary>Prefill with eviction, milliseconds.</summary>
    public required Spread Prefill { get; init; }

    /// <summary>Median over rounds of this prefill's time over the full cache's of the same round; NaN where that was not run.</summary>
    public required double PrefillOverFull { get; init; }

    /// <summary>Time to the first answer token, milliseconds.</summary>
    public required Spread FirstToken { get; init; }

    /// <summary>Time of a decoding step, milliseconds a token.</summary>
    public required Spread Decode { get; init; }

    /// <summary>Bytes of the entries after the prefill.</summary>
    public required long CacheBytes { get; init; }

    /// <summary>Bytes of the tensors that hold them.</summary>
    public required long ReservedBytes { get; init; }

    /// <summary>Bytes that a step reads on average: weights, and the entries that are there half-way through the answer.</summary>
    public required double BytesMoved { get; init; }

    /// <summary>GB/s (10^9) that the machine streams from memory; median over the rounds.</summary>
    public required double StreamingGigabytes { get; init; }

    /// <summary>Resident bytes before the case; 0 where unknown.</summary>
    public required long IdleBytes { get; init; }

    /// <summary>Most resident bytes during prefill and decoding; 0 where unknown.</summary>
    public required long PeakBytes { get; init; }

    /// <summary>Bytes in use on the GPU before the first case; 0 on a CPU or where unknown.</summary>
    public long DeviceIdleBytes { get; init; }

    /// <summary>Most bytes in use on the GPU up to the end of this case, see <see cref="TimedRun.DevicePeakBytes"/>; 0 on a CPU or where unknown.</summary>
    public long DevicePeakBytes { get; init; }

    /// <summary>Answer tokens a second, the first excepted.</summary>
    public double TokensPerSecond => 1000 / Decode.Median;

    /// <summary>GB/s that decoding moved.</summary>
    public double Gigabytes => BytesMoved / Decode.Median / 1e6;

    /// <summary>Its share of what the machine streams; above 1 where weights and cache fit into the processor's caches.</summary>
    public double StreamingShare => Gigabytes / StreamingGigabytes;

    /// <summary>Sums up runs, in the order in which their cases first ran; cases without a timed round are left out.</summary>
    /// <param name="runs">All rounds of any number of cases.</param>
    public static IReadOnlyList<ProfileSummary> Of(IEnumerable<TimedRun> runs)
    {
        var all = runs.ToArray();
        var full = all.Where(r => r.Round > 0 && r.KvSize == r.Context).GroupBy(r => (r.Context, r.Round)).ToDictionary(g => g.Key, g => g.First().PrefillMilliseconds);
        return [.. from g in all.GroupBy(r => (r.Method, r.KvSize, r.Context))
                   let timed = g.Where(r => r.Round > 0).ToArray()
                   where timed.Length > 0
                   from generated in timed[0].DecodeMilliseconds.Keys.Order()
                   select Of(g.FirstOrDefault(r => r.Round == 0), timed, generated, full)];
    }

    private static ProfileSummary Of(TimedRun? watched, TimedRun[] timed, int generated, Dictionary<(int, int), double> full)
    {
        var one = timed[0];
        double[] ratios = [.. timed.Where(r => full.ContainsKey((r.Context, r.Round))).Select(r => r.PrefillMilliseconds / full[(r.Context, r.Round)])];
        return new ProfileSummary
        {
            Method = one.Method, KvSize = one.KvSize, Context = one.Context, Generated = generated, Rounds = timed.Length,
            Prefill = Spread.Of(timed.Select(r => r.PrefillMilliseconds)),
            PrefillOverFull = ratios.Length == 0 ? double.NaN : Spread.Of(ratios).Median,
            FirstToken = Spread.Of(timed.Select(r => r.FirstTokenMilliseconds)),
            Decode = Spread.Of(timed.Select(r => r.DecodeMilliseconds[generated] / (generated - 1))),
            CacheBytes = one.CacheBytes, ReservedBytes = one.ReservedBytes,
            BytesMoved = one.WeightBytes + one.CacheBytes + one.BytesPerToken * generated / 2.0,
            StreamingGigabytes = Spread.Of(timed.Select(r => r.StreamingGigabytes)).Median,
            IdleBytes = watched?.IdleBytes ?? 0, PeakBytes = watched?.PeakBytes ?? 0,
            DeviceIdleBytes = watched?.DeviceIdleBytes ?? 0, DevicePeakBytes = watched?.DevicePeakBytes ?? 0,
        };
    }
}
