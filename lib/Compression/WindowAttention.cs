using System.Runtime.InteropServices;
using HeadKvLab.Cache;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Compression;

/// <summary>
/// Attention of the prompt's last queries, reduced to one number per head and position: what SnapKV, H2O and TOVA start from.
/// Where all queries vote and the prefill has added up what they gave, that is taken. Else queries attend again, in chunks, so that no more than
/// <see cref="ChunkNumbers"/> probabilities exist at a time.
/// </summary>
internal static class WindowAttention
{
    /// <summary>Most attention probabilities held at once: 64 MB of float32.</summary>
    private const long ChunkNumbers = 16L << 20;

    /// <summary>Fills <paramref name="scores"/> with the attention each position received, averaged over the last <paramref name="rows"/> queries.</summary>
    /// <param name="layer">Keys of all n positions and at least <paramref name="rows"/> last queries.</param>
    /// <param name="rows">Queries that vote.</param>
    /// <param name="reduction">How query heads become KV heads, where <paramref name="scores"/> has KV heads.</param>
    /// <param name="scores">Mean attention probability, <c>[head, position]</c>.</param>
    public static void Mean(in LayerView layer, int rows, GroupReduction reduction, HeadRows<float> scores)
    {
        using var nograd = no_grad();
        using var scope = NewDisposeScope();
        Reduce(layer, Sum(layer, rows, AttentionSum.Received).div(rows), reduction, scores);
    }

    /// <summary>Fills <paramref name="scores"/> with one number for each head that owns entries.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="numbers">Those of the query heads, <c>[queryHead, position]</c>.</param>
    /// <param name="reduction">How query heads become KV heads, where <paramref name="scores"/> has KV heads.</param>
    /// <param name="scores"><c>[head, position]</c>.</param>
    public static void Reduce(in LayerView layer, Tensor numbers, GroupReduction reduction, HeadRows<float> scores)
    {
        var (queryHeads, kvHeads) = (numbers.shape[0], layer.Keys.shape[0]);
        var groups = numbers.view(kvHeads, queryHeads / kvHeads, layer.Length);
        if (scores.Heads != queryHeads)
            groups = reduction switch
            {
                GroupReduction.Mean => groups.mean([1]),
                GroupReduction.Max => groups.amax([1]),
                _ => groups.sum(1),
            };
        MemoryMarshal.Cast<byte, float>(groups.contiguous().bytes).CopyTo(scores.All);
    }

    /// <summary>Gives every head the numbers of the KV head whose keys it reads, <c>[kvHead, position]</c>.</summary>
    public static void Spread(in LayerView layer, Tensor numbers, HeadRows<float> scores)
    {
        var whole = numbers.contiguous();
        var source = MemoryMarshal.Cast<byte, float>(whole.bytes);
        for (var h = 0; h < scores.Heads; h++) source.Slice(scores.KvHead(h, layer) * scores.Length, scores.Length).CopyTo(scores[h]);
    }

    /// <summary>A sum over the last <paramref name="rows"/> queries, <c>[queryHead, position]</c>: the prefill's where all of them count and it was asked for.</summary>
    /// <param name="layer">Keys of all n positions, or of the entries, and at least <paramref name="rows"/> last queries, or the sum.</param>
    /// <param name="rows">Queries that vote.</param>
    /// <param name="wanted">What is summed.</param>
    /// <exception cref="InvalidOperationException">Fewer queries were handed over.</exception>
    public static Tensor Sum(in LayerView layer, int rows, AttentionSum wanted)
    {
        if (rows == layer.Tokens && layer.Sum(wanted) is { } sum) return sum;
        var seen = layer.Queries.shape[1];
        if (rows > seen) throw new InvalidOperationException($"layer {layer.Layer}: {rows} queries vote, the prefill handed over {seen}");
        return layer.Positions is null || wanted is { Skip: 0, Band: 1 } ? Attend(layer, rows, wanted)
            : throw new InvalidOperationException($"layer {layer.Layer}: a sum over some of a position's queries is kept beside the entries, and was not asked for");
    }

