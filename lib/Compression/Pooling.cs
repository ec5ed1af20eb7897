namespace HeadKvLab.Compression;

/// <summary>How a position's score takes its neighbours in.</summary>
public enum PoolingKind
{
    /// <summary>Largest of the neighbourhood; what lies outside the prompt counts as minus infinity.</summary>
    Max,

    /// <summary>Mean of the neighbourhood; what lies outside counts as zeros IN the divisor, so that borders are lowered.</summary>
    [Named("avg", "average")]
    Average,
}

/// <summary>Pooling of scores along positions: stride 1, the same length out as in, padding half the kernel.</summary>
/// <param name="Kernel">Positions in a neighbourhood, odd; 1 changes nothing.</param>
/// <param name="Kind">Largest or mean.</param>
public sealed record Pooling(int Kernel = 7, PoolingKind Kind = PoolingKind.Max)
{
    /// <summary>Positions in a neighbourhood.</summary>
    public int Kernel { get; } = Kernel >= 1 && Kernel % 2 == 1 ? Kernel
        : throw new LabException($"pooling kernel {Kernel}: give an odd number of 1 or more, so that a neighbourhood has a middle; 7 is the paper's");

    /// <summary>Pools one row in place.</summary>
    /// <param name="scores">Scores, <c>[position]</c>.</param>
    public void Apply(Span<float> scores)
    {
        if (Kernel == 1 || scores.IsEmpty) return;
        var half = Kernel / 2;
        Span<float> pooled = new float[scores.Length];
        if (Kind == PoolingKind.Max) scores.CopyTo(pooled);
        else Divide(scores, pooled);
        for (var offset = 1; offset <= half && offset < scores.Length; offset++)
        {
            Take(scores[offset..], pooled[..^offset]);
            Take(scores[..^offset], pooled[offset..]);
        }
        pooled.CopyTo(scores);
    }

    private void Take(ReadOnlySpan<float> neighbours, Span<float> pooled)
    {
        if (Kind == PoolingKind.Max)
            for (var j = 0; j < pooled.Length; j++) pooled[j] = Math.Max(pooled[j], neighbours[j]);
        else
            for (var j = 0; j < pooled.Length; j++) pooled[j] += neighbours[j] / Kernel;
    }

    private void Divide(ReadOnlySpan<float> scores, Span<float> pooled)
    {
        for (var j = 0; j < pooled.Length; j++) pooled[j] = scores[j] / Kernel;
    }
}
