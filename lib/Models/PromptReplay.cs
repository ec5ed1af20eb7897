using HeadKvLab.Cache;
using static TorchSharp.torch;

namespace HeadKvLab.Models;

/// <summary>
/// Reads a prompt, and then its pieces again, for sinks that ask for <see cref="ScorerNeeds.Replays"/>: they see each layer twice, the second time with what was measured.
/// All layers of the prompt are held in float32 until the last piece is read, so that memory is that of an uncompressed cache and 4 bytes for each query head and position.
/// A piece of m tokens attends to n + m positions: reading all of a prompt again costs its projections once more and 2 to 3 times its attention.
/// </summary>
internal static class PromptReplay
{
    /// <summary>As <see cref="Decoder.Prefill"/>.</summary>
    /// <exception cref="LabException">The prompt goes on from another, a piece would leave the model's context, or a layer does not see all of the prompt.</exception>
    internal static Tensor Run(Decoder decoder, ReadOnlySpan<int> ids, RaggedCache? full, IPromptSink sink, bool allLogits)
    {
        var config = decoder.Config;
        PromptChecks.Check(config, ids, full?.LogicalLength ?? 0, sink.Needs);
        var plans = new Dictionary<IReplay, IReadOnlyList<ReplayPiece>>();
        foreach (var replay in sink.Needs.Replays) plans[replay] = replay.Plan(ids);
        var longest = plans.Values.SelectMany(pieces => pieces).Select(piece => piece.Ids.Length).DefaultIfEmpty().Max();
        Check(config, ids.Length, longest);

        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        using var whole = new RaggedCache(new(config.Layers, config.KvHeads, config.HeadDim), full is null ? sink.Layers : full.Layers);
        whole.Reserve(ids.Length + longest);
        var logits = decoder.ReadOnce(ids, whole, sink, allLogits);
        var measured = plans.ToDictionary(plan => plan.Key, plan => Measure(decoder, whole, plan.Key, plan.Value));
        var none = empty(config.QueryHeads, 0, config.HeadDim);
        foreach (var l in whole.Layers?.Stored(config.Layers) ?? [.. Enumerable.Range(0, config.Layers)])
        {
            var (layer, number) = (decoder.Model.layers[l], l);
            full?[l].Append(whole[l].Keys(), whole[l].Values());
            sink.AcceptReplayed(new LayerView(l, whole[l].Keys(), whole[l].Values(), none, layer.self_attn.Scale, config.WindowOf(l))
            {
                Frequencies = decoder.Rotary.Frequencies, Output = layer.self_attn.Output, Replayed = replay => measured[replay][number],
            });
        }
        full?.Advance(ids.Length);
        return logits.MoveToOuterDisposeScope();
    }

    /// <summary>What a replay measures, <c>[layer][queryHead, position]</c>; nothing in layers that are shared.</summary>
    private static Tensor[] Measure(Decoder decoder, RaggedCache whole, IReplay replay, IReadOnlyList<ReplayPiece> pieces)
    {
        var (config, n) = (decoder.Config, whole.LogicalLength);
        Tensor[] measured = [.. Enumerable.Range(0, config.Layers).Select(_ => zeros(config.QueryHeads, n))];
        foreach (var piece in pieces)
        {
            using var step = NewDisposeScope();
            decoder.Read(piece.Ids, whole, new PieceSink(replay, piece, measured, whole.Layers), whole.Layers, allRows: false);
            whole.Truncate(n);
        }
        return measured;
    }

    private static void Check(ModelConfig config, int tokens, int longest)
    {
        if (tokens + longest > config.MaxPositions)
            throw new LabException($"prompt: its {tokens} tokens are read again in pieces of up to {longest}, and {tokens + longest} exceed the model's context of {config.MaxPositions}: give smaller pieces (replay=N), or shorten the prompt");
        for (var layer = 0; layer < config.Layers; layer++)
            if (config.WindowOf(layer) is { } window && window < tokens + longest)
                throw new LabException($"prompt: it is read again by tokens that must see all of it, and layer {layer} sees the last {window} positions only: choose a method that reads once");
    }

    /// <summary>Measures the layers of one piece.</summary>
    private sealed class PieceSink(IReplay replay, ReplayPiece piece, Tensor[] measured, LayerMap? layers) : IPromptSink
    {
        public ScorerNeeds Needs { get; } = new(piece.Ids.Length);

        public LayerMap? Layers => layers;

        public void Accept(in LayerView layer)
        {
            using var scope = NewDisposeScope();
            measured[layer.Layer].narrow(1, piece.First, piece.Count).copy_(replay.Measure(layer, piece));
        }
    }
}
