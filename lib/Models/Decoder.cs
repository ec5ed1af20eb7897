using TorchSharp;
using TorchSharp.Modules;
using HeadKvLab.Cache;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using F = TorchSharp.torch.nn.functional;

namespace HeadKvLab.Models;

/// <summary>Supplies the weight called <paramref name="name"/> (Hugging Face's name) in the given shape: loaded, random, or shared with another decoder.</summary>
/// <param name="name">For example <c>model.layers.0.self_attn.q_proj.weight</c>.</param>
/// <param name="shape">Expected sizes; matrices are <c>[outputs, inputs]</c>.</param>
public delegate Parameter WeightSource(string name, params long[] shape);

/// <summary>
/// The decoder of the Llama family (Llama, Mistral, Qwen2, Qwen3), in this file and in the order of the papers:
/// <code>
/// x = embed(ids)                          x [batch, token, hidden]
/// for each layer:
///     x = x + attend(norm(x))             grouped queries, rotary positions
///     x = x + feedForward(norm(x))        SwiGLU
/// logits = unembed(norm(x))               [batch, token, vocabulary]
/// </code>
/// Sums and norms are float32; only matrix products run in the compute type. It serves training (autograd, batches) and prefill (one prompt,
/// chunked attention, layer by layer eviction); <see cref="DecodeStep"/> does the same arithmetic for single tokens, fused.
/// Keys and values are never expanded to query heads: the queries of a group are stacked as rows against their KV head.
/// </summary>
public sealed class Decoder : Module
{
    private readonly Backbone model;
    private readonly Projection? lm_head;

    /// <summary>Builds the decoder from its weights.</summary>
    /// <param name="config">Sizes and options of the model.</param>
    /// <param name="source">Gives each weight by its Hugging Face name.</param>
    /// <param name="compute">Type of the matrix products; everything else is float32. Null: the type of the weights.</param>
    public Decoder(ModelConfig config, WeightSource source, ScalarType? compute = null) : base("decoder")
    {
        Config = config;
        model = new Backbone(config, source, compute);
        lm_head = config.TieEmbeddings ? null : new Projection(source, "lm_head", config.VocabSize, config.HiddenSize, false, compute);
        Rotary = new RotaryTable(config);
        Compute = compute;
        RegisterComponents();
    }

    /// <summary>Sizes and options.</summary>
    public ModelConfig Config { get; }

    /// <summary>Type of the matrix products; null: the weights' own.</summary>
    public ScalarType? Compute { get; }

    /// <summary>Cosines and sines of the rotary embedding.</summary>
    public RotaryTable Rotary { get; }

    internal Backbone Model => model;

    internal Parameter Unembedding => lm_head?.weight ?? model.embed_tokens.weight;

    /// <summary>Final hidden states of a batch, for training.</summary>
    /// <param name="ids">Token ids <c>[batch, token]</c>, int64.</param>
    /// <param name="positions">Position of each token <c>[batch, token]</c>, int64; gaps are allowed.</param>
    /// <returns><c>[batch, token, hidden]</c>, normalised, ready for <see cref="Logits"/>.</returns>
    public Tensor Hidden(Tensor ids, Tensor positions)
    {
        var x = model.embed_tokens.forward(ids);
        var rotation = Rotary.At(positions);
        foreach (var layer in model.layers) x = layer.Forward(x, rotation, null, null);
        return model.norm.forward(x);
    }

    /// <summary>Logits <c>[..., vocabulary]</c>, float32, of normalised hidden states <c>[..., hidden]</c>.</summary>
    public Tensor Logits(Tensor hidden) => Projection.Multiply(hidden, Unembedding, lm_head?.bias, Compute);

