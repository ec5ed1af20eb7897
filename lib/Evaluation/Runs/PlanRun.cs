namespace HeadKvLab.Evaluation.Runs;

/// <summary>A plan run into a results folder in one call: what a notebook needs. The command line adds shards, progress and tables.</summary>
public static class PlanRun
{
    /// <summary>Runs what the folder does not have yet.</summary>
    /// <param name="plan">What to run.</param>
    /// <param name="models">The model; one that is loaded runs in the number type it was loaded in, whatever the protocol's.</param>
    /// <param name="sets">The plan laid out for it, by <see cref="SuiteTasks.Open"/>.</param>
    /// <param name="folder">Results folder; made if need be.</param>
    /// <param name="progress">Told after each answer.</param>
    /// <param name="stop">Ends the run; what is on the disk stays.</param>
    /// <returns>The rows of this plan: those of earlier plans in the same folder are left out.</returns>
    /// <exception cref="LabException">The folder is in use, of another model or of other data, or cannot be written.</exception>
    /// <exception cref="OperationCanceledException">The run was stopped.</exception>
    public static IReadOnlyList<EvalRow> Run(SweepPlan plan, EvalModels models, IReadOnlyList<EvalSet> sets, string folder, Action<EvalProgress>? progress = null, CancellationToken stop = default)
    {
        using var results = ResultFolder.Open(folder, FolderCard.Of(plan, models, sets));
        new EvalRunner(models, results, plan.Seed).Run(sets, progress, stop);
        var wanted = sets.SelectMany(set => set.Tasks.SelectMany(task => set.Variants.Select(variant => EvalRow.KeyOf(task.Suite, task.Dataset, task.Question, set.Protocol, variant, plan.Seed)))).ToHashSet();
        return [.. results.Rows.Where(row => wanted.Contains(row.Key))];
    }
}
