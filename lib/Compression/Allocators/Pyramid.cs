namespace HeadKvLab.Compression.Allocators;

/// <summary>
/// PyramidKV: lower layers get more, in an arithmetic series with the same sum as uniform.
/// lo = floor(b' / beta); hi = 2 b' - lo; if hi >= n - alpha then hi = n - alpha and lo = 2 b' - hi;
/// step = floor((hi - lo) / (L - 1)); c[l] = hi - l * step.
/// Paper: PyramidKV (arXiv 2406.02069). The schedule is recomputed for every prompt, as KVCache-Factory does; the HeadKV and
/// AdaKV repositories fix it by the first prompt they see. Because of the floor the sum can exceed b' L by up to (L - 1) L / 2.
/// </summary>
/// <param name="Beta">Divisor of the smallest layer budget; 20 in the paper's runs.</param>
public sealed record Pyramid(int Beta = 20) : IAllocator
{
    /// <summary>Divisor of the smallest layer budget.</summary>
    public int Beta { get; } = Beta >= 1 ? Beta : throw new LabException($"pyramid beta {Beta}: give a whole number of 1 or more; 20 is the paper's");

    /// <inheritdoc/>
    public AllocationScope Scope => AllocationScope.Model;

    /// <inheritdoc/>
    public void Allocate(in BudgetFrame frame, HeadRows<float> scores, Allotment allotment)
    {
        var low = frame.Selectable / Beta;
        var high = 2 * frame.Selectable - low;
        if (high >= frame.Candidates)
        {
            high = frame.Candidates;
            low = 2 * frame.Selectable - high;
        }
        var step = frame.Layers == 1 ? 0 : (int)Math.Floor((high - low) / (double)(frame.Layers - 1));
        for (var layer = 0; layer < frame.Layers; layer++)
            allotment.Requested.Slice(layer * frame.Heads, frame.Heads).Fill(frame.Layers == 1 ? frame.Selectable : high - layer * step);
        allotment.Requested.CopyTo(allotment.Weights);
    }
}
