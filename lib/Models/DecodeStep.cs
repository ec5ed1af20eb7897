using HeadKvLab.Cache;
using HeadKvLab.Kernels;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace HeadKvLab.Models;

/// <summary>Looks at the attention of tokens being decoded, to score heads for example.</summary>
public interface IAttentionObserver
{
    /// <summary>Called for each layer, in ascending order, after the token's own entry was appended.</summary>
    /// <param name="layer">Index of the layer.</param>
    /// <param name="queries">Queries after RoPE, <c>[queryHead * dim]</c>, unscaled.</param>
    /// <param name="cache">The layer's entries, the token's own last.</param>
    void Observe(int layer, ReadOnlySpan<float> queries, LayerCache cache);
}

/// <summary>
/// Decodes one token at a time over the decoder's weights in memory: no tensor is created and nothing is allocated per token.
/// The same arithmetic as <see cref="Decoder"/>, in float32; the order of the sums differs, so results agree to about 1e-5.
/// Not thread-safe: one step object for each thread that decodes.
/// </summary>
public sealed unsafe class DecodeStep
{
    private readonly Decoder decoder;
    private readonly ModelConfig config;
    private readonly Weights[] layers;
    private readonly Matrix embedding, unembedding;
    private readonly Matrix finalNorm;
    private readonly float[] x, normed, queries, keys, values, mixed, delta, gate, up, logits, cosines, sines;

    /// <summary>Prepares the buffers; weights that are not float32 are widened once.</summary>
    public DecodeStep(Decoder decoder)
    {
        this.decoder = decoder;
        config = decoder.Config;
        embedding = new Matrix(decoder.Model.embed_tokens.weight);
        unembedding = config.TieEmbeddings ? embedding : new Matrix(decoder.Unembedding);
        finalNorm = new Matrix(decoder.Model.norm.weight);
        layers = [.. decoder.Model.layers.Select(layer => new Weights(layer))];
        (x, normed, delta) = (new float[config.HiddenSize], new float[config.HiddenSize], new float[config.HiddenSize]);
        queries = new float[config.QueryHeads * config.HeadDim];
        mixed = new float[queries.Length];
        (keys, values) = (new float[config.KvHeads * config.HeadDim], new float[config.KvHeads * config.HeadDim]);
        (gate, up) = (new float[config.IntermediateSize], new float[config.IntermediateSize]);
        logits = new float[config.VocabSize];
        (cosines, sines) = (new float[decoder.Rotary.Pairs], new float[decoder.Rotary.Pairs]);
    }

    /// <summary>Sees each layer's queries just before they attend; null: nobody looks.</summary>
    public IAttentionObserver? Observer { get; set; }

    /// <summary>Factor of the attention logits.</summary>
    public float Scale => 1f / MathF.Sqrt(config.HeadDim);

    /// <summary>Longest context, tokens.</summary>
    public int MaxPositions => config.MaxPositions;

    /// <summary>Appends one token to the cache and gives the logits of the next.</summary>
    /// <param name="id">Token id; its position is the cache's logical length.</param>
    /// <param name="cache">Any cache of this model, compressed or full.</param>
    /// <returns>Logits <c>[vocabulary]</c>; the memory is reused by the next call.</returns>
    /// <exception cref="LabException">The id is outside the vocabulary, or the context is used up.</exception>
    public ReadOnlySpan<float> Run(int id, RaggedCache cache)
    {
        PromptChecks.Check(config, [id], cache.LogicalLength, 0);
        var position = cache.LogicalLength;
        decoder.Rotary.At(position, cosines, sines);
        embedding.Row(id).CopyTo(x);
        for (var l = 0; l < layers.Length; l++)
        {
            var w = layers[l];
            Normalise(x, w.InputNorm, normed);
            Attend(l, cache[l]);
            Add(x, delta);
            Normalise(x, w.PostNorm, normed);
            FeedForward(w);
            Add(x, delta);
        }
        cache.Advance(1);
        Normalise(x, finalNorm, normed);
        unembedding.Multiply(normed, logits);
        return logits;
    }

