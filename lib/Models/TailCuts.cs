namespace HeadKvLab.Models;

/// <summary>
/// Cuts of the candidates after top-k and top-p, in the order of Hugging Face's library: min-p, typical, epsilon, eta. Each sees the distribution that
/// the one before it left, and each leaves the likeliest token, or (typical) the most typical one.
/// </summary>
internal sealed class TailCuts(GenerationConfig config)
{
    private double[] distances = [];   // from the expected information, beside the candidates

    /// <summary>The candidates that are left.</summary>
    /// <param name="kept">Candidates; what is left is moved to the front.</param>
    /// <param name="scores">Logits, <c>[token]</c>.</param>
    /// <param name="weights">Their weights relative to the likeliest, <c>[token]</c>.</param>
    /// <param name="largest">Logit of the likeliest.</param>
    /// <param name="mass">Sum of the candidates' weights.</param>
    internal Span<long> Apply(Span<long> kept, ReadOnlySpan<float> scores, ReadOnlySpan<double> weights, float largest, scoped ref double mass)
    {
        if (config.MinP > 0) kept = AtLeast(config.MinP, kept, weights, ref mass);
        if (config.TypicalP < 1) kept = Typical(kept, scores, weights, largest, ref mass);
        if (config.EpsilonCutoff > 0) kept = AtLeast(config.EpsilonCutoff * mass, kept, weights, ref mass);
        if (config.EtaCutoff > 0)
        {
            var entropy = Entropy(kept, scores, weights, largest, mass);
            kept = AtLeast(Math.Min(config.EtaCutoff, Math.Sqrt(config.EtaCutoff) * Math.Exp(-entropy)) * mass, kept, weights, ref mass);
        }
        return kept;
    }

    /// <summary>The candidates of at least a weight, or of the largest one that is left.</summary>
    private static Span<long> AtLeast(double least, Span<long> kept, ReadOnlySpan<double> weights, scoped ref double mass)
    {
        var top = 0.0;
        foreach (var rank in kept) top = Math.Max(top, weights[Sampler.IdOf(rank)]);
        least = Math.Min(least, top);
        var count = 0;
        mass = 0;
        foreach (var rank in kept)
        {
            if (weights[Sampler.IdOf(rank)] < least) continue;
            kept[count++] = rank;
            mass += weights[Sampler.IdOf(rank)];
        }
        return kept[..count];
    }

    private Span<long> Typical(Span<long> kept, ReadOnlySpan<float> scores, ReadOnlySpan<double> weights, float largest, scoped ref double mass)
    {
        if (distances.Length < scores.Length) distances = new double[scores.Length];
        var entropy = Entropy(kept, scores, weights, largest, mass);
        var near = distances.AsSpan(0, kept.Length);
        for (var i = 0; i < kept.Length; i++) near[i] = Math.Abs(Information(Sampler.IdOf(kept[i]), scores, largest, mass) - entropy);
        near.Sort(kept);
        var (last, reached) = (0, weights[Sampler.IdOf(kept[0])]);
        while (reached < config.TypicalP * mass && last + 1 < kept.Length) reached += weights[Sampler.IdOf(kept[++last])];
        while (last + 1 < kept.Length && near[last + 1] == near[last]) reached += weights[Sampler.IdOf(kept[++last])];   // as typical as the last one
        mass = reached;
        return kept[..(last + 1)];
    }

    private double Entropy(ReadOnlySpan<long> kept, ReadOnlySpan<float> scores, ReadOnlySpan<double> weights, float largest, double mass)
    {
        var sum = 0.0;
        foreach (var rank in kept)
            if (weights[Sampler.IdOf(rank)] is > 0 and var weight) sum += weight / mass * Information(Sampler.IdOf(rank), scores, largest, mass);
        return sum;
    }

    /// <summary>Minus the logarithm of a token's probability.</summary>
    private double Information(int id, ReadOnlySpan<float> scores, float largest, double mass) => Math.Log(mass) - ((double)scores[id] - largest) / config.Temperature;
}
