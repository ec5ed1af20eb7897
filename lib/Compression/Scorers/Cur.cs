using System.Runtime.InteropServices;
using HeadKvLab.Cache;
using static TorchSharp.torch;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// CUR: approximate leverage of keys and values among their neighbours.
/// score[j] = (|k[j]|^2 / sum over the block of j of |k|^2) (|v[j]|^2 / the same of values), divided by the head's sum; the first <paramref name="Sinks"/> positions get 1.
/// Paper: Value-Guided KV Compression by approximated CUR decomposition (arXiv 2509.15038); formula of kvpress' <c>cur_press</c>: blocks of 16, the last one may be short, so
/// that its positions score higher. A block without length counts as 0. Needs no attention weights. Cost: 2 n d per head.
/// </summary>
/// <param name="Block">Positions whose squares are compared.</param>
/// <param name="Sinks">First tokens kept.</param>
public sealed record Cur(int Block = 16, int Sinks = 4) : IScorer
{
    /// <summary>Positions whose squares are compared.</summary>
    public int Block { get; } = Block >= 1 ? Block : throw new LabException($"CUR's blocks of {Block} positions: give 1 or more; kvpress takes 16");

    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => ScorerNeeds.None;

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        using var nograd = no_grad();
        using var scope = NewDisposeScope();
        var (keys, values) = (Squares(layer.Keys), Squares(layer.Values));
        for (var h = 0; h < scores.Heads; h++)
        {
            var head = scores.KvHead(h, layer);
            var row = scores[h];
            row.Fill(1);
            foreach (var squares in (float[][])[keys, values]) Weigh(row, squares.AsSpan(head * row.Length, row.Length));
            double sum = 0;
            foreach (var score in row) sum += score;
            for (var j = 0; j < row.Length; j++) row[j] = layer.Position(head, j) < Sinks ? 1 : sum > 0 ? (float)(row[j] / sum) : 0;
        }
    }

    /// <summary>Multiplies each position by its part of its block.</summary>
    private void Weigh(Span<float> row, ReadOnlySpan<float> squares)
    {
        for (var first = 0; first < row.Length; first += Block)
        {
            var block = squares.Slice(first, Math.Min(Block, row.Length - first));
            var total = 0.0;
            foreach (var square in block) total += square;
            for (var j = 0; j < block.Length; j++) row[first + j] *= total > 0 ? (float)(block[j] / total) : 0;
        }
    }

    private static float[] Squares(Tensor rows) => MemoryMarshal.Cast<byte, float>(rows.mul(rows).sum(2).contiguous().bytes).ToArray();
}
