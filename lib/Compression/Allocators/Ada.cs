namespace HeadKvLab.Compression.Allocators;

/// <summary>
/// Ada-KV: inside a layer, heads compete for H * b' entries by score; a floor mixes the outcome with uniform.
/// k[h] = how many of the layer's H * b' highest scores belong to head h; c[h] = k[h] (1 - f) + floor(b' f), half to even.
/// Optional normalisation multiplies head h by (sum of its b' largest) / (sum of all) before the competition.
/// Paper: Ada-KV (arXiv 2407.11550); FFY0/AdaKV without, FYYFU/HeadKV with normalisation (the default here, as in the paper's
/// comparison). The authors sort all scores; a radix search finds the same heads' counts in linear time.
/// </summary>
/// <param name="Floor">f, the share of uniform, 0 to 1; 0.2 in the published runs.</param>
/// <param name="Normalize">Whether heads are scaled by the concentration of their scores first.</param>
public sealed record Ada(double Floor = 0.2, bool Normalize = true) : IAllocator
{
    /// <summary>f, the share of uniform.</summary>
    public double Floor { get; } = Floor is >= 0 and <= 1 ? Floor
        : throw new LabException(FormattableString.Invariant($"Ada floor {Floor}: give a share from 0 to 1; 0.2 is the paper's"));

    /// <inheritdoc/>
    public AllocationScope Scope => AllocationScope.Layer;

    /// <inheritdoc/>
    public void Allocate(in BudgetFrame frame, HeadRows<float> scores, Allotment allotment)
    {
        var perHead = Math.Min(frame.Selectable, frame.Candidates);
        var won = Competition(scores, perHead);
        var floor = Math.Floor(frame.Selectable * Floor);
        for (var h = 0; h < won.Length; h++)
        {
            allotment.Requested[h] = won[h] * (1 - Floor) + floor;
            allotment.Weights[h] = allotment.Requested[h];
        }
    }

    /// <summary>How many of the <c>heads * perHead</c> highest scores each head owns; the sum is exact.</summary>
    internal int[] Competition(HeadRows<float> scores, int perHead)
    {
        var heads = scores.Heads;
        var field = new float[heads * scores.Length]; // [candidate, head]: of equal scores the later position wins, whichever the head
        var best = new int[Math.Max(heads * perHead, scores.Length)];
        for (var h = 0; h < heads; h++)
        {
            var factor = Normalize ? Concentration(scores[h], perHead, best) : 1;
            for (var j = 0; j < scores.Length; j++) field[j * heads + h] = scores[h][j] * factor;
        }
        var won = new int[heads];
        foreach (var winner in best.AsSpan(0, Selection.Best(field, heads * perHead, best))) won[winner % heads]++;
        return won;
    }

    /// <summary>The share of a head's mass that its best entries hold.</summary>
    private static float Concentration(ReadOnlySpan<float> head, int perHead, Span<int> best)
    {
        double all = 0, kept = 0;
        foreach (var score in head) all += score;
        foreach (var j in best[..Selection.Best(head, perHead, best)]) kept += head[j];
        return all > 0 ? (float)(kept / all) : 1;
    }
}
