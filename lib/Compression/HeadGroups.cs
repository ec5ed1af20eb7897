namespace HeadKvLab.Compression;

/// <summary>Query heads that share KV heads.</summary>
internal static class HeadGroups
{
    /// <summary>Query heads of each KV head.</summary>
    /// <param name="queryHeads">Query heads of a layer.</param>
    /// <param name="kvHeads">KV heads of a layer.</param>
    /// <exception cref="LabException">They do not come out even.</exception>
    internal static int Of(int queryHeads, int kvHeads) => kvHeads >= 1 && queryHeads % kvHeads == 0
        ? queryHeads / kvHeads
        : throw new LabException($"{queryHeads} query heads cannot share {kvHeads} KV heads: the number of KV heads must divide {queryHeads}");
}
