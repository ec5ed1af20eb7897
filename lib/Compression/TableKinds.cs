namespace HeadKvLab.Compression;

/// <summary>The kinds of calibration tables that catalogued methods need.</summary>
public static class TableKinds
{
    private const string ScoreHeads = "compute them with `lab heads score`, or give a file with --scores";

    /// <summary>One score for each query head: Eq. 1 on retrieval needles. HeadKV-R, RazorAttention.</summary>
    public static TableKind<HeadImportance> Retrieval { get; } = new("retrieval", "retrieval.json", "head scores (Eq. 1 on retrieval needles)", ScoreHeads);

    /// <summary>One score for each query head: Eq. 2 on retrieval needles. HeadKV-ER.</summary>
    public static TableKind<HeadImportance> EnhancedRetrieval { get; } = new("enhanced-retrieval", "enhanced-retrieval.json", "head scores (Eq. 2 on retrieval needles)", ScoreHeads);

    /// <summary>One score for each query head: Eq. 2 on retrieval-reasoning needles. HeadKV-R2.</summary>
    public static TableKind<HeadImportance> RetrievalReasoning { get; } = new("reasoning", "reasoning.json", "head scores (Eq. 2 on retrieval-reasoning needles)", ScoreHeads);

    /// <summary>One score for each query head: the most that any position receives from it when prompts are read again. HeadKV-KVzip.</summary>
    public static TableKind<HeadImportance> Reconstruction { get; } = new("kvzip", "kvzip.json", "head scores (KVzip's)", "measure them with `lab heads kvzip`, or give a file with --scores");

    /// <summary>One gate for each KV head, 0 to 1, as DuoAttention learns them.</summary>
    public static TableKind<HeadImportance> DuoGates { get; } = new("duo-gates", "full_attention_heads.tsv", "DuoAttention's gates",
        "put the file full_attention_heads.tsv of the model's DuoAttention pattern into its heads folder, or give it with --scores");

    /// <summary>How much each layer keeps: PrefixKV's curves, or shares as its authors publish them.</summary>
    public static TableKind<LayerShares> Prefix { get; } = new("prefix", "prefix.json", "PrefixKV's shares of the layers", "measure them with `lab heads prefix`, or give a file with --scores");

    /// <summary>How much each query head changes its input, and each layer the residual stream. BaKlaVa.</summary>
    public static TableKind<HeadChange> Change { get; } = new("change", "change.json", "the change that heads make", "measure it with `lab heads change`, or give a file with --scores");

    /// <summary>The direction that a query head's queries have in common. Q-Filters.</summary>
    public static TableKind<HeadVectors> Filters { get; } = new("filters", "filters.json", "filters of the queries", "measure them with `lab heads qfilters`, or give a file with --scores");

    /// <summary>Mean and mean size of each query head's queries before RoPE, frequency by frequency. TriAttention.</summary>
    public static TableKind<HeadVectors> Moments { get; } = new("moments", "moments.json", "moments of the queries", "measure them with `lab heads moments`, or give a file with --scores");

    /// <summary>How much of an answer's attention the best entries of each KV head hold, best by SnapKV. Utility-SnapKV.</summary>
    public static TableKind<HeadShares> Utility { get; } = new("utility", "utility.json", "utility curves of the heads", "measure them with `lab heads utility`, or give a file with --scores");

    /// <summary>What each KV head loses at each share of all entries. LU-KV.</summary>
    public static TableKind<HeadShares> LuKv { get; } = new("lukv", "lukv.npy", "LU-KV's removal curves", "measure them with `lab heads utility`, or give a file of its authors (.npy) with --scores");

    /// <summary>The layers that read other layers' entries. A policy with <c>/share</c>.</summary>
    public static TableKind<LayerSharing> Sharing { get; } = new("share", "share.json", "a layer map", "search it with `lab heads share`, or write one: /share(5>1)");

    /// <summary>Projections of the keys and values of groups of layers into latent vectors. A policy with <c>@latent</c>.</summary>
    public static TableKind<LatentTable> Latents { get; } = new("latent", "latent.json", "projections into latent vectors", "measure them with `lab heads latent`, or give a file with --scores");

    /// <summary>Head scores: one file of them serves every method that needs some.</summary>
    public static IReadOnlyList<TableKind<HeadImportance>> HeadScores { get; } = [Retrieval, EnhancedRetrieval, RetrievalReasoning, Reconstruction];

    /// <summary>All kinds, in the order of messages.</summary>
    public static IReadOnlyList<TableKind> All { get; } = [.. HeadScores, DuoGates, Prefix, Change, Filters, Moments, Utility, LuKv, Sharing, Latents];
}