    /// <summary>
    /// Runs a prompt, or a further piece of one, through all layers. After each layer attended, <paramref name="sink"/> sees its
    /// keys, values and last queries; unless <paramref name="full"/> keeps them they are released before the next layer starts.
    /// </summary>
    /// <param name="ids">Tokens of the piece; at least one.</param>
    /// <param name="full">An uncompressed cache that the piece continues and is appended to; null when nothing is to be kept.</param>
    /// <param name="sink">Receives each layer; null when nobody compresses.</param>
    /// <param name="allLogits">Logits of every position instead of the last one.</param>
    /// <returns>Logits <c>[1, vocabulary]</c> of the last token, or <c>[token, vocabulary]</c>; the caller's, or the current dispose scope's.</returns>
    /// <exception cref="LabException">The prompt is empty, too long, or holds ids outside the vocabulary.</exception>
    public Tensor Prefill(ReadOnlySpan<int> ids, RaggedCache? full = null, IPromptSink? sink = null, bool allLogits = false)
    {
        var start = full?.LogicalLength ?? 0;
        PromptChecks.Check(Config, ids, start, sink?.QueriesWanted ?? 0);
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var device = Unembedding.device;
        var x = model.embed_tokens.forward(tensor(PromptChecks.Widen(ids), 1, ids.Length, device: device));
        var rotation = Rotary.At(arange(start, start + ids.Length, ScalarType.Int64, device).unsqueeze(0));
        try
        {
            foreach (var layer in model.layers)
            {
                using var layerScope = NewDisposeScope();
                var next = layer.Forward(x, rotation, full?[layer.Index], sink).MoveToOuterDisposeScope();
                x.Dispose();
                x = next;
            }
        }
        catch
        {
            full?.TakeBack(); // as it was before the prompt
            throw;
        }
        full?.Advance(ids.Length);
        var last = allLogits ? x[0] : x[0].narrow(0, ids.Length - 1, 1);
        return Logits(model.norm.forward(last)).MoveToOuterDisposeScope();
    }
}

/// <summary>Embedding, layers and final norm: what Hugging Face calls <c>model</c>, so that weights have its names.</summary>
internal sealed class Backbone : Module
{
    internal readonly EmbeddingTable embed_tokens;
    internal readonly ModuleList<DecoderLayer> layers;
    internal readonly RootMeanSquare norm;

    internal Backbone(ModelConfig config, WeightSource source, ScalarType? compute) : base("model")
    {
        embed_tokens = new EmbeddingTable(source, "model.embed_tokens", config.VocabSize, config.HiddenSize);
        layers = ModuleList([.. Enumerable.Range(0, config.Layers).Select(l => new DecoderLayer(config, source, l, compute))]);
        norm = new RootMeanSquare(source, "model.norm", config.HiddenSize, config.NormEpsilon);
        RegisterComponents();
    }
}

/// <summary>Rows of the embedding matrix, as float32.</summary>
internal sealed class EmbeddingTable : Module<Tensor, Tensor>
{
    internal readonly Parameter weight;   // [vocabulary, hidden]

    internal EmbeddingTable(WeightSource source, string name, long vocabulary, long hidden) : base(name)
    {
        weight = source($"{name}.weight", vocabulary, hidden);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        var rows = weight.index_select(0, input.reshape(-1));
        return Projection.Cast(rows, ScalarType.Float32).view(input.shape[0], input.shape[1], weight.shape[1]);
    }
}

/// <summary>One layer: <c>x + attend(norm(x))</c>, then <c>x + feedForward(norm(x))</c>.</summary>
internal sealed class DecoderLayer : Module
{
    internal readonly RootMeanSquare input_layernorm, post_attention_layernorm;
    internal readonly SelfAttention self_attn;
    internal readonly FeedForward mlp;

    internal DecoderLayer(ModelConfig config, WeightSource source, int index, ScalarType? compute) : base($"layer{index}")
    {
        Index = index;
        var at = $"model.layers.{index}";
        input_layernorm = new RootMeanSquare(source, $"{at}.input_layernorm", config.HiddenSize, config.NormEpsilon);
        self_attn = new SelfAttention(config, source, $"{at}.self_attn", index, compute);
        post_attention_layernorm = new RootMeanSquare(source, $"{at}.post_attention_layernorm", config.HiddenSize, config.NormEpsilon);
        mlp = new FeedForward(config, source, $"{at}.mlp", compute);
        RegisterComponents();
    }

