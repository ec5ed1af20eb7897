namespace HeadKvLab.Compression.Allocators;

/// <summary>
/// HeadKV: every head keeps a minimum, the rest of the model's budget is one pool shared by head importance S (sum 1).
/// p = floor(b' / beta); c = S * p * L * H + (b' - p), rounded half to even.
/// Paper: Not All Heads Matter (arXiv 2410.19258), section 3.2; arithmetic of FYYFU/HeadKV, in double precision, where the
/// pool is floored and taken from b' = b - alpha. A higher beta means a smaller pool (the authors' README says the opposite).
/// KV heads (mean): the rounded capacities of a group's query heads are averaged, as in KVCache-Factory; (max, sum): the
/// importances are reduced first. Claims on unspent entries are in proportion to S; no published code hands them on.
/// </summary>
public sealed record HeadKv : IAllocator
{
    /// <summary>Divisor used by KVCache-Factory's default and by most published runs.</summary>
    public const double PaperBeta = 1.01;

    private readonly HeadImportance _importance;

    /// <summary>Creates the allocator.</summary>
    /// <param name="importance">Importance of every query head, <c>[layer, queryHead]</c>.</param>
    /// <param name="beta">Pool divisor, above 1.</param>
    /// <param name="temperature">Exponent of the normalised importances; 1 in all published runs.</param>
    /// <param name="reduction">How a group's importances become a KV head's.</param>
    public HeadKv(HeadImportance importance, double beta = PaperBeta, double temperature = 1, GroupReduction reduction = GroupReduction.Mean)
    {
        if (!double.IsFinite(beta) || beta <= 1)
            throw new LabException(FormattableString.Invariant($"beta {beta}: the pool divisor must be a number above 1, for example 1.01"));
        _importance = importance.Normalised(temperature);
        Beta = beta;
        Temperature = temperature;
        Reduction = reduction;
    }

    /// <summary>Pool divisor, beta.</summary>
    public double Beta { get; }

    /// <summary>Exponent of the normalised importances, T.</summary>
    public double Temperature { get; }

    /// <summary>How a group's importances become a KV head's.</summary>
    public GroupReduction Reduction { get; }

    /// <inheritdoc/>
    public AllocationScope Scope => AllocationScope.Model;

    /// <inheritdoc/>
    public void Allocate(in BudgetFrame frame, HeadRows<float> scores, Allotment allotment)
    {
        _importance.Require(frame);
        var pool = FloorDivide(frame.Selectable, Beta);
        if (frame.Heads == _importance.Heads || Reduction != GroupReduction.Mean)
        {
            var shares = frame.Heads == _importance.Heads ? _importance : _importance.Aggregate(frame.Heads, Reduction).Normalised();
            Spend(frame.Selectable, pool, shares.Values, allotment.Requested);
            shares.Values.CopyTo(allotment.Weights);
            return;
        }
        Span<double> capacities = new double[_importance.Values.Length]; // [layer, queryHead]
        Spend(frame.Selectable, pool, _importance.Values, capacities);
        var group = _importance.Heads / frame.Heads;
        for (var g = 0; g < allotment.Requested.Length; g++)
        {
            double sum = 0, weight = 0;
            for (var h = g * group; h < (g + 1) * group; h++)
            {
                sum += Math.Round(capacities[h], MidpointRounding.ToEven);
                weight += _importance.Values[h];
            }
            allotment.Requested[g] = sum / group;
            allotment.Weights[g] = weight;
        }
    }

    private static void Spend(int selectable, double pool, ReadOnlySpan<double> shares, Span<double> requested)
    {
        for (var h = 0; h < shares.Length; h++)
            requested[h] = shares[h] * pool * shares.Length + (selectable - pool);
    }

    /// <summary>The floor division of Python on floats, which the reference uses: not fooled where the plain quotient rounds up to a whole number.</summary>
    private static double FloorDivide(double dividend, double divisor) =>
        Math.Round((dividend - dividend % divisor) / divisor);
}
