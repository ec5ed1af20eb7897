using HeadKvLab.Cache;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>What one variant generated.</summary>
internal sealed record VariantAnswer(Variant Variant, int[] Ids, long Entries, long Bytes, double PrefillSeconds, double DecodeSeconds)
{
    /// <summary>Entries when the answer ended; null on a device, whose copy grows instead of the cache.</summary>
    internal long? EntriesAtEnd { get; init; }

    /// <summary>Bytes of the entries as papers count them; null without a format.</summary>
    internal long? NominalBytes { get; init; }

    /// <summary>Tokens that were read, and seconds to choose them; null where no reducer shortened the prompt.</summary>
    internal (int Tokens, double Seconds)? Reduced { get; init; }

    /// <summary>What decoding read; null on a device, or where nothing was decoded.</summary>
    internal DecodeReads? Reads { get; init; }

    /// <summary>Why there is no answer; null where there is one.</summary>
    internal string? Failed { get; init; }

    /// <summary>A cache's bytes as papers count them; null without a format.</summary>
    internal static long? NominalOf(RaggedCache cache) => cache.Format is null ? null : cache.NominalBytes;
}