    internal int Index { get; }

    internal Tensor Forward(Tensor x, Rotation rotation, LayerCache? cache, IPromptSink? sink)
    {
        x = x + self_attn.Forward(input_layernorm.forward(x), rotation, cache, sink);   // x [batch, token, hidden]
        return x + mlp.forward(post_attention_layernorm.forward(x));
    }
}

/// <summary>RMSNorm (arXiv 1910.07467): <c>x / √(mean(x²) + ε) · w</c> over the last dimension, sums and gains in float32.</summary>
internal sealed class RootMeanSquare : Module<Tensor, Tensor>
{
    private static readonly long[] LastDim = [-1];
    internal readonly Parameter weight;   // [dim]
    internal readonly double epsilon;

    internal RootMeanSquare(WeightSource source, string name, long dim, double epsilon) : base(name)
    {
        weight = source($"{name}.weight", dim);
        this.epsilon = epsilon;
        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        if (FusedRows.Suit(input)) return FusedRows.Normalise(input, Projection.Cast(weight, ScalarType.Float32), epsilon);
        var scale = rsqrt(input.mul(input).mean(LastDim, keepdim: true) + epsilon);
        return input * scale * Projection.Cast(weight, ScalarType.Float32);
    }
}

/// <summary>
/// Grouped-query attention (GQA, arXiv 2305.13245) with rotary positions: <c>o(softmax(q kᵀ / √dim) v)</c>, each position seeing itself and those before
/// it (within the sliding window). Query head h reads KV head h / group. Qwen3 normalises each head of q and k before it is turned; Qwen2 adds biases.
/// </summary>
internal sealed class SelfAttention : Module
{
    internal readonly Projection q_proj, k_proj, v_proj, o_proj;
    internal readonly RootMeanSquare? q_norm, k_norm;
    private readonly int layer, queryHeads, kvHeads, dim;
    private readonly int? slidingWindow;

    internal SelfAttention(ModelConfig config, WeightSource source, string at, int layer, ScalarType? compute) : base("self_attn")
    {
        (this.layer, queryHeads, kvHeads, dim) = (layer, config.QueryHeads, config.KvHeads, config.HeadDim);
        slidingWindow = config.WindowOf(layer);
        q_proj = new Projection(source, $"{at}.q_proj", queryHeads * dim, config.HiddenSize, config.AttentionBias, compute);
        k_proj = new Projection(source, $"{at}.k_proj", kvHeads * dim, config.HiddenSize, config.AttentionBias, compute);
        v_proj = new Projection(source, $"{at}.v_proj", kvHeads * dim, config.HiddenSize, config.AttentionBias, compute);
        o_proj = new Projection(source, $"{at}.o_proj", config.HiddenSize, queryHeads * dim, config.OutputBias, compute);
        q_norm = config.QkNorm ? new RootMeanSquare(source, $"{at}.q_norm", dim, config.NormEpsilon) : null;
        k_norm = config.QkNorm ? new RootMeanSquare(source, $"{at}.k_norm", dim, config.NormEpsilon) : null;
        RegisterComponents();
    }

