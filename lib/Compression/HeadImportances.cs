namespace HeadKvLab.Compression;

/// <summary>The head importances of one model, by the prompts they were measured on; those not measured are null.</summary>
/// <param name="Retrieval">Eq. 1 on retrieval needles: HeadKV-R, RazorAttention.</param>
/// <param name="EnhancedRetrieval">Eq. 2 on retrieval needles: HeadKV-ER.</param>
/// <param name="RetrievalReasoning">Eq. 2 on retrieval-reasoning needles: HeadKV-R2.</param>
public sealed record HeadImportances(HeadTable? Retrieval = null, HeadTable? EnhancedRetrieval = null, HeadTable? RetrievalReasoning = null)
{
    /// <summary>The table of a kind; null where it was not measured.</summary>
    public HeadTable? Of(HeadScoreKind kind) => kind switch
    {
        HeadScoreKind.Retrieval => Retrieval,
        HeadScoreKind.EnhancedRetrieval => EnhancedRetrieval,
        HeadScoreKind.RetrievalReasoning => RetrievalReasoning,
        _ => null,
    };

    /// <summary>The same table for every kind, for a caller that has one file.</summary>
    public static HeadImportances Same(HeadTable table) => new(table, table, table);
}
