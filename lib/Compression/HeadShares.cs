namespace HeadKvLab.Compression;

/// <summary>How much of a prompt each KV head keeps under a budget, measured once for a model: <see cref="UtilityCurves"/>, <see cref="RemovalCurves"/>.</summary>
public abstract class HeadShares : ICalibrationTable
{
    /// <inheritdoc/>
    public abstract int Layers { get; }

    /// <summary>KV heads of a layer.</summary>
    public abstract int Heads { get; }

    /// <inheritdoc/>
    public abstract string Hash { get; }

    /// <inheritdoc/>
    public string? Source { get; init; }

    /// <inheritdoc/>
    public abstract ICalibrationTable Among(IReadOnlyList<int> layers);

    /// <summary>Entries that each head keeps, window excluded, <c>[layer, head]</c>; where query heads own entries, each as many as its KV head.</summary>
    /// <param name="frame">Sizes of the model, the prompt and the budget.</param>
    /// <exception cref="LabException">The table has other layers or heads than the model.</exception>
    public double[] Keep(in BudgetFrame frame)
    {
        if (Layers != frame.Layers || frame.Heads % Heads != 0)
            throw new LabException($"{Source ?? "shares of the heads"}: describes {Layers} layers of {Heads} KV heads, the model has {frame.Layers} of {frame.Heads}: use a table measured on this model (`lab heads utility`)");
        var (entries, group) = (Entries(frame), frame.Heads / Heads);
        return group == 1 ? entries : [.. entries.SelectMany(kept => Enumerable.Repeat(kept, group))];
    }

    /// <summary>The same by KV heads, for a model of as many.</summary>
    protected abstract double[] Entries(in BudgetFrame frame);
}
