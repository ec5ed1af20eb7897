using HeadKvLab.Cache;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>What decoding an answer read of its cache, as the cache tells it.</summary>
/// <param name="TouchedBytes">Bytes of entries and index that a decoded token read, on average.</param>
/// <param name="IndexBytes">Bytes of the recall's index when the answer ended; null without a recall.</param>
/// <param name="HitRates">Hit rates of a near tier that holds what was chosen in the last 1, 2 and 4 steps; null where the recall chooses no pages or clusters, or never twice.</param>
/// <param name="FetchedBytes">Bytes that a token fetched into such a near tier, on average, for the same R; null where the hit rates are.</param>
internal sealed record DecodeReads(long TouchedBytes, long? IndexBytes, IReadOnlyList<double>? HitRates, IReadOnlyList<long>? FetchedBytes)
{
    /// <summary>What lay far, what was near at once, and what a token moved; null without a far memory.</summary>
    internal (long FarBytes, long NearBytes, long MovedBytes, double? NearShare)? Tiers { get; private init; }

    /// <summary>What a cache tells; null where no token was decoded on it.</summary>
    internal static DecodeReads? Of(RaggedCache cache) => cache.AttendedTokens == 0 ? null : new(
        cache.TouchedBytes / cache.AttendedTokens, cache.Recall is null ? null : cache.RecallBytes,
        cache.HitRate(NearTier.Remembered[0]) is null ? null : [.. NearTier.Remembered.Select(steps => Math.Round(cache.HitRate(steps)!.Value, 6))],
        cache.HitRate(NearTier.Remembered[0]) is null ? null : [.. NearTier.Remembered.Select(steps => cache.FetchedBytes(steps) / cache.AttendedTokens)])
    {
        Tiers = cache.Recall is { Near: > 0 } ? (cache.FarBytes, cache.NearBytes, cache.MovedBytes / cache.AttendedTokens, cache.NearShare is { } share ? Math.Round(share, 6) : null) : null,
    };
}
