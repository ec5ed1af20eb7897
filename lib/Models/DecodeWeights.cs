using HeadKvLab.Cache;
using HeadKvLab.Kernels;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace HeadKvLab.Models;

/// <summary>What a decode step multiplies with.</summary>
public enum DecodePrecision
{
    /// <summary>The decoder's numbers where they lie in memory; bfloat16 ones are widened in registers. Weights that change later are seen.</summary>
    AsLoaded,

    /// <summary>The decoder's numbers, copied to bfloat16 where they are such numbers widened: the same products to the last bit, half the bytes.</summary>
    [Named("exact")]
    Lossless,

    /// <summary>8-bit integers with a factor per output, made once from the decoder's weights: a quarter of float32's bytes. Embedding and norms stay as loaded.</summary>
    Int8,
}

/// <summary>The decoder's weights as the kernels read them: matrices where they lie in memory (or in 8 bits), norm gains as float32 arrays.</summary>
internal sealed class DecodeWeights : IDisposable
{
    private readonly List<Tensor> kept = [];           // keeps the memory alive that matrices are views of
    private readonly List<PackedMatrix> matrices = []; // all that were made

    internal DecodeWeights(Decoder decoder, DecodePrecision precision)
    {
        try
        {
            (Embedding, Unembedding, FinalNorm, Layers) = Read(decoder, precision);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    private (PackedMatrix, PackedMatrix, float[], Layer[]) Read(Decoder decoder, DecodePrecision precision)
    {
        var tied = decoder.Config.TieEmbeddings;
        var embedding = View(decoder.Model.embed_tokens.weight, null);
        return (embedding, Packed(tied ? embedding : View(decoder.Unembedding, null)), Gains(decoder.Model.norm), [.. decoder.Model.layers.Select(layer => new Layer(
            Gains(layer.input_layernorm), Gains(layer.post_attention_layernorm),
            Of(layer.self_attn.q_proj), Of(layer.self_attn.k_proj), Of(layer.self_attn.v_proj), Of(layer.self_attn.o_proj),
            layer.self_attn.q_norm is { } q ? Gains(q) : null, layer.self_attn.k_norm is { } k ? Gains(k) : null,
            Of(layer.mlp.gate_proj), Of(layer.mlp.up_proj), Of(layer.mlp.down_proj)))]);

        PackedMatrix Of(Projection projection) => Packed(View(projection.weight, projection.bias));

        PackedMatrix Packed(PackedMatrix view)
        {
            var packed = precision switch
            {
                DecodePrecision.Int8 => view.Quantise(),
                DecodePrecision.Lossless => view.Narrowed(),
                _ => view,
            };
            matrices.Add(packed);
            return packed;
        }
    }

    internal PackedMatrix Embedding { get; }

    internal PackedMatrix Unembedding { get; }

    internal float[] FinalNorm { get; }

    internal Layer[] Layers { get; }

    /// <summary>Whether the memory was freed.</summary>
    internal bool Disposed { get; private set; }

    /// <summary>Frees what was copied, and lets go of the decoder's memory.</summary>
    public void Dispose()
    {
        Disposed = true;
        foreach (var matrix in matrices) matrix.Dispose();
        foreach (var tensor in kept) tensor.Dispose();
    }

    /// <summary>Bytes that decoding one token reads.</summary>
    internal long Bytes => Unembedding.Bytes + Layers.Sum(l => l.Query.Bytes + l.Key.Bytes + l.Value.Bytes + l.Output.Bytes + l.Gate.Bytes + l.Up.Bytes + l.Down.Bytes);

    internal sealed record Layer(
        float[] InputNorm, float[] PostNorm,
        PackedMatrix Query, PackedMatrix Key, PackedMatrix Value, PackedMatrix Output,
        float[]? QueryNorm, float[]? KeyNorm,
        PackedMatrix Gate, PackedMatrix Up, PackedMatrix Down);

    private PackedMatrix View(Parameter weight, Parameter? bias)
    {
        var values = Plain(weight, null);
        var added = bias is null ? null : Plain(bias, ScalarType.Float32);
        var view = new PackedMatrix(TensorMemory.Address(values), values.dtype.Format(), (int)values.shape[0], (int)values.shape[1], added is null ? 0 : TensorMemory.Address(added));
        matrices.Add(view);
        return view;
    }

    private float[] Gains(RootMeanSquare norm)
    {
        using var scope = NewDisposeScope();
        return Plain(norm.weight, ScalarType.Float32).data<float>().ToArray();
    }

    /// <summary>The weight on the CPU, contiguous, in a type the kernels read.</summary>
    private Tensor Plain(Parameter weight, ScalarType? type)
    {
        using var quiet = no_grad();
        using var scope = NewDisposeScope();
        var wanted = type ?? (weight.dtype is ScalarType.BFloat16 or ScalarType.Float16 ? weight.dtype : ScalarType.Float32);
        var plain = Projection.Cast(weight.detach().cpu(), wanted).contiguous().DetachFromDisposeScope();
        kept.Add(plain);
        return plain;
    }
}
