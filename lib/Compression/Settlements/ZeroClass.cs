using HeadKvLab.Cache;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Compression.Settlements;

/// <summary>
/// EMS: dropped entries are merged into the kept one that is most alike, or vanish into the zero class where none is alike enough. Reconstructed "after EMS"
/// (Evict-then-Merge, arXiv 2412.08521; its code is not public): of each head's candidates in the order of their scores s the first c are kept and are the centres;
/// the next ones are merged until both hold the share <paramref name="Coverage"/> of the head's score, at most 4 c of them; the rest is dropped.
/// sim(i, j) = cos(k_i, k_j) cos(v_i, v_j), -1 where both cosines are negative; i joins the centre of the largest sim, ties to the later one, if that is above
/// <paramref name="Threshold"/>. A centre's key becomes nu u / |u| with u = sum s k / |k| / sum s and nu = sum s |k| / sum s over itself and those that joined it, its
/// value sum s v / sum s. Positions, entries and bytes stay. The window is stored as it is and is no centre. Cost: merged x c x 2 dim per head.
/// </summary>
/// <param name="Threshold">tau, similarity of the zero class, -1 to 1: 1 merges nothing.</param>
/// <param name="Coverage">sigma, share of a head's score that is kept or merged, 0 to 1.</param>
public sealed record ZeroClass(double Threshold = 0.6, double Coverage = 0.95) : ISettlement
{
    private const int MostPerCentre = 4;

    /// <summary>Similarity of the zero class.</summary>
    public double Threshold { get; } = Threshold is >= -1 and <= 1 ? Threshold
        : throw new LabException(FormattableString.Invariant($"similarity of the zero class {Threshold}: give a number from -1 to 1"));

    /// <summary>Share of a head's score that is kept or merged.</summary>
    public double Coverage { get; } = Coverage is >= 0 and <= 1 ? Coverage
        : throw new LabException(FormattableString.Invariant($"coverage {Coverage}: give a share from 0 to 1"));

    /// <inheritdoc/>
    public bool AddsEntry => false;

    /// <inheritdoc/>
    public void Settle(in LayerView layer, HeadRows<float> scores, int window, KeptRows rows)
    {
        for (var head = 0; head < rows.Heads; head++)
        {
            int[] centres = [.. rows.Positions(head)[..^window]];
            var merged = Merged(scores[head][..^window], centres);
            if (merged.Length > 0) Merge(rows, head, scores[head], centres, merged);
        }
    }

    /// <summary>The candidates after the centres, in the order of their scores, that are merged.</summary>
    private int[] Merged(ReadOnlySpan<float> scores, int[] centres)
    {
        double all = 0, held = 0;
        foreach (var score in scores) all += Weight(score);
        foreach (var centre in centres) held += Weight(scores[centre]);
        var most = Math.Min(scores.Length, (MostPerCentre + 1) * centres.Length);
        var best = new int[most];
        Selection.Best(scores, most, best);
        var keys = new (float, int)[most - centres.Length];
        var (count, next) = (0, 0);
        foreach (var position in best)
        {
            if (next < centres.Length && centres[next] == position) next++;
            else keys[count++] = (-(float)Weight(scores[position]), -position);
        }
        Array.Sort(keys);
        var merged = new List<int>();
        foreach (var (weight, position) in keys)
        {
            if (held >= Coverage * all || weight == 0) break;
            held -= weight;
            merged.Add(-position);
        }
        return [.. merged];
    }

    private void Merge(KeptRows rows, int head, ReadOnlySpan<float> scores, int[] centres, int[] merged)
    {
        var joined = Joined(rows, head, centres, merged);
        var dim = rows.Dim;
        var keys = rows.PromptKeys(head);
        var values = rows.PromptValues(head);
        foreach (var centre in joined.Where(c => c >= 0).Distinct().Order())
        {
            int[] members = [centres[centre], .. merged.Where((_, i) => joined[i] == centre)];
            var (direction, value) = (new double[dim], new double[dim]);
            double norm = 0, weights = 0;
            foreach (var member in members)
            {
                var key = keys.Slice(member * dim, dim);
                var (length, weight) = (Length(key), Weight(scores[member]));
                for (var i = 0; i < dim; i++)
                {
                    if (length > 0) direction[i] += weight * key[i] / length;
                    value[i] += weight * values[member * dim + i];
                }
                norm += weight * length;
                weights += weight;
            }
            var size = Math.Sqrt(direction.Sum(x => x * x));
            var first = centre * dim;
            var keyRows = rows.Keys(head);
            for (var i = 0; i < dim && size > 0; i++) keyRows[first + i] = (float)(norm / weights * direction[i] / size);
            var valueRows = rows.Values(head);
            for (var i = 0; i < dim; i++) valueRows[first + i] = (float)(value[i] / weights);
        }
    }

    /// <summary>The centre that each merged entry joins; -1: none.</summary>
    private int[] Joined(KeptRows rows, int head, int[] centres, int[] merged)
    {
        using var nograd = no_grad();
        using var scope = NewDisposeScope();
        var byKey = Cosines(rows.PromptKeys(head), rows.Dim, centres, merged);
        var byValue = Cosines(rows.PromptValues(head), rows.Dim, centres, merged);
        var alike = where(byKey.lt(0).logical_and(byValue.lt(0)), full_like(byKey, -1), byKey * byValue).data<float>().ToArray();
        var joined = new int[merged.Length];
        for (var m = 0; m < merged.Length; m++)
        {
            var (best, most) = (-1, (float)Threshold);
            for (var c = 0; c < centres.Length; c++)
                if (alike[m * centres.Length + c] is var one && (one > most || (best >= 0 && one == most))) (best, most) = (c, one);
            joined[m] = best;
        }
        return joined;
    }

    /// <summary>Cosines of merged rows with centres, <c>[merged, centre]</c>, -1 to 1; 0 where a row is zero.</summary>
    private static Tensor Cosines(ReadOnlySpan<float> rows, int dim, int[] centres, int[] merged) =>
        Directions(rows, dim, merged).mm(Directions(rows, dim, centres).t()).clamp(-1, 1);

    private static Tensor Directions(ReadOnlySpan<float> rows, int dim, int[] positions)
    {
        var chosen = new float[positions.Length * dim];
        for (var i = 0; i < positions.Length; i++)
        {
            var row = rows.Slice(positions[i] * dim, dim);
            var length = Length(row);
            for (var d = 0; d < dim && length > 0; d++) chosen[i * dim + d] = (float)(row[d] / length);
        }
        return tensor(chosen, positions.Length, dim);
    }

    private static double Length(ReadOnlySpan<float> row)
    {
        double sum = 0;
        foreach (var x in row) sum += (double)x * x;
        return Math.Sqrt(sum);
    }

    /// <summary>A score as a weight: NaN and what is below 0 weigh nothing.</summary>
    private static double Weight(float score) => score > 0 ? score : 0;
}
