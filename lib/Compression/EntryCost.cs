using HeadKvLab.Cache;

namespace HeadKvLab.Compression;

/// <summary>
/// What the entries of a head take under a format or a recall: their rows or blocks with scales, zeros, open entries and lists of channels, and what the recall's index remembers
/// of them (bounds of pages, centroids, who is in which cluster). The budget rule <c>equal-bytes</c> solves for the most entries that the bytes pay for.
/// </summary>
/// <param name="Format">How they are stored; null: in rows of the shape's numbers.</param>
/// <param name="Recall">What chooses among them; null: nothing.</param>
/// <param name="Shape">The cache.</param>
internal sealed record EntryCost(EntryFormat? Format, IRecall? Recall, CacheShape Shape)
{
    /// <summary>That of a policy's entries; null where each entry takes the same.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="shape">The cache, as it is stored.</param>
    internal static EntryCost? Of(CachePolicy policy, CacheShape shape) => policy.Format is null && !HasIndex(policy.Recall) ? null : new(policy.Format, policy.Recall, shape);

    /// <summary>Whether a recall remembers anything of the entries.</summary>
    internal static bool HasIndex(IRecall? recall) => recall?.BytesFor(int.MaxValue, 1 << 20, new CacheShape(1, 1, 1)) > 0;

    /// <summary>What makes entries cost unlike, in words.</summary>
    internal string Name => string.Join(" with ", new[] { Format?.Name, HasIndex(Recall) ? Recall!.Name : null }.Where(name => name is not null));

    /// <summary>Bytes of a head at the end of a prompt, its index as it is once the prompt's last token has asked.</summary>
    /// <param name="layer">Layer of the head.</param>
    /// <param name="entries">Entries of the head.</param>
    internal long Of(int layer, int entries) =>
        (Format?.BytesFor(layer, entries, Shape.HeadDim) ?? (long)entries * Shape.EntryBytes) + (Recall?.BytesFor(layer, entries, Shape) ?? 0);
}
