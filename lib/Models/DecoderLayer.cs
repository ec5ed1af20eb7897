using TorchSharp;
using TorchSharp.Modules;
using HeadKvLab.Cache;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using F = TorchSharp.torch.nn.functional;

namespace HeadKvLab.Models;

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

    internal Tensor Forward(Tensor x, Rotation rotation, KvInputs? inputs = null)
    {
        var normed = input_layernorm.forward(x);
        x = x + self_attn.Forward(normed, rotation, inputs?.Of(Index, normed));   // x [batch, token, hidden]
        return x + mlp.forward(post_attention_layernorm.forward(x));
    }

    /// <summary>
    /// The same without gradients and in place, for a prompt. After attention, rows do not know of each other: they pass in blocks, so that the memory of the
    /// wide feed-forward does not grow with the prompt.
    /// </summary>
    /// <param name="x"><c>[1, token, hidden]</c>; the layer's output takes its place.</param>
    /// <param name="rotation">Rotary positions of the tokens.</param>
    /// <param name="store">Takes the entries and gives what queries read.</param>
    /// <param name="first">First row whose output is needed: those before it are left as they are.</param>
    /// <param name="inputs">Inputs of layers that others project; null: there are none.</param>
    internal void Advance(Tensor x, Rotation rotation, ILayerStore store, long first = 0, KvInputs? inputs = null)
    {
        using var scope = NewDisposeScope();
        var tokens = x.shape[1];
        Tensor mixed;                                                                   // [1, token - first, queryHead · dim]
        using (NewDisposeScope())
        {
            var normed = input_layernorm.forward(x);
            mixed = self_attn.Mix(normed, rotation, store, first, inputs?.Of(Index, normed)).MoveToOuterDisposeScope();
        }
        for (long row = first, rows; row < tokens; row += rows)
        {
            using var blockScope = NewDisposeScope();
            rows = tokens - row < BlockRows + Alignment ? tokens - row : BlockRows;
            var block = x.narrow(1, row, rows);
            var before = store.WatchesStream ? block.clone() : null;
            block.add_(self_attn.o_proj.forward(mixed.narrow(1, row - first, rows)));
            if (before is not null) store.Attended(before, block);
            block.add_(mlp.forward(post_attention_layernorm.forward(block)));
        }
    }

    /// <summary>
    /// First row that is needed where only the last token's output is, and what the sink looks at: a multiple of <see cref="Alignment"/> that leaves more rows than
    /// that, since products of fewer rows take another path and end in other bits.
    /// </summary>
    internal long FirstNeeded(Tensor x, ScorerNeeds needs) => needs.OfAllRows || !self_attn.TakesAnyRows(x) ? 0
        : Math.Max(0, (x.shape[1] - Math.Max(needs.Queries, 1)) / Alignment * Alignment - Alignment);

    private const int Alignment = 64, BlockRows = 1024;
}

/// <summary>
/// Grouped-query attention (GQA, arXiv 2305.13245) with rotary positions: <c>o(softmax(q kᵀ / √dim) v)</c>, each position seeing itself and those before
/// it (within the sliding window). Query head h reads KV head h / group. Qwen3 normalises each head of q and k before it is turned; Qwen2 adds biases.
/// </summary>
internal sealed class SelfAttention : Module
{
    internal readonly Projection q_proj, k_proj, v_proj, o_proj;
    internal readonly RootMeanSquare? q_norm, k_norm;
    private readonly int queryHeads, kvHeads, dim;
    private readonly int? slidingWindow;

    internal SelfAttention(ModelConfig config, WeightSource source, string at, int layer, ScalarType? compute) : base("self_attn")
    {
        (queryHeads, kvHeads, dim) = (config.QueryHeads, config.KvHeads, config.HeadDim);
        (slidingWindow, Scale) = (config.WindowOf(layer), config.AttentionScale);
        q_proj = new Projection(source, $"{at}.q_proj", queryHeads * dim, config.HiddenSize, config.AttentionBias, compute);
        k_proj = new Projection(source, $"{at}.k_proj", kvHeads * dim, config.HiddenSize, config.AttentionBias, compute);
        v_proj = new Projection(source, $"{at}.v_proj", kvHeads * dim, config.HiddenSize, config.AttentionBias, compute);
        o_proj = new Projection(source, $"{at}.o_proj", config.HiddenSize, queryHeads * dim, config.OutputBias, compute);
        q_norm = config.QkNorm ? new RootMeanSquare(source, $"{at}.q_norm", dim, config.NormEpsilon) : null;
        k_norm = config.QkNorm ? new RootMeanSquare(source, $"{at}.k_norm", dim, config.NormEpsilon) : null;
        RegisterComponents();
    }

    internal Tensor Forward(Tensor x, Rotation rotation, Tensor? source = null) => o_proj.forward(Mix(x, rotation, PromptStore.Nowhere, 0, source));

    /// <summary>What the heads mix from the values, <c>[batch, token, queryHead · dim]</c>: all but the output projection; of the queries from <paramref name="first"/> on. Keys and values are projected from <paramref name="source"/>; null: from x.</summary>
    internal Tensor Mix(Tensor x, Rotation rotation, ILayerStore store, long first, Tensor? source = null)
    {
        source ??= x;
        var (batch, tokens) = (x.shape[0], x.shape[1]);
        var queries = tokens - first;
        var q = Heads(q_proj.forward(first == 0 ? x : x.narrow(1, first, queries)), queryHeads, q_norm, rotation.From(first));   // [batch, queryHead, token - first, dim]
        var (k, v) = store.Root ?? (Heads(k_proj.forward(source), kvHeads, k_norm, rotation), v_proj.forward(source).view(batch, tokens, kvHeads, dim).transpose(1, 2));   // [batch, kvHead, token, dim]
        return store.Attend(q, k, v, Scale, slidingWindow).transpose(1, 2).reshape(batch, queries, queryHeads * dim);
    }

    /// <summary>Whether some of a prompt's queries attend to the same bits as all of them: by the lab's kernel they do.</summary>
    internal bool TakesAnyRows(Tensor x) => PromptAttention.Suits(x, dim);

    internal float Scale { get; }

    /// <summary>The output projection's part of each query head, <c>[queryHead, dim, hidden]</c>, float32.</summary>
    internal Tensor Output() => o_proj.weight.detach().view(-1, queryHeads, dim).permute(1, 2, 0).to(ScalarType.Float32);

    /// <summary>Splits a projection into heads, normalises them where the model does, turns them by their positions.</summary>
    private Tensor Heads(Tensor x, int heads, RootMeanSquare? norm, Rotation rotation)
    {
        var split = x.view(x.shape[0], x.shape[1], heads, dim);
        if (norm is not null) split = norm.forward(split);
        return (split.shape[0] == 1 && FusedRows.Suit(split) ? FusedRows.Rotate(split, rotation) : rotation.Apply(split)).transpose(1, 2);
    }
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