    internal Tensor Forward(Tensor x, Rotation rotation, LayerCache? cache, IPromptSink? sink)
    {
        var (batch, tokens) = (x.shape[0], x.shape[1]);
        var q = Heads(q_proj.forward(x), queryHeads, q_norm, rotation);      // [batch, queryHead, token, dim]
        var k = Heads(k_proj.forward(x), kvHeads, k_norm, rotation);         // [batch, kvHead, token, dim]
        var v = v_proj.forward(x).view(batch, tokens, kvHeads, dim).transpose(1, 2);
        if (cache is not null)
        {
            cache.Append(k[0], v[0]);
            if (cache.Counts[0] > tokens) (k, v) = (cache.Keys().to(k.dtype, k.device).unsqueeze(0), cache.Values().to(v.dtype, v.device).unsqueeze(0));   // what came before, too
        }
        var wanted = sink?.QueriesWanted ?? 0;
        var (mixed, received) = PromptAttention.Causal(q, k, v, Scale, slidingWindow, addUp: wanted == int.MaxValue);   // [batch, queryHead, token, dim]
        sink?.Accept(new LayerPrompt(layer, k[0], v[0], LastQueries(q, wanted), Scale, slidingWindow, received));
        return o_proj.forward(mixed.transpose(1, 2).reshape(batch, tokens, queryHeads * dim));
    }

    internal float Scale => 1f / MathF.Sqrt(dim);

    /// <summary>Splits a projection into heads, normalises them where the model does, turns them by their positions.</summary>
    private Tensor Heads(Tensor x, int heads, RootMeanSquare? norm, Rotation rotation)
    {
        var split = x.view(x.shape[0], x.shape[1], heads, dim);
        if (norm is not null) split = norm.forward(split);
        return (split.shape[0] == 1 && FusedRows.Suit(split) ? FusedRows.Rotate(split, rotation) : rotation.Apply(split)).transpose(1, 2);
    }

    private static Tensor LastQueries(Tensor q, int wanted) => q[0].narrow(1, Math.Max(0, q.shape[2] - wanted), Math.Min(wanted, q.shape[2]));
}

/// <summary>SwiGLU (arXiv 2002.05202): <c>down(silu(gate(x)) · up(x))</c>.</summary>
internal sealed class FeedForward : Module<Tensor, Tensor>
{
    internal readonly Projection gate_proj, up_proj, down_proj;

    internal FeedForward(ModelConfig config, WeightSource source, string at, ScalarType? compute) : base("mlp")
    {
        gate_proj = new Projection(source, $"{at}.gate_proj", config.IntermediateSize, config.HiddenSize, config.MlpBias, compute);
        up_proj = new Projection(source, $"{at}.up_proj", config.IntermediateSize, config.HiddenSize, config.MlpBias, compute);
        down_proj = new Projection(source, $"{at}.down_proj", config.HiddenSize, config.IntermediateSize, config.MlpBias, compute);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        var (gate, up) = (gate_proj.forward(input), up_proj.forward(input));
        return down_proj.forward(FusedRows.Suit(gate) ? FusedRows.SwiGlu(gate, up) : F.silu(gate) * up);
    }
}

/// <summary>A linear map <c>y = x Wᵀ + b</c> whose product runs in the compute type and returns float32. On the CPU, float16 is multiplied as float32: libtorch 1.13 has no other way.</summary>
internal sealed class Projection : Module<Tensor, Tensor>
{
    internal readonly Parameter weight;   // [outputs, inputs]
    internal readonly Parameter? bias;    // [outputs]
    private readonly ScalarType? compute;

    internal Projection(WeightSource source, string name, long outputs, long inputs, bool hasBias, ScalarType? compute) : base(name)
    {
        weight = source($"{name}.weight", outputs, inputs);
        bias = hasBias ? source($"{name}.bias", outputs) : null;
        this.compute = compute;
        RegisterComponents();
    }

    public override Tensor forward(Tensor input) => Multiply(input, weight, bias, compute);

    internal static Tensor Multiply(Tensor x, Parameter weight, Parameter? bias, ScalarType? compute)
    {
        var type = compute ?? weight.dtype;
        if (type == ScalarType.Float16 && x.device_type == DeviceType.CPU) type = ScalarType.Float32;
        var product = F.linear(Cast(x, type), Cast(weight, type), bias is null ? null : Cast(bias, type));
        return Cast(product, ScalarType.Float32);
    }

    internal static Tensor Cast(Tensor x, ScalarType type) => x.dtype == type ? x : x.to(type);
}
