using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Models;

/// <summary>
/// Rotary position embedding (RoFormer, arXiv 2104.09864) in Hugging Face's half-split convention: coordinate i is paired with
/// i + dim/2 and turned by position · frequency[i] (<see cref="Rope.Frequencies"/>).
/// </summary>
public sealed class RotaryTable
{
    private readonly float[] frequencies;   // [dim/2]

    /// <summary>Prepares the table for a model.</summary>
    public RotaryTable(ModelConfig config)
    {
        frequencies = Rope.Frequencies(config);
    }

    /// <summary>Radians per position of each pair, <c>[dim / 2]</c>.</summary>
    public ReadOnlyMemory<float> Frequencies => frequencies;

    /// <summary>Number of rotated pairs, dim/2.</summary>
    public int Pairs => frequencies.Length;

    /// <summary>Cosines and sines for a batch of positions.</summary>
    /// <param name="positions"><c>[batch, token]</c>, int64.</param>
    public Rotation At(Tensor positions)
    {
        var angles = positions.to(ScalarType.Float32).unsqueeze(-1) * tensor(frequencies, device: positions.device);   // [batch, token, pair]
        return new Rotation(angles.cos().unsqueeze(2), angles.sin().unsqueeze(2));
    }

    /// <summary>Cosines and sines of one position, each <c>[pair]</c>; computed in single precision exactly as the batch form.</summary>
    public void At(int position, Span<float> cosines, Span<float> sines)
    {
        for (var i = 0; i < frequencies.Length; i++)
        {
            (sines[i], cosines[i]) = MathF.SinCos(position * frequencies[i]);
        }
    }
}

/// <summary>
/// Rotary positions (RoPE, arXiv 2104.09864): with the dimensions of a head as two halves (l, r), pair i is turned by the angle of its position,
/// <c>(l cos - r sin, r cos + l sin)</c>. Cosines and sines <c>[batch, token, 1, pair]</c> belong to the tokens at hand.
/// </summary>
public readonly record struct Rotation(Tensor Cosines, Tensor Sines)
{
    /// <summary>Those of the tokens from <paramref name="first"/> on.</summary>
    internal Rotation From(long first) => first == 0 ? this : new(Cosines.narrow(1, first, Cosines.shape[1] - first), Sines.narrow(1, first, Sines.shape[1] - first));

    /// <summary>Rotates heads <c>[batch, token, head, dim]</c>.</summary>
    public Tensor Apply(Tensor heads)
    {
        var half = heads.shape[3] / 2;
        var (left, right) = (heads.narrow(3, 0, half), heads.narrow(3, half, half));
        return cat(new[] { left * Cosines - right * Sines, right * Cosines + left * Sines }, -1);
    }
}
