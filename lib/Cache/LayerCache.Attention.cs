using System.Runtime.CompilerServices;
using HeadKvLab.Kernels;

namespace HeadKvLab.Cache;

/// <content>Attention over the entries, and the bytes it touches.</content>
public sealed unsafe partial class LayerCache
{
    /// <summary>Bytes that all tokens together have read since the cache, or this copy of it, was made: the entries, and what was read to choose them.</summary>
    public long TouchedBytes { get; private set; }

    /// <summary>Tokens that have attended since then.</summary>
    public long AttendedTokens { get; private set; }

    /// <summary>Attention of one token's queries over the stored entries.</summary>
    /// <param name="queries">Queries after RoPE, <c>[queryHead * dim]</c>.</param>
    /// <param name="output">Attention output, same shape.</param>
    /// <param name="scale">Factor of the logits, 1/sqrt(dim) in ordinary models.</param>
    /// <param name="slidingWindow">
    /// Positions the token sees, itself (the last entry of every head) included; null: all that are stored. A summary is seen as long as the window
    /// reaches back to the beginning of the text.
    /// </param>
    /// <param name="weights">Receives the attention weights as <see cref="StepWeights"/> lays them out, at least <see cref="WeightsOf"/> numbers; empty: nobody wants them.</param>
    /// <param name="sum">Added to the first marks of the entries, one for each query head that shares them; <paramref name="weights"/> are then scratch. Null: nothing.</param>
    [SkipLocalsInit]
    public void Attend(ReadOnlySpan<float> queries, Span<float> output, float scale, int? slidingWindow = null, Span<float> weights = default, StepSum? sum = null)
    {
        CheckAlive();
        var group = queries.Length / Dim / Heads;
        if (sum is not null && (weights.IsEmpty || MarkCount < group)) throw new ArgumentException($"layer {_layer}: a sum over {group} query heads beside {MarkCount} marks, and room for {weights.Length} weights", nameof(sum));
        if (!weights.IsEmpty && weights.Length < group * Entries) throw new ArgumentException($"layer {_layer}: room for {weights.Length} weights of {group * Entries}", nameof(weights));
        var runs = Aligned(Heads <= MostOnStack ? stackalloc Run[Heads + 1] : GC.AllocateUninitializedArray<Run>(Heads + 1, pinned: true)); // another thread reads some of them
        Span<RunSum> sums = sum is null ? [] : Heads <= MostOnStack ? stackalloc RunSum[Heads] : new RunSum[Heads];
        fixed (RunSum* heads = sums)
        fixed (float* rows = weights)
        {
            AttendedTokens++;
            if (Recall is { } recall && AttendChosen(recall, queries, output, scale, slidingWindow, rows, sum)) return;
            if (_latent is { } store)
            {
                if (rows != null) RefuseSealed("attention weights are asked for");
                AttendLatent(store, queries, output, scale, slidingWindow);
                return;
            }
            if (_blocks.Length > 0)
            {
                if (sum is not null) RefuseSealed("attention is added up beside the entries");
                AttendSealed(queries, output, scale, slidingWindow, rows);
                return;
            }
            var seen = rows == null && Near is null ? RunsOf(runs, slidingWindow) : RunsOf(runs, slidingWindow, rows, group, heads, sum);
            TouchedBytes += seen * _cache.Shape.EntryBytes;
            RaggedAttention.Decode(queries, new RaggedHeads(runs, [], _cache.Shape.Format, Dim), output, scale);
        }
        GC.KeepAlive(this); // else the collector may free the rows under the kernel, where this is the last use of the cache
    }

    /// <summary>Writes the run of each head that a token sees, where nobody wants the weights: what most tokens do, and short heads notice.</summary>
    /// <returns>Their entries.</returns>
    private long RunsOf(Span<Run> runs, int? slidingWindow)
    {
        var (rowBytes, seen) = (RowBytes, 0L);
        for (var h = 0; h < runs.Length; h++)
        {
            var skipped = FirstSeen(h, slidingWindow);
            var (at, count) = ((_offsets[h] + skipped) * rowBytes, _counts[h] - skipped);
            runs[h] = new(_keyData + at, _valueData + at, count, skipped == 0 ? _bias[h] : 0);
            seen += count;
        }
        return seen;
    }

    /// <summary>The same with room for the weights, or their sums, of each head; or of copies, where all entries were chosen and lie far.</summary>
    private long RunsOf(Span<Run> runs, int? slidingWindow, float* row, int group, RunSum* heads, StepSum? sum)
    {
        var seen = 0L;
        for (var h = 0; h < runs.Length; h++)
        {
            runs[h] = RunOf(h, slidingWindow, row);
            seen += runs[h].Count;
            if (row == null) continue;
            if (sum is { } wanted)
            {
                heads[h] = SumOf(wanted, h, 0);
                runs[h] = runs[h] with { Sum = heads + h, Before = _counts[h] - runs[h].Count };
            }
            else
                for (var g = 0; g < group; g++) new Span<float>(row + (long)g * _counts[h], _counts[h] - runs[h].Count).Clear();
            row += (long)group * _counts[h];
        }
        return seen;
    }

    /// <summary>All but one of them, which stay where they are, from the first on that begins a line of the processor's cache: each is as long as one.</summary>
    private static Span<Run> Aligned(Span<Run> runs)
    {
        var start = (byte*)Unsafe.AsPointer(ref runs[0]);
        return new((byte*)(((nint)start + sizeof(Run) - 1) / sizeof(Run) * sizeof(Run)), runs.Length - 1);
    }

    /// <summary>Numbers that the attention weights of a token take.</summary>
    /// <param name="queryHeads">Query heads of the layer.</param>
    public int WeightsOf(int queryHeads) => checked((int)(queryHeads / Heads * Entries));

    /// <summary>The entries of a head that a token sees.</summary>
    private Run RunOf(int head, int? slidingWindow, float* weights)
    {
        var skipped = FirstSeen(head, slidingWindow);
        if (Near is not null) return Gather(head, [new(skipped, _counts[head] - skipped)], _cache.Choice, weights); // a recall chose all of them
        var at = (_offsets[head] + skipped) * RowBytes;
        return new(_keyData + at, _valueData + at, _counts[head] - skipped, skipped == 0 ? _bias[head] : 0, weights == null ? null : weights + skipped, _counts[head]);
    }

    /// <summary>Index of the first entry of a head that the token sees whose own entry is the last.</summary>
    private int FirstSeen(int head, int? slidingWindow) =>
        slidingWindow is { } window && Positions(head) is { IsEmpty: false } positions ? FirstAfter(positions, positions[^1] - window) : 0;

    /// <summary>Index of the first of ascending <paramref name="positions"/> that is later than <paramref name="position"/>.</summary>
    internal static int FirstAfter(ReadOnlySpan<int> positions, int position)
    {
        var at = positions.BinarySearch(position);
        return at >= 0 ? at + 1 : ~at;
    }
}
