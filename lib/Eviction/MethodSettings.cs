using HeadKvLab.Eviction.Allocators;

namespace HeadKvLab.Eviction;

/// <summary>
/// Settings of all catalogued methods with the defaults of the paper's runs; each method reads its own and leaves the others.
/// Ranges are checked by the scorers and allocators that use them.
/// </summary>
public sealed record MethodSettings
{
    /// <summary>The defaults of HeadKV's published runs.</summary>
    public static MethodSettings Paper { get; } = new();

    /// <summary>Pooling of window scores: SnapKV, PyramidKV, Ada-SnapKV, HeadKV.</summary>
    public Pooling Pooling { get; init; } = new();

    /// <summary>How query heads that share a KV head vote on positions.</summary>
    public GroupReduction Reduction { get; init; } = GroupReduction.Mean;

    /// <summary>HeadKV: pool divisor, above 1; a higher one means a smaller pool.</summary>
    public double Beta { get; init; } = HeadKv.PaperBeta;

    /// <summary>HeadKV: exponent of the normalised head scores.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>HeadKV: how head scores of a group become a KV head's.</summary>
    public GroupReduction HeadReduction { get; init; } = GroupReduction.Mean;

    /// <summary>PyramidKV: divisor of the smallest layer budget.</summary>
    public int PyramidBeta { get; init; } = 20;

    /// <summary>Ada-SnapKV: share of uniform in every head's budget.</summary>
    public double AdaFloor { get; init; } = 0.2;

    /// <summary>Ada-SnapKV: whether heads are scaled by the concentration of their scores.</summary>
    public bool AdaNormalize { get; init; } = true;

    /// <summary>StreamingLLM, RazorAttention: first tokens kept.</summary>
    public int Sinks { get; init; } = 4;

    /// <summary>RazorAttention: share of heads that keep everything; null: as many as the budget allows.</summary>
    public double? ProtectedShare { get; init; }

    /// <summary>Random: seed of the draw; shuffled control: seed of the permutation.</summary>
    public int Seed { get; init; }
}

/// <summary>The head importances of one model, by the prompts they were measured on; those not measured are null.</summary>
/// <param name="Retrieval">Eq. 1 on retrieval needles: HeadKV-R, RazorAttention.</param>
/// <param name="EnhancedRetrieval">Eq. 2 on retrieval needles: HeadKV-ER.</param>
/// <param name="RetrievalReasoning">Eq. 2 on retrieval-reasoning needles: HeadKV-R2.</param>
public sealed record HeadImportances(HeadTable? Retrieval = null, HeadTable? EnhancedRetrieval = null, HeadTable? RetrievalReasoning = null)
{
    /// <summary>The same table for every kind, for a caller that has one file and one method.</summary>
    public static HeadImportances Same(HeadTable table) => new(table, table, table);
}
