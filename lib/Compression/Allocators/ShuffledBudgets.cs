namespace HeadKvLab.Compression.Allocators;

/// <summary>
/// A control: another allocator's budgets, the same numbers (to one entry of rounding), dealt to other heads. One seed is one dealing. What it loses against the allocator
/// itself is due to which heads get much, not to budgets being unequal. The budgets are permuted, not the scores behind them: the mean of shuffled
/// scores over a group of query heads would be less unequal than that of the measured ones, whose good heads sit together.
/// </summary>
/// <param name="Inner">Who makes the budgets; its scope must be the model.</param>
/// <param name="Seed">The dealing.</param>
public sealed record ShuffledBudgets(IAllocator Inner, int Seed) : IAllocator
{
    /// <inheritdoc/>
    public AllocationScope Scope => AllocationScope.Model;

    /// <inheritdoc/>
    public bool FollowsBudget => Inner.FollowsBudget;

    /// <inheritdoc/>
    public void Allocate(in BudgetFrame frame, HeadRows<float> scores, Allotment allotment)
    {
        if (Inner.Scope != Scope) throw new LabException($"{Inner.GetType().Name} allots layer by layer: its budgets cannot be dealt to heads of other layers.");
        Inner.Allocate(frame, scores, allotment);
        var random = new Random(Seed);
        for (var last = allotment.Requested.Length - 1; last > 0; last--)
        {
            var other = random.Next(last + 1);
            (allotment.Requested[last], allotment.Requested[other]) = (allotment.Requested[other], allotment.Requested[last]);
            (allotment.Weights[last], allotment.Weights[other]) = (allotment.Weights[other], allotment.Weights[last]);
        }
    }
}
