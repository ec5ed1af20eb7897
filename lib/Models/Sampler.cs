namespace HeadKvLab.Models;

/// <summary>
/// Chooses the next token from logits, in the order of Hugging Face's processors: repetition penalty, then (when drawing) temperature,
/// top-k, top-p, and one draw from the softmax of what is left. Equal logits rank the lower id first. One sampler serves one generation.
/// </summary>
public sealed class Sampler
{
    private readonly GenerationConfig config;
    private readonly Random random;
    private readonly HashSet<int> seen = [];
    private float[] scores = [];
    private int[] order = [];

    /// <summary>Starts a generation.</summary>
    /// <param name="config">Settings; checked here.</param>
    /// <param name="prompt">Tokens that count as seen for the repetition penalty.</param>
    /// <exception cref="LabException">A setting is out of range.</exception>
    public Sampler(GenerationConfig config, ReadOnlySpan<int> prompt = default)
    {
        this.config = config.Checked("generation settings");
        random = new Random(config.Seed);
        foreach (var id in prompt) seen.Add(id);
    }

    /// <summary>Chooses one token and remembers it as seen.</summary>
    /// <param name="logits"><c>[vocabulary]</c>, left as they are.</param>
    /// <returns>Token id.</returns>
    /// <exception cref="LabException">A logit is NaN: a weight or an activation overflowed.</exception>
    public int Next(ReadOnlySpan<float> logits)
    {
        if (scores.Length != logits.Length) scores = new float[logits.Length];
        logits.CopyTo(scores);
        Penalise();
        var best = Best();
        var chosen = config.Sample && config.Temperature > 0 ? Draw() : best;
        seen.Add(chosen);
        return chosen;
    }

    private void Penalise()
    {
        if (config.RepetitionPenalty == 1) return;
        var penalty = (float)config.RepetitionPenalty;
        foreach (var id in seen)
            if ((uint)id < (uint)scores.Length) scores[id] = scores[id] < 0 ? scores[id] * penalty : scores[id] / penalty;
    }

    private int Best()
    {
        var best = 0;
        for (var id = 0; id < scores.Length; id++)
        {
            if (float.IsNaN(scores[id])) throw new LabException($"the logits hold NaN (token {id}): the model overflowed; compute in float32 or bfloat16");
            if (scores[id] > scores[best]) best = id;
        }
        return best;
    }

    private int Draw()
    {
        for (var i = 0; i < scores.Length; i++) scores[i] /= (float)config.Temperature;
        var ranked = Ranked();
        var largest = (double)scores[ranked[0]];
        var total = 0.0;
        foreach (var id in ranked) total += Math.Exp(scores[id] - largest);
        var kept = TopP(ranked, largest, total, out var mass);
        var target = random.NextDouble() * mass;
        foreach (var id in kept)
            if ((target -= Math.Exp(scores[id] - largest)) < 0) return id;
        return kept[^1];
    }

    /// <summary>The top-k ids, likeliest first.</summary>
    private ReadOnlySpan<int> Ranked()
    {
        if (order.Length != scores.Length) order = new int[scores.Length];
        for (var i = 0; i < order.Length; i++) order[i] = i;
        order.AsSpan().Sort((a, b) => scores[a] == scores[b] ? a.CompareTo(b) : scores[b].CompareTo(scores[a]));
        return order.AsSpan(0, config.TopK == 0 ? order.Length : Math.Min(config.TopK, order.Length));
    }

    /// <summary>The shortest head of <paramref name="ranked"/> whose share reaches top-p, and its mass.</summary>
    private ReadOnlySpan<int> TopP(ReadOnlySpan<int> ranked, double largest, double total, out double mass)
    {
        mass = 0;
        for (var i = 0; i < ranked.Length; i++)
        {
            mass += Math.Exp(scores[ranked[i]] - largest);
            if (mass >= config.TopP * total) return ranked[..(i + 1)];
        }
        return ranked;
    }
}
