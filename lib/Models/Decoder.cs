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
        using var inputs = KvInputs.Of(Config);
        foreach (var layer in model.layers) x = layer.Forward(x, rotation, inputs);
        return model.norm.forward(x);
    }

    /// <summary>Logits <c>[..., vocabulary]</c>, float32, of normalised hidden states <c>[..., hidden]</c>.</summary>
    public Tensor Logits(Tensor hidden) => Projection.Multiply(hidden, Unembedding, lm_head?.bias, Compute);

    /// <summary>
    /// Runs a prompt, or a further piece of one, through all layers. After each layer attended, <paramref name="sink"/> sees its
    /// keys, values and last queries; unless <paramref name="full"/> keeps them they are released before the next layer starts. Where the sink asks for replays
    /// all of them are held, in float32, until the prompt was read again (<see cref="PromptReplay"/>).
    /// </summary>
    /// <param name="ids">Tokens of the piece; at least one.</param>
    /// <param name="full">An uncompressed cache that the piece continues and is appended to; null when nothing is to be kept.</param>
    /// <param name="sink">Receives each layer; null when nobody compresses.</param>
    /// <param name="allLogits">Logits of every position instead of the last one.</param>
    /// <returns>Logits <c>[1, vocabulary]</c> of the last token, or <c>[token, vocabulary]</c>; the caller's, or the current dispose scope's.</returns>
    /// <exception cref="LabException">The prompt is empty, too long, or holds ids outside the vocabulary; or layers share entries that this model's cannot; or the prompt cannot be read again.</exception>
    /// <exception cref="ArgumentException">The cache and the sink share different layers.</exception>
    public Tensor Prefill(ReadOnlySpan<int> ids, RaggedCache? full = null, IPromptSink? sink = null, bool allLogits = false)
    {
        if (full is not null && sink is not null && full.Layers != sink.Layers) throw new ArgumentException($"the cache shares layers as {full.Layers?.Name ?? "none"}, the sink as {sink.Layers?.Name ?? "none"}: one prefill has one layer map", nameof(sink));
        return sink is { Needs.Replays.Count: > 0 } ? PromptReplay.Run(this, ids, full, sink, allLogits) : ReadOnce(ids, full, sink, allLogits);
    }

    /// <summary>The same for a sink that looks at one reading.</summary>
    internal Tensor ReadOnce(ReadOnlySpan<int> ids, RaggedCache? full, IPromptSink? sink, bool allLogits)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var x = Read(ids, full, sink, full is null ? sink?.Layers : full.Layers, allLogits);
        var last = allLogits ? x[0] : x[0].narrow(0, ids.Length - 1, 1);
        return Logits(model.norm.forward(last)).MoveToOuterDisposeScope();
    }

    /// <summary>Final hidden states of a prompt, normalised, <c>[token, hidden]</c>; nothing is kept. The caller's, or the current dispose scope's.</summary>
    /// <param name="ids">Its tokens.</param>
    /// <param name="layers">Layers that are shared; null: none.</param>
    /// <param name="sink">Receives the layers; null: nobody looks.</param>
    internal Tensor Hidden(ReadOnlySpan<int> ids, LayerMap? layers, IPromptSink? sink = null)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        return model.norm.forward(Read(ids, null, sink, layers, allRows: true)[0]).MoveToOuterDisposeScope();
    }

    /// <summary>Hidden states of a prompt after the last layer, <c>[1, token, hidden]</c>; unless all rows are asked for, only the last of them is right.</summary>
    internal Tensor Read(ReadOnlySpan<int> ids, RaggedCache? full, IPromptSink? sink, LayerMap? layers, bool allRows)
    {
        var start = full?.LogicalLength ?? 0;
        PromptChecks.Check(Config, ids, start, sink?.Needs ?? ScorerNeeds.None);
        if (layers is not null) PromptChecks.Check(Config, layers);
        using var inputs = KvInputs.Of(Config);
        using var roots = layers is { Shared: > 0 } ? new PromptRoots(layers) : null;
        var device = Unembedding.device;
        var x = model.embed_tokens.forward(tensor(PromptChecks.Widen(ids), 1, ids.Length, device: device));
        var rotation = Rotary.At(arange(start, start + ids.Length, ScalarType.Int64, device).unsqueeze(0));
        try
        {
            foreach (var layer in model.layers)
            {
                var shared = roots?.StoreOf(layer.Index);
                var first = allRows || layer.Index < Config.Layers - 1 ? 0 : layer.FirstNeeded(x, shared is null && sink is not null ? sink.Needs : ScorerNeeds.None);
                layer.Advance(x, rotation, shared ?? (ILayerStore)new PromptStore(layer.Index, full?[layer.Index], sink, Rotary.Frequencies, layer.self_attn.Output, x, roots?.Keeper(layer.Index)), first, inputs);
                roots?.Release(layer.Index);
            }
        }
        catch
        {
            full?.Truncate(start); // as it was before the prompt
            throw;
        }
        full?.Advance(ids.Length);
        return x;
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
