using System.Runtime.InteropServices;
using HeadKvLab.Cache;
using static TorchSharp.torch;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// Compactor: keys that stand out from the others, and what attention in both directions gives to them.
/// leverage[j] = x[j]' (X'X + 0.01)^-1 x[j] with X the keys before RoPE, centred; attention[j] = pool of |v[j]| sum over the queries of a chunk of 256 of softmax(q k)[j], without a mask
/// or a scale, mean over the group; both less their mean and divided by their deviation over all heads of the layer. score[j] = blend * leverage[j] + attention[j].
/// The first 8 and the last 4 positions are kept and left out. Paper: Compactor (arXiv 2507.08143); kvpress' <c>compactor_press</c>, whose blend is the share that is removed, near 1 at
/// small budgets. It approximates the leverage by 48 random directions, which is exact here. It serves prompts alone; while text is generated the last 256 queries attend to
/// all chunks here. Cost: 256 n d per query head and n d * d per KV head.
/// </summary>
/// <param name="Blend">Weight of the leverage.</param>
public sealed record Compactor(double Blend = 1) : IScorer
{
    private const int First = 8, Last = 4, Chunk = 256;
    private const double Ridge = 0.01, SmallestDeviation = 1e-6;

    private static readonly Pooling Pool = new(3, PoolingKind.Average);

    /// <summary>Weight of the leverage.</summary>
    public double Blend { get; } = Blend >= 0 ? Blend : throw new LabException(FormattableString.Invariant($"blend {Blend}: give 0 or more; kvpress takes the share that is removed"));

    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => BeforeRope.Needs;

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        using var nograd = no_grad();
        using var scope = NewDisposeScope();
        scores.All.Clear();
        var first = layer.Length;                                    // entries that every head keeps at its beginning
        for (var head = 0; head < (int)layer.Keys.shape[0]; head++)
        {
            var sinks = 0;
            while (sinks < first && layer.Position(head, sinks) < First) sinks++;
            first = sinks;
        }
        if (layer.Length - Last - first is var count && count > 0)
        {
            WindowAttention.Reduce(layer, Attention(layer, first, count), GroupReduction.Mean, scores);
            for (var h = 0; h < scores.Heads; h++) Pool.Apply(scores[h].Slice(first, count));
            Standardise(scores, first, count);
            var leverage = new HeadRows<float>(Leverage(BeforeRope.Keys(layer).narrow(1, first, count)), (int)layer.Keys.shape[0], count);
            Standardise(leverage, 0, count);
            for (var h = 0; h < scores.Heads; h++)
                for (var j = 0; j < count; j++) scores[h][first + j] += (float)Blend * leverage[scores.KvHead(h, layer)][j];
        }
        KeyRows.Protect(layer, scores, First, Last);
    }

    /// <summary>How far each row stands out from all of them, <c>[head, row]</c>.</summary>
    /// <param name="rows"><c>[head, row, dim]</c>.</param>
    internal static float[] Leverage(Tensor rows)
    {
        var apart = (rows - rows.mean([1], keepdim: true)).to(ScalarType.Float64);
        var spread = apart.transpose(1, 2).bmm(apart) + eye(rows.shape[2], dtype: ScalarType.Float64) * Ridge;
        return MemoryMarshal.Cast<byte, float>(KeyRows.Quadratic(apart, spread.inverse()).to(ScalarType.Float32).contiguous().bytes).ToArray();
    }

    /// <summary>What the queries of each chunk give to its keys, times the values' lengths, <c>[queryHead, position]</c>.</summary>
    private static Tensor Attention(in LayerView layer, int from, int count)
    {
        var (kvHeads, queries) = (layer.Keys.shape[0], BeforeRope.OfAllPositions(layer));
        var received = zeros(kvHeads, queries.shape[0] / kvHeads, layer.Length);
        for (var first = from; first < from + count; first += Chunk)
        {
            using var step = NewDisposeScope();
            var keys = layer.Keys.narrow(1, first, Math.Min(Chunk, from + count - first));
            var rows = (layer.Positions is null ? queries.narrow(1, first, keys.shape[1]) : queries).reshape(kvHeads, -1, keys.shape[2]);
            received.narrow(2, first, keys.shape[1]).add_(rows.bmm(keys.transpose(1, 2)).softmax(2).view(kvHeads, received.shape[1], -1, keys.shape[1]).sum(2));
        }
        return (received * KeyRows.Lengths(layer.Values)).flatten(0, 1);
    }

    /// <summary>Takes the mean of all rows away and divides by their deviation.</summary>
    private static void Standardise(HeadRows<float> rows, int first, int count)
    {
        double sum = 0, squares = 0;
        for (var h = 0; h < rows.Heads; h++)
            foreach (var x in rows[h].Slice(first, count)) sum += x;
        var mean = sum / ((double)rows.Heads * count);
        for (var h = 0; h < rows.Heads; h++)
            foreach (var x in rows[h].Slice(first, count)) squares += (x - mean) * (x - mean);
        var deviation = Math.Max(SmallestDeviation, Math.Sqrt(squares / Math.Max(1, (double)rows.Heads * count - 1)));
        for (var h = 0; h < rows.Heads; h++)
            foreach (ref var x in rows[h].Slice(first, count)) x = (float)((x - mean) / deviation);
    }
}