    private void Attend(int layer, LayerCache cache)
    {
        var w = layers[layer];
        w.Query.Multiply(normed, queries);
        w.Key.Multiply(normed, keys);
        w.Value.Multiply(normed, values);
        Heads(queries, w.QueryNorm);
        Heads(keys, w.KeyNorm);
        cache.Append(keys, values);
        Observer?.Observe(layer, queries, cache);
        cache.Attend(queries, mixed, Scale, config.WindowOf(layer));
        w.Output.Multiply(mixed, delta);
    }

    private void FeedForward(Weights w)
    {
        w.Gate.Multiply(normed, gate);
        w.Up.Multiply(normed, up);
        for (var i = 0; i < gate.Length; i++) gate[i] = gate[i] / (1f + MathF.Exp(-gate[i])) * up[i];
        w.Down.Multiply(gate, delta);
    }

    /// <summary>Normalises (Qwen3) and rotates each head of <paramref name="heads"/>.</summary>
    private void Heads(Span<float> heads, Matrix? norm)
    {
        for (var start = 0; start < heads.Length; start += config.HeadDim)
        {
            var head = heads.Slice(start, config.HeadDim);
            if (norm is not null) Normalise(head, norm, head);
            var half = cosines.Length;
            for (var i = 0; i < half; i++)
                (head[i], head[i + half]) = (head[i] * cosines[i] - head[i + half] * sines[i], head[i + half] * cosines[i] + head[i] * sines[i]);
        }
    }

    private void Normalise(ReadOnlySpan<float> input, Matrix weight, Span<float> output)
    {
        float squares;
        fixed (float* p = input) squares = MatrixVector.Dot(p, p, input.Length);
        var scale = 1f / MathF.Sqrt(squares / input.Length + (float)config.NormEpsilon);
        var w = weight.Row(0);
        for (var i = 0; i < input.Length; i++) output[i] = input[i] * scale * w[i];
    }

    private static void Add(Span<float> target, ReadOnlySpan<float> addend)
    {
        for (var i = 0; i < target.Length; i++) target[i] += addend[i];
    }

    /// <summary>A float32 view of a weight matrix <c>[rows, columns]</c> (or a vector as one row), with an optional bias.</summary>
    private sealed class Matrix
    {
        private readonly Tensor values;         // keeps the memory alive
        private readonly Tensor? bias;
        private readonly float* data, biasData;
        private readonly int columns;

        internal Matrix(Parameter weight, Parameter? bias = null)
        {
            values = Plain(weight);
            data = (float*)TensorMemory.Address(values);
            columns = (int)weight.shape[^1];
            if (bias is null) return;
            this.bias = Plain(bias);
            biasData = (float*)TensorMemory.Address(this.bias);
        }

        internal ReadOnlySpan<float> Row(int row) => new(data + (long)row * columns, columns);

        internal void Multiply(ReadOnlySpan<float> x, Span<float> y)
        {
            MatrixVector.Multiply(data, x, y, biasData);
            GC.KeepAlive(values);
            GC.KeepAlive(bias);
        }

        private static Tensor Plain(Parameter weight)
        {
            using var quiet = no_grad();
            return Projection.Cast(weight.detach().cpu(), ScalarType.Float32).contiguous().DetachFromDisposeScope();
        }
    }

    private sealed class Weights(DecoderLayer layer)
    {
        internal readonly Matrix InputNorm = new(layer.input_layernorm.weight), PostNorm = new(layer.post_attention_layernorm.weight);
        internal readonly Matrix Query = Of(layer.self_attn.q_proj), Key = Of(layer.self_attn.k_proj),
            Value = Of(layer.self_attn.v_proj), Output = Of(layer.self_attn.o_proj);
        internal readonly Matrix? QueryNorm = layer.self_attn.q_norm is { } q ? new(q.weight) : null,
            KeyNorm = layer.self_attn.k_norm is { } k ? new(k.weight) : null;
        internal readonly Matrix Gate = Of(layer.mlp.gate_proj), Up = Of(layer.mlp.up_proj), Down = Of(layer.mlp.down_proj);

        private static Matrix Of(Projection projection) => new(projection.weight, projection.bias);
    }
}
