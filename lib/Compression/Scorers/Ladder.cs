using System.Runtime.InteropServices;
using HeadKvLab.Cache;
using static TorchSharp.torch;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// FastGen's ranking: special tokens, then punctuation, then what all queries attended to most, then the latest tokens, then the rest.
/// score[j] = rank of j, 0 the lowest: special > punctuation > frequent > local (later first) > rest, inside the others by f[j] = sum over all queries and the
/// group's query heads of softmax(q k / sqrt(d))[j]; frequent: the ceil(r_f n) largest f of all tokens; local: the last max(1, floor(r_l n)).
/// Paper: Model Tells You What to Discard (arXiv 2310.01801), both shares 0.3; the authors skip grouped queries: the group's sum is ours. Each rung of the ladder is
/// a beginning of this order; how far down a head goes is another's to say, from <see cref="Rungs"/>. Cost: two sums in the prefill, n log n per head.
/// </summary>
/// <param name="Local">r_l, the local tokens' share of the prompt, 0 to 1.</param>
/// <param name="Frequent">r_f, the frequent tokens' share of the prompt, 0 to 1.</param>
public sealed record Ladder(double Local = 0.3, double Frequent = 0.3) : IScorer
{
    /// <summary>Rungs of which each keeps part of the prompt; one more keeps all.</summary>
    internal const int Rests = 4;

    private readonly AttentionSum _near = AttentionSum.Near(Local);

    /// <summary>The local tokens' share of the prompt.</summary>
    public double Local { get; } = Local;

    /// <summary>The frequent tokens' share of the prompt.</summary>
    public double Frequent { get; } = Frequent is >= 0 and <= 1 ? Frequent
        : throw new LabException(FormattableString.Invariant($"frequent tokens: a share of {Frequent} of the prompt: give 0 to 1; 0.3 is the paper's"));

    /// <summary>Local tokens of a text of n.</summary>
    internal int Width(int n) => _near.Width(n);

    /// <summary>Frequent tokens of a text of n.</summary>
    internal int FrequentOf(int n) => (int)Math.Ceiling((decimal)Frequent * n);

    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => new() { Sums = [AttentionSum.Received, _near], Kinds = true };

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        using var nograd = no_grad();
        using var scope = NewDisposeScope();
        Received(layer, scores);
        var (rungs, keys) = (new byte[scores.Length], new ulong[scores.Length]);
        for (var h = 0; h < scores.Heads; h++)
        {
            var f = scores[h];
            Climb(layer, scores.KvHead(h, layer), f, rungs);
            for (var j = 0; j < f.Length; j++)   // rung, then f, then position: all in one number
            {
                var byAttention = rungs[j] == 3 || !(f[j] > 0) ? 0 : BitConverter.SingleToUInt32Bits(f[j]);   // positive floats are in the order of their bits
                keys[j] = (ulong)(Rests - rungs[j]) << 56 | (ulong)byAttention << 24 | (uint)j;
            }
            Array.Sort(keys);
            for (var rank = 0; rank < keys.Length; rank++)
                if ((int)(keys[rank] & 0xff_ffff) is var j && !float.IsNaN(f[j])) f[j] = rank;   // what overflowed stays no number, and is refused where all is
        }
    }

    /// <summary>What each rung keeps and holds, for whoever decides how far a head goes down.</summary>
    /// <param name="layer">The layer, with token kinds and the sums of <see cref="Needs"/>, or all queries in their place.</param>
    /// <param name="heads">Heads that own entries: KV heads or query heads.</param>
    /// <param name="window">Last positions, which are kept anyway: entries are counted without them.</param>
    /// <exception cref="LabException">The layer has no token kinds.</exception>
    public LadderRungs Rungs(in LayerView layer, int heads, int window = 0)
    {
        using var nograd = no_grad();
        using var scope = NewDisposeScope();
        var n = layer.Length;
        var attention = new HeadRows<float>(new float[heads * n], heads, n);
        Received(layer, attention);
        var all = Numbers(WindowAttention.Sum(layer, layer.Tokens, AttentionSum.Received));   // [queryHead, position]
        var near = Numbers(WindowAttention.Sum(layer, layer.Tokens, _near));
        var group = all.Length / n / heads;
        var (result, rungs) = (new LadderRungs(heads), new byte[n]);
        for (var h = 0; h < heads; h++)
        {
            Climb(layer, attention.KvHead(h, layer), attention[h], rungs);
            var entries = result.Entries(h);
            foreach (var rung in rungs.AsSpan(0, Math.Max(0, n - window)))
                for (int r = rung; r < Rests; r++) entries[r]++;
            var masses = result.Masses(h);
            masses.Fill(1);
            for (var q = h * group; q < (h + 1) * group; q++) Lower(masses, rungs, all.Slice(q * n, n), near.Slice(q * n, n), layer.Positions is null ? n : Math.Max(double.Epsilon, Sum(all.Slice(q * n, n))));
        }
        return result;
    }

    /// <summary>Lowers a head's masses to those of a query head: the mean over its rows of the attention on what a rung keeps; of stored entries, the share of what they hold.</summary>
    private static void Lower(Span<double> masses, byte[] rungs, ReadOnlySpan<float> all, ReadOnlySpan<float> near, double rows)
    {
        Span<double> own = stackalloc double[Rests + 1];   // by the rung that first keeps the token
        own.Clear();
        double seenNear = 0;
        for (var j = 0; j < rungs.Length; j++)
        {
            own[rungs[j]] += all[j];
            if (rungs[j] >= 3) seenNear += near[j];          // the window moves with the query: also a token that the last one no longer sees was near to some
        }
        double mass = 0;
        for (var r = 0; r < 3; r++) masses[r] = Math.Min(masses[r], (mass += own[r]) / rows);
        masses[3] = Math.Min(masses[3], (mass + seenNear) / rows);
    }

    /// <summary>The rung that first keeps each position: 0 special, 1 punctuation, 2 frequent, 3 local, 4 the rest.</summary>
    private void Climb(in LayerView layer, int kvHead, ReadOnlySpan<float> attention, byte[] rungs)
    {
        var n = layer.Tokens;
        if (layer.Kinds is not { } kinds || kinds.Length != n)
            throw new LabException($"layer {layer.Layer}: FastGen's ladder ranks by the kinds of the {n} tokens, and {(layer.Kinds is null ? "none" : $"{layer.Kinds.Value.Length}")} came: run the prompt through a model with its tokenizer (Engine.Kinds)");
        Array.Fill(rungs, (byte)4);
        var far = n - Math.Min(n, Width(n));
        for (var j = rungs.Length - 1; j >= 0 && layer.Position(kvHead, j) >= far; j--) rungs[j] = 3;
        var frequent = new int[FrequentOf(n)];
        foreach (var j in frequent.AsSpan(0, Selection.Best(attention, frequent.Length, frequent))) rungs[j] = 2;
        for (var j = 0; j < rungs.Length; j++)
            if (kinds.Span[layer.Position(kvHead, j)] is not TokenKind.Ordinary and var kind) rungs[j] = (byte)(kind == TokenKind.Special ? 0 : 1);
    }

    private static void Received(in LayerView layer, HeadRows<float> attention) =>
        WindowAttention.Reduce(layer, WindowAttention.Sum(layer, layer.Tokens, AttentionSum.Received), GroupReduction.Sum, attention);

    private static double Sum(ReadOnlySpan<float> numbers)
    {
        double sum = 0;
        foreach (var number in numbers) sum += number;
        return sum;
    }

    private static ReadOnlySpan<float> Numbers(Tensor sums) => MemoryMarshal.Cast<byte, float>(sums.contiguous().bytes);
}
