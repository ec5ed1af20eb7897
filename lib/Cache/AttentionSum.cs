using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Cache;

/// <summary>
/// A number for each query head and position that the prefill adds up over the queries of a prompt while they attend:
/// sum[j] = sum of a[q, j]^power over the queries q that stand at least <see cref="Skip"/>, and fewer than a band's width, positions after j; a is the softmax.
/// Each is computed only where a scorer asks for it, and scorers that ask for different bands get one each.
/// </summary>
public sealed record AttentionSum
{
    private AttentionSum(int power, int skip, double band) => (Power, Skip, Band) = (power, skip, band);

    /// <summary>Attention received from all queries: a position's own query counts, too.</summary>
    public static AttentionSum Received { get; } = new(1, 0, 1);

    /// <summary>Attention received from queries at most a share of the prompt away: 0 &lt;= q - j &lt; W, W = max(1, floor(share · n)).</summary>
    /// <param name="share">Width of the band as a share of the prompt's n tokens, 0 to 1; 1 is <see cref="Received"/>.</param>
    /// <exception cref="LabException">The share is outside 0 to 1.</exception>
    public static AttentionSum Near(double share) => share is >= 0 and <= 1 ? new(1, 0, share)
        : throw new LabException(FormattableString.Invariant($"a band of {share} of the prompt: give a share from 0 to 1; FastGen's is 0.3"));

    /// <summary>Squared attention received from all queries at least <paramref name="buffer"/> positions later.</summary>
    /// <param name="buffer">Queries left out beside the position, its own the first of them; 0 leaves none out.</param>
    /// <exception cref="LabException">The buffer is negative.</exception>
    public static AttentionSum Squares(int buffer = 0) => buffer >= 0 ? new(2, buffer, 1)
        : throw new LabException($"a buffer of {buffer} queries: give 0 or more; KV-Compress' is 10");

    /// <summary>Power of the attention: 1, or 2.</summary>
    public int Power { get; }

    /// <summary>Positions by which a query must at least stand behind.</summary>
    public int Skip { get; }

    /// <summary>Width of the band of queries that count, as a share of the prompt; 1: all.</summary>
    public double Band { get; }

    /// <summary>Width of the band in a prompt of n tokens; all queries lie in a band of <see cref="int.MaxValue"/>.</summary>
    /// <param name="n">Tokens of the prompt.</param>
    public int Width(int n) => Band == 1 ? int.MaxValue : Math.Max(1, (int)Math.Floor((decimal)Band * n)); // decimal: 0.29 of 100 is 29

    /// <summary>What a block of queries adds, <c>[..., position]</c>.</summary>
    /// <param name="weights">Their softmax, <c>[..., query, position]</c>, some columns of the map.</param>
    /// <param name="ahead">Positions from the first column to the first query.</param>
    /// <param name="n">Tokens of the prompt.</param>
    internal Tensor Over(Tensor weights, long ahead, int n)
    {
        if (Power == 2) weights = weights.to(ScalarType.Float32).square();
        if (Skip > 0 || Width(n) < n)
            weights = weights * ones(weights.shape[^2], weights.shape[^1], device: weights.device).tril(ahead - Skip).triu(ahead - Width(n) + 1L);
        return weights.sum(-2, type: ScalarType.Float32);
    }
}
