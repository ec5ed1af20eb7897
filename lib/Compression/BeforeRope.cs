using HeadKvLab.Cache;
using static TorchSharp.torch;

namespace HeadKvLab.Compression;

/// <summary>
/// Keys and queries as they were before RoPE turned them, and the mean of what it will make of queries that are still to come: what scorers without an observation
/// window start from. Rows are turned back from what a view holds, so that prompts and stored entries are read alike.
/// </summary>
internal static class BeforeRope
{
    /// <summary>First positions of a text whose queries say little about later ones: kvpress leaves them out.</summary>
    internal const int Sinks = 4;

    private const int Later = 256, Future = 512;

    /// <summary>All queries of a prompt; of a text that goes on the last 256, as kvpress has it.</summary>
    internal static ScorerNeeds Needs { get; } = new(Later) { AllQueries = true };

    /// <summary>Queries of all positions but the first, <c>[queryHead, query, dim]</c>; there may be none.</summary>
    internal static Tensor Queries(in LayerView layer)
    {
        var rows = OfAllPositions(layer).shape[1];
        var first = layer.Tokens - rows;
        var skipped = Math.Clamp(Sinks - first, 0, rows);
        var angles = arange(first + skipped, layer.Tokens).to(ScalarType.Float32).view(1, -1, 1) * Frequencies(layer);
        return Turn(layer.Queries.narrow(1, skipped, rows - skipped), angles.cos(), -angles.sin());
    }

    /// <summary>Keys, <c>[kvHead, position, dim]</c>.</summary>
    internal static Tensor Keys(in LayerView layer)
    {
        var angles = Stands(layer).to(ScalarType.Float32).unsqueeze(2) * Frequencies(layer);
        return Turn(layer.Keys, angles.cos(), -angles.sin());
    }

    /// <summary>Turns rows by the mean of the rotations at the next 512 positions: pairs of high frequency nearly vanish, slow ones survive.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="rows"><c>[head, row, dim]</c>, before RoPE.</param>
    internal static Tensor Ahead(in LayerView layer, Tensor rows) => At(layer, rows, [.. Enumerable.Range(layer.Tokens, Future)]);

    /// <summary>Turns rows by the mean of the rotations at some positions.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="rows"><c>[head, row, dim]</c>, before RoPE.</param>
    /// <param name="positions">The positions.</param>
    internal static Tensor At(in LayerView layer, Tensor rows, int[] positions)
    {
        var angles = tensor(positions).to(ScalarType.Float32).unsqueeze(1) * Frequencies(layer);
        return Turn(rows, angles.cos().mean([0]), angles.sin().mean([0]));
    }

    /// <summary>Where entries stand in the text, <c>[kvHead, entry]</c>; of a prompt <c>[1, position]</c>.</summary>
    internal static Tensor Stands(in LayerView layer)
    {
        if (layer.Positions is null) return arange(layer.Length, dtype: ScalarType.Int32).unsqueeze(0);
        var stands = new int[layer.Keys.shape[0] * layer.Length];
        for (var h = 0; h < layer.Positions.Count; h++) layer.Positions[h].Span.CopyTo(stands.AsSpan(h * layer.Length));
        return tensor(stands).view(-1, layer.Length);
    }

    /// <summary>The view's queries, which are those of all positions where it is a prompt's.</summary>
    /// <exception cref="InvalidOperationException">The prefill handed over fewer.</exception>
    internal static Tensor OfAllPositions(in LayerView layer) => layer.Positions is not null || layer.Queries.shape[1] == layer.Length ? layer.Queries
        : throw new InvalidOperationException($"layer {layer.Layer}: the queries of {layer.Length} positions are looked at, the prefill handed over {layer.Queries.shape[1]}");

    private static Tensor Frequencies(in LayerView layer) => layer.Frequencies is { } frequencies ? tensor(frequencies.ToArray())
        : throw new LabException("the method looks at queries or keys before RoPE, and these tensors come without "
            + "the model's rotary frequencies: run it on a model (`lab eval`, `lab generate`)");

    /// <summary>Turns each pair (x[i], x[i + dim/2]), by cosines and sines <c>[..., pair]</c>.</summary>
    private static Tensor Turn(Tensor rows, Tensor cosines, Tensor sines)
    {
        var half = rows.shape[2] / 2;
        var (left, right) = (rows.narrow(2, 0, half), rows.narrow(2, half, half));
        return cat([left * cosines - right * sines, right * cosines + left * sines], 2);
    }
}
