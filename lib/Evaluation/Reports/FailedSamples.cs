using HeadKvLab.Evaluation.Runs;

namespace HeadKvLab.Evaluation.Reports;

/// <summary>Samples without an answer, in words.</summary>
public static class FailedSamples
{
    /// <summary>How many failed, the first by name with its reason; null where none did.</summary>
    /// <param name="rows">Rows of a run.</param>
    public static string? InWords(IReadOnlyCollection<EvalRow> rows)
    {
        var failed = rows.Where(r => r.Failed is not null).ToArray();
        return failed.Length == 0 ? null
            : $"{failed.Length} of {rows.Count} samples failed and count as 0; the first: {failed[0].Suite}, {failed[0].Dataset}, question {failed[0].Question}, {failed[0].Variant.Name} at {failed[0].Variant.BudgetName}: {failed[0].Failed}";
    }
}
