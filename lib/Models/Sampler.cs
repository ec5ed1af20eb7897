namespace HeadKvLab.Models;

/// <summary>
/// Chooses the next token from logits, in the order of Hugging Face's processors: repetition penalty, tokens ruled out (<see cref="TokenBans"/>), then (when
/// drawing) temperature, top-k, top-p, further cuts (<see cref="TailCuts"/>), and one draw from the softmax of what is left. Equal logits rank the lower id first. Only tokens that can be drawn are ranked:
/// top-k keeps a heap of k while it looks at the vocabulary once; for top-p, tokens below a share of (1 - p) / vocabulary are left out beforehand,
/// since all of them together lack the weight to be reached. One sampler serves one generation and allocates nothing after its first token.
/// </summary>
public sealed class Sampler
{
    private readonly GenerationConfig config;
    private readonly Random random;
    private readonly TokenBans bans;
    private readonly TailCuts cuts;
    private readonly HashSet<int> seen = [];
    private float[] scores = [];     // [token]
    private double[] weights = [];   // [token], relative to the likeliest
    private long[] ranks = [];       // the candidates (RankOf)

    /// <summary>Starts a generation.</summary>
    /// <param name="config">Settings; checked here.</param>
    /// <param name="prompt">Tokens that count as seen for the repetition penalty, and as the beginning of the text for rules about sequences and lengths.</param>
    /// <exception cref="LabException">A setting is out of range, or not computed by this lab.</exception>
    public Sampler(GenerationConfig config, ReadOnlySpan<int> prompt = default)
    {
        this.config = config.Checked("generation settings").Computed();
        (bans, cuts) = (new TokenBans(config, prompt), new TailCuts(config));
        random = new Random(config.Seed);
        foreach (var id in prompt) seen.Add(id);
    }

    /// <summary>Chooses one token and remembers it as seen.</summary>
    /// <param name="logits"><c>[vocabulary]</c>, left as they are.</param>
    /// <returns>Token id.</returns>
    /// <exception cref="ModelOverflow">A logit is NaN or the largest is infinite: a weight or an activation overflowed.</exception>
    /// <exception cref="LabException">The settings rule out every token.</exception>
    public int Next(ReadOnlySpan<float> logits)
    {
        if (scores.Length != logits.Length) (scores, weights, ranks) = (new float[logits.Length], new double[logits.Length], new long[logits.Length]);
        logits.CopyTo(scores);
        Penalise();
        Generation.Greedy(scores); // refuses numbers that overflowed, before bans put infinities among them
        bans.Apply(scores);
        var best = Array.IndexOf(scores, scores.Max());
        if (scores[best] == float.NegativeInfinity) throw new LabException("generation settings: they rule out every token (suppress_tokens, bad_words_ids, no_repeat_ngram_size or a least length): correct generation_config.json");
        var chosen = config.Sample ? Draw(scores[best]) : best;
        seen.Add(chosen);
        bans.Add(chosen);
        return chosen;
    }

    private void Penalise()
    {
        if (config.RepetitionPenalty == 1) return;
        var penalty = (float)config.RepetitionPenalty;
        foreach (var id in seen)
            if ((uint)id < (uint)scores.Length) scores[id] = scores[id] < 0 ? scores[id] * penalty : scores[id] / penalty;
    }

    private int Draw(float largest)
    {
        var kept = config.TopK > 0 && config.TopK < scores.Length ? Likeliest(config.TopK) : Everything();
        var total = 0.0;
        foreach (var rank in kept)
        {
            var id = IdOf(rank);
            total += weights[id] = Math.Exp(((double)scores[id] - largest) / config.Temperature);
        }
        var mass = total;
        if (config.TopP < 1) kept = Nucleus(kept, total, out mass);
        kept = cuts.Apply(kept, scores, weights, largest, ref mass);
        var target = random.NextDouble() * mass;
        foreach (var rank in kept)
            if ((target -= weights[IdOf(rank)]) < 0) return IdOf(rank);
        return IdOf(kept[^1]);
    }

    /// <summary>All tokens, by id.</summary>
    private Span<long> Everything()
    {
        for (var id = 0; id < ranks.Length; id++) ranks[id] = RankOf(id);
        return ranks;
    }

    /// <summary>The k likeliest tokens, likeliest first: a heap whose root is the least of them meets every token once.</summary>
    private Span<long> Likeliest(int k)
    {
        var heap = ranks.AsSpan(0, k);
        for (var id = 0; id < k; id++) heap[id] = RankOf(id);
        heap.Sort(); // ascending is a heap
        for (var id = k; id < scores.Length; id++)
            if (RankOf(id) is var rank && rank > heap[0]) Replace(heap, rank);
        heap.Sort();
        heap.Reverse();
        return heap;
    }

    private static void Replace(Span<long> heap, long rank)
    {
        var at = 0;
        for (int child; (child = 2 * at + 1) < heap.Length; at = child)
        {
            if (child + 1 < heap.Length && heap[child + 1] < heap[child]) child++;
            if (heap[child] >= rank) break;
            heap[at] = heap[child];
        }
        heap[at] = rank;
    }

    /// <summary>The fewest tokens whose share of the total reaches top-p, likeliest first, and their mass.</summary>
    private Span<long> Nucleus(Span<long> candidates, double total, out double mass)
    {
        var least = total * (1 - config.TopP) / candidates.Length;
        var count = 0;
        foreach (var rank in candidates)
            if (weights[IdOf(rank)] >= least) candidates[count++] = rank;
        var ranked = candidates[..count];
        ranked.Sort();
        ranked.Reverse();
        mass = 0;
        for (var i = 0; i < count; i++)
            if ((mass += weights[IdOf(ranked[i])]) >= config.TopP * total) return ranked[..(i + 1)];
        return ranked;
    }

    /// <summary>A number that orders tokens by logit, of equal ones the lower id higher: the logit's bits made monotone, then the id's complement.</summary>
    private long RankOf(int id)
    {
        var bits = BitConverter.SingleToInt32Bits(scores[id] + 0f); // -0 becomes 0
        return ((long)(bits < 0 ? bits ^ int.MaxValue : bits) << 32) | (uint)~id;
    }

    internal static int IdOf(long rank) => ~(int)rank;
}