    private static Tensor Attend(in LayerView layer, int rows, AttentionSum wanted)
    {
        var n = layer.Length;
        var sum = zeros(layer.Queries.shape[0], n);
        Rows(layer, rows, (weights, ahead) => sum.add_(wanted.Over(weights, ahead, n)));
        return sum;
    }

    /// <summary>Hands out the attention of the last <paramref name="rows"/> queries, some at a time, in order.</summary>
    /// <param name="layer">Keys of all n positions, or of the entries, and at least <paramref name="rows"/> last queries.</param>
    /// <param name="rows">Queries that vote.</param>
    /// <param name="take">Takes the softmax of some queries, <c>[queryHead, query, position]</c>, and how many positions lie before the first of them.</param>
    internal static void Rows(in LayerView layer, int rows, Action<Tensor, long> take)
    {
        var (kvHeads, n, dim) = (layer.Keys.shape[0], layer.Length, layer.Keys.shape[2]);
        var (queryHeads, seen) = (layer.Queries.shape[0], (int)layer.Queries.shape[1]);
        var group = queryHeads / kvHeads;
        var chunk = (int)Math.Clamp(ChunkNumbers / (queryHeads * n), 1, rows);
        var keys = layer.Keys.transpose(1, 2); // [kvHead, dim, position]
        for (var first = 0; first < rows; first += chunk)
        {
            using var step = NewDisposeScope();
            var count = Math.Min(chunk, rows - first);
            var queries = layer.Queries.narrow(1, seen - rows + first, count).mul(layer.Scale).reshape(kvHeads, group * count, dim);
            var logits = queries.bmm(keys).view(queryHeads, count, n); // [queryHead, query, position]
            if (layer.Positions is null) Mask(logits, n - rows + first, layer.SlidingWindow);
            else MaskEntries(logits.view(kvHeads, group, count, n), layer, layer.Tokens - rows + first);
            take(logits.softmax(2), n - rows + first);
        }
    }

    /// <summary>Hides the positions that lie after each query, or before its window; query i stands at <paramref name="position"/> + i.</summary>
    private static void Mask(Tensor logits, int position, int? slidingWindow)
    {
        var (count, n) = (logits.shape[1], logits.shape[2]);
        if (slidingWindow is { } window && position + count > window)
        {
            var passed = position + count - window; // positions that the last query no longer sees
            logits.narrow(2, 0, passed).masked_fill_(ones(count, passed, dtype: ScalarType.Bool).tril(position - window), float.MinValue);
        }
        if (position + 1 >= n) return;
        var tail = logits.narrow(2, position + 1, n - position - 1);
        var later = ones(count, n - position - 1, dtype: ScalarType.Bool).tril(-1).logical_not(); // query i sees the first i of these
        tail.masked_fill_(later, float.MinValue);
    }

    /// <summary>The same for entries, by where they stand in the text: a query does not see what came after it, however few entries lie between.</summary>
    private static void MaskEntries(Tensor logits, in LayerView layer, int position)
    {
        var (heads, count, n) = ((int)logits.shape[0], (int)logits.shape[2], (int)logits.shape[3]);
        var (entries, queries) = (BeforeRope.Stands(layer).view(heads, 1, 1, n), arange(position, position + count, dtype: ScalarType.Int32).view(1, 1, count, 1));
        var hidden = entries > queries;
        if (layer.SlidingWindow is { } window) hidden = hidden.logical_or(entries <= queries - window);
        logits.masked_fill_(hidden, float.MinValue);
    }

    /// <summary>Gives every head the mean of all heads.</summary>
    internal static void Average(HeadRows<float> scores)
    {
        var first = scores[0];
        for (var h = 1; h < scores.Heads; h++)
            for (var j = 0; j < first.Length; j++) first[j] += scores[h][j];
        for (var j = 0; j < first.Length; j++) first[j] /= scores.Heads;
        for (var h = 1; h < scores.Heads; h++) first.CopyTo(scores[h]);
    }
}
