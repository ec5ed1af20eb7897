using HeadKvLab.Profiling.Runs;
using Microsoft.Data.Analysis;

namespace HeadKvLab.Charts;

/// <summary>A profile as tables to read, and as the points of <see cref="ContextCosts"/>.</summary>
public static class ProfileTable
{
    private const string Ranges = "; in brackets the range of the rounds";

    /// <summary>Everything in one table, for a wide terminal: times with their ranges, memory, and how near decoding comes to the memory's speed.</summary>
    /// <param name="profile">Cases summed up.</param>
    /// <param name="caption">What the table shows.</param>
    /// <exception cref="ArgumentException">There are none.</exception>
    public static ResultTable Of(IReadOnlyList<ProfileSummary> profile, string caption = "") => Shown(profile, caption);

    /// <summary>The times, narrow enough for a page: prefill, first token, time per token.</summary>
    /// <param name="profile">Cases summed up.</param>
    /// <param name="caption">What the table shows; what the brackets hold is added.</param>
    /// <exception cref="ArgumentException">There are none.</exception>
    public static ResultTable Times(IReadOnlyList<ProfileSummary> profile, string caption = "Times, medians") => Shown(profile, caption + Ranges, "cache", "peak", "gpu", "moved", "share");

    /// <summary>Memory, and how near decoding comes to its speed, narrow enough for a page.</summary>
    /// <param name="profile">Cases summed up.</param>
    /// <param name="caption">What the table shows; what the brackets hold is added.</param>
    /// <exception cref="ArgumentException">There are none.</exception>
    public static ResultTable Memory(IReadOnlyList<ProfileSummary> profile, string caption = "Memory, and the speed at which decoding reads it") =>
        Shown(profile, caption + Ranges, "prefill", "overFull", "first", "rate");

    private static ResultTable Shown(IReadOnlyList<ProfileSummary> profile, string caption, params string[] hidden)
    {
        if (profile.Count == 0) throw new ArgumentException("there is nothing measured to show", nameof(profile));
        var frame = new DataFrame(
            new StringDataFrameColumn("method", profile.Select(p => p.Method)), Count("kvSize", p => p.KvSize), Count("context", p => p.Context), Count("generated", p => p.Generated),
            Column("prefill", p => p.Prefill.Median), Column("prefillLow", p => p.Prefill.Low), Column("prefillHigh", p => p.Prefill.High), Column("overFull", p => p.PrefillOverFull),
            Column("first", p => p.FirstToken.Median),
            Column("decode", p => p.Decode.Median), Column("decodeLow", p => p.Decode.Low), Column("decodeHigh", p => p.Decode.High), Column("rate", p => p.TokensPerSecond),
            Column("cache", p => p.CacheBytes / 1e6), Column("peak", p => p.PeakBytes == 0 ? double.NaN : (p.PeakBytes - p.IdleBytes) / 1e6),
            Column("gpu", p => p.DevicePeakBytes == 0 ? double.NaN : (p.DevicePeakBytes - p.DeviceIdleBytes) / 1e6),
            Column("moved", p => p.Gigabytes), Column("share", p => p.StreamingShare));
        var table = new ResultTable(frame, caption).Heading("kvSize", "KV size")
            .Interval("prefill", "prefillLow", "prefillHigh", 0, "prefill, ms").Number("overFull", 2, "prefill / full, in the same round").Number("first", 0, "first token, ms")
            .Interval("decode", "decodeLow", "decodeHigh", 3, "ms per token").Number("rate", 0, "tokens/s")
            .Number("cache", 1, "cache, MB").Number("peak", 0, "peak above idle, MB").Number("gpu", 0, "GPU above idle, MB").Number("moved", 1, "GB/s moved").Percent("share", "of streaming");
        if (Busy(profile, hidden.Contains("prefill")) is { Length: > 0 } busy) table = table.Remark(busy);
        return table.Hide(profile.Any(p => p.DevicePeakBytes > 0) ? hidden : [.. hidden.Append("gpu").Distinct()]);

        DoubleDataFrameColumn Column(string name, Func<ProfileSummary, double> value) => new(name, profile.Select(value));
        Int32DataFrameColumn Count(string name, Func<ProfileSummary, int> value) => new(name, profile.Select(value));
    }

    /// <summary>What to say where rounds of one case differ by more than a factor of 1.5: the machine did something else meanwhile. Empty where they agree.</summary>
    /// <param name="profile">Cases summed up.</param>
    /// <param name="decodingOnly">Whether prefills are not looked at.</param>
    public static string Busy(IReadOnlyList<ProfileSummary> profile, bool decodingOnly = false)
    {
        var widest = profile.SelectMany(p => decodingOnly ? (Spread[])[p.Decode] : [p.Decode, p.Prefill]).Max(s => s.High / s.Low);
        return widest <= 1.5 ? "" : $"The machine was busy: rounds of one case differ by up to a factor of {Format.Fixed(widest, 1)}. Do not compare these times; run again when nothing else runs.";
    }

    /// <summary>The points of the chart of costs over the context length: a line for each method and KV size, whiskers the range over rounds.</summary>
    /// <param name="profile">Cases summed up; of each case the longest answer is drawn.</param>
    public static IReadOnlyList<ContextCost> Points(IReadOnlyList<ProfileSummary> profile)
    {
        var longest = profile.Count == 0 ? 0 : profile.Max(p => p.Generated);
        return [.. profile.Where(p => p.Generated == longest).Select(p => new ContextCost(
            p.KvSize == p.Context ? p.Method : $"{p.Method} {p.KvSize}", p.Context, p.Decode.Median, p.Decode.Low, p.Decode.High, p.CacheBytes))];
    }
}
