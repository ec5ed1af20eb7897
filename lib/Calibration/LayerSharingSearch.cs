using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Calibration;

/// <summary>
/// KVSharer's search for layers that may share entries (arXiv 2410.18517): keys after RoPE and values of every layer, averaged over texts of one length; all pairs of layers in the order
/// of their distance, the least similar first; a pair is accepted if the mean cosine of the last hidden states, each text's in one row, is above a threshold with the layers that are
/// shared by then. The authors' code skips texts of another length than the first and divides by their number all the same; here they are cut to one length, shorter ones are dropped
/// and counted. Equal distances: the smaller layers first. Cost: one prefill of each text, and one more for each pair tried.
/// </summary>
public static class LayerSharingSearch
{
    /// <summary>The cosine that a pair must exceed in the authors' code.</summary>
    public const double UsualThreshold = 0.5;

    /// <summary>Searches a map.</summary>
    /// <param name="decoder">The model.</param>
    /// <param name="prompts">Token ids, <c>[prompt][token]</c>.</param>
    /// <param name="tokens">Tokens of each text that are looked at; shorter ones are dropped.</param>
    /// <param name="count">Layers to share; the search ends with fewer where no more pairs are accepted.</param>
    /// <param name="threshold">Cosine above which a pair is accepted.</param>
    /// <param name="order">How pairs are tried.</param>
    /// <param name="seed">Seed of a random order.</param>
    /// <param name="progress">Told how many pairs were tried.</param>
    /// <param name="stop">Ends the search between two pairs.</param>
    /// <exception cref="LabException">No text is long enough, the model has not so many layers to share, or a key, a value or a state is no number (<see cref="ModelOverflow"/>).</exception>
    public static LayerSharing Run(Decoder decoder, IReadOnlyList<int[]> prompts, int tokens, int count, double threshold = UsualThreshold, SharingOrder order = SharingOrder.Dissimilar, int seed = 0,
        Action<int>? progress = null, CancellationToken stop = default)
    {
        var config = decoder.Config;
        if (count < 1 || count >= config.Layers) throw new LabException($"{count} shared layers: give 1 to {config.Layers - 1}, one layer of the model's {config.Layers} must store");
        int[][] texts = [.. prompts.Where(prompt => prompt.Length >= tokens).Select(prompt => prompt[..tokens])];
        if (tokens < 1 || texts.Length == 0) throw new LabException($"layer map: none of the {prompts.Count} texts has {tokens} tokens: give longer ones, or look at fewer tokens");
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var means = new Means(config.Layers, scope);
        Tensor[] unchanged = [.. texts.Select(text => States(decoder, text, null, means))];
        var (map, tried) = Search(Ordered(means.Pairs(texts.Length), order, seed), count, threshold, (layer, root) => config.WindowOf(layer) == config.WindowOf(root), changed =>
        {
            stop.ThrowIfCancellationRequested();
            using var own = NewDisposeScope();
            return texts.Select((text, i) => nn.functional.cosine_similarity(unchanged[i], States(decoder, text, changed), 0).item<double>()).Average();
        }, progress);
        return new(config.Layers, map, order, seed, threshold, texts.Length, prompts.Count - texts.Length, tried);
    }

    /// <summary>Mean -ln p of every token of texts but the first of each, in nats, with all entries stored and some layers shared.</summary>
    /// <param name="decoder">The model.</param>
    /// <param name="prompts">Token ids, <c>[prompt][token]</c>, of 2 tokens or more.</param>
    /// <param name="layers">The shared layers; null: none.</param>
    /// <returns>One loss for each text.</returns>
    public static double[] Losses(Decoder decoder, IReadOnlyList<int[]> prompts, LayerMap? layers) => [.. prompts.Select(prompt =>
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        if (prompt.Length < 2) throw new LabException("loss of a text: it has no second token; give longer texts");
        var logits = decoder.Logits(decoder.Hidden(prompt.AsSpan(..^1), layers)).to(ScalarType.Float32);
        var targets = tensor(PromptChecks.Widen(prompt.AsSpan(1..)), device: logits.device);
        return nn.functional.cross_entropy(logits, targets).item<float>() is var loss && float.IsFinite(loss) ? (double)loss : throw new ModelOverflow("loss of a text: a logit is NaN or infinite; compute in float32 or bfloat16");
    })];

    /// <summary>Tries pairs in an order.</summary>
    /// <param name="pairs">The pairs.</param>
    /// <param name="count">Layers to share.</param>
    /// <param name="threshold">Cosine above which a pair is accepted.</param>
    /// <param name="allowed">Whether a layer may read a root.</param>
    /// <param name="cosine">How like the unchanged model's the last hidden states under a map are.</param>
    /// <param name="progress">Told how many pairs were tried.</param>
    internal static (LayerMap Map, IReadOnlyList<TriedPair> Tried) Search(IEnumerable<LayerPair> pairs, int count, double threshold, Func<int, int, bool> allowed, Func<LayerMap, double> cosine, Action<int>? progress = null)
    {
        var (map, tried) = (new LayerMap(), new List<TriedPair>());
        foreach (var pair in pairs)
        {
            if (map.Shared == count) break;
            var root = map.Root(pair.With);
            if (map.IsShared(pair.Layer) || !allowed(pair.Layer, root)) continue;
            var changed = map.With(pair.Layer, pair.With);
            var alike = cosine(changed);
            tried.Add(new(pair, root, alike, alike > threshold));
            if (alike > threshold) map = changed;
            progress?.Invoke(tried.Count);
        }
        return (map, tried);
    }

    /// <summary>Pairs as they are tried; equal distances: smaller layers first.</summary>
    internal static IReadOnlyList<LayerPair> Ordered(IReadOnlyList<LayerPair> pairs, SharingOrder order, int seed)
    {
        LayerPair[] all = [.. pairs.OrderBy(pair => pair.Layer).ThenBy(pair => pair.With)];
        if (order == SharingOrder.Random) new Random(seed).Shuffle(all);
        return order switch { SharingOrder.Dissimilar => [.. all.OrderByDescending(pair => pair.Distance)], SharingOrder.Similar => [.. all.OrderBy(pair => pair.Distance)], _ => all };
    }

    /// <summary>Distances of all pairs.</summary>
    /// <param name="keys">Mean keys of each layer, <c>[kvHead, position, dim]</c>.</param>
    /// <param name="values">Mean values, same shape.</param>
    internal static IReadOnlyList<LayerPair> Pairs(IReadOnlyList<Tensor> keys, IReadOnlyList<Tensor> values)
    {
        using var scope = NewDisposeScope();
        static double Mean(Tensor rows) => rows.to(ScalarType.Float64).norm(2, false, 2.0f).mean().item<double>();
        double[] longKeys = [.. keys.Select(Mean)], longValues = [.. values.Select(Mean)];
        if (longKeys.Concat(longValues).Any(length => !double.IsFinite(length))) throw new ModelOverflow("layer map: a key or a value is NaN or infinite; compute in float32 or bfloat16");
        return [.. from i in Enumerable.Range(0, keys.Count) from j in Enumerable.Range(0, i)
                   let k = Mean(keys[i] - keys[j]) let v = Mean(values[i] - values[j])
                   select new LayerPair(i, j, (k + v) / 2, (Share(k, longKeys[i] + longKeys[j]) + Share(v, longValues[i] + longValues[j])) / 2)];

        static double Share(double distance, double lengths) => lengths > 0 ? distance / (lengths / 2) : 0;
    }

    /// <summary>The last hidden states of a text in one row, float64.</summary>
    private static Tensor States(Decoder decoder, int[] text, LayerMap? layers, Means? sink = null) =>
        decoder.Hidden(text, layers, sink).to(ScalarType.Float64).flatten() is var states && states.isfinite().all().item<bool>() ? states
            : throw new ModelOverflow("layer map: a hidden state is NaN or infinite; compute in float32 or bfloat16");

    /// <summary>Sums of the keys and values of texts of one length.</summary>
    private sealed class Means(int layers, DisposeScope owner) : IPromptSink
    {
        private readonly Tensor?[] _keys = new Tensor?[layers], _values = new Tensor?[layers];

        public ScorerNeeds Needs => ScorerNeeds.None;

        public void Accept(in LayerView layer)
        {
            _keys[layer.Layer] = Added(_keys[layer.Layer], layer.Keys);
            _values[layer.Layer] = Added(_values[layer.Layer], layer.Values);
        }

        internal IReadOnlyList<LayerPair> Pairs(int texts) => LayerSharingSearch.Pairs([.. _keys.Select(sum => sum! / texts)], [.. _values.Select(sum => sum! / texts)]);

        private Tensor Added(Tensor? sum, Tensor one) => sum is null ? one.to(ScalarType.Float32).clone().MoveToOtherDisposeScope(owner) : sum.add_(one);
    }
}
