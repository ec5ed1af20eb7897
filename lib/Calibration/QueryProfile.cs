using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Calibration;

/// <summary>What the queries of a model's heads have in common over many texts: one prefill of each, nothing compressed or stored.</summary>
public static class QueryProfile
{
    /// <summary>
    /// The filters of Q-Filters (arXiv 2503.02812): of queries after RoPE, drawn at random positions, the first right singular vector, not centred. Its sign is that of most of its
    /// products with them; where as many are above as below 0, that of their sum; else its first number is above 0.
    /// </summary>
    /// <param name="decoder">The model.</param>
    /// <param name="prompts">Token ids, <c>[prompt][token]</c>.</param>
    /// <param name="samples">Queries of each head, as many of each prompt; 3,000 in the paper. They are held until the end.</param>
    /// <param name="seed">Seed of the positions.</param>
    /// <param name="progress">Told how many prompts are done.</param>
    /// <param name="stop">Ends the measurement between two prompts.</param>
    /// <returns><c>[layer, queryHead, dim]</c>.</returns>
    /// <exception cref="LabException">There are no samples, or a query is no number.</exception>
    public static HeadVectors Filters(Decoder decoder, IReadOnlyList<int[]> prompts, int samples = 3000, int seed = 0, Action<int>? progress = null, CancellationToken stop = default)
    {
        if (samples < 1) throw new LabException($"{samples} queries of each head: give 1 or more; the paper takes 3000");
        using var scope = NewDisposeScope();
        var (drawn, places, random) = (new List<Tensor>[decoder.Config.Layers], tensor(0), new Random(seed));
        for (var l = 0; l < drawn.Length; l++) drawn[l] = [];
        See(decoder, prompts, (in LayerView layer) =>
        {
            if (layer.Layer == 0)
            {
                var all = Enumerable.Range(0, layer.Length).Select(p => (long)p).ToArray();
                random.Shuffle(all);
                places = tensor(all[..Math.Min(all.Length, (samples + prompts.Count - 1) / prompts.Count)]).MoveToOtherDisposeScope(scope);
            }
            drawn[layer.Layer].Add(layer.Queries.index_select(1, places).MoveToOtherDisposeScope(scope));
        }, progress, stop);
        return new(drawn.Length, decoder.Config.QueryHeads, [.. drawn.SelectMany(layer => Filters(cat(layer, 1)))]);
    }

    /// <summary>The filters of a layer's heads, head after head.</summary>
    /// <param name="queries"><c>[queryHead, query, dim]</c>.</param>
    internal static float[] Filters(Tensor queries)
    {
        using var scope = NewDisposeScope();
        var rows = queries.to(ScalarType.Float64);
        if (!rows.isfinite().all().item<bool>()) throw new ModelOverflow("filters of the queries: a query is NaN or infinite; compute in float32 or bfloat16");
        var first = linalg.eigh(rows.transpose(1, 2).bmm(rows)).Item2.narrow(2, rows.shape[2] - 1, 1);        // [queryHead, dim, 1]
        var products = rows.bmm(first);
        var (most, sums, own) = (products.sign().sum([1L, 2L]).data<double>().ToArray(), products.sum([1L, 2L]).data<double>().ToArray(), first.contiguous().data<double>().ToArray());
        var dim = (int)rows.shape[2];
        for (var h = 0; h < most.Length; h++)
        {
            var filter = own.AsSpan(h * dim, dim);
            var sign = most[h] != 0 ? most[h] : Math.Abs(sums[h]) > 1e-9 ? sums[h] : filter[Math.Max(0, filter.IndexOfAnyExcept(0))];
            for (var i = 0; i < dim && sign < 0; i++) filter[i] = -filter[i];
        }
        return Array.ConvertAll(own, x => (float)x);
    }

    /// <summary>
    /// The moments of TriAttention (arXiv 2604.04921): of queries before RoPE, with their pairs as complex numbers, the mean and the mean size of each frequency; the first 4 positions of
    /// a prompt are left out, and each other query counts the same.
    /// </summary>
    /// <param name="decoder">The model.</param>
    /// <param name="prompts">Token ids, <c>[prompt][token]</c>.</param>
    /// <param name="progress">Told how many prompts are done.</param>
    /// <param name="stop">Ends the measurement between two prompts.</param>
    /// <returns>Left halves of the mean, right halves, mean sizes: <c>[layer, queryHead, 3 dim / 2]</c>.</returns>
    /// <exception cref="LabException">No prompt has a fifth token, or a query is no number.</exception>
    public static HeadVectors Moments(Decoder decoder, IReadOnlyList<int[]> prompts, Action<int>? progress = null, CancellationToken stop = default)
    {
        var config = decoder.Config;
        var count = prompts.Sum(prompt => Math.Max(0, prompt.Length - BeforeRope.Sinks));
        if (count == 0) throw new LabException($"moments of the queries: no prompt has more than {BeforeRope.Sinks} tokens, which are left out: give longer ones");
        var (sums, half) = (new double[config.Layers][], config.HeadDim / 2);
        for (var l = 0; l < sums.Length; l++) sums[l] = new double[config.QueryHeads * 3 * half];
        See(decoder, prompts, (in LayerView layer) =>
        {
            var sum = Sum(layer);
            for (var i = 0; i < sum.Length; i++) sums[layer.Layer][i] += sum[i];
        }, progress, stop);
        return new(config.Layers, config.QueryHeads, [.. sums.SelectMany(layer => layer.Select(sum => (float)(sum / count)))]);
    }

    /// <summary>Sums over a prompt's queries, <c>[queryHead, 3 dim / 2]</c>.</summary>
    internal static double[] Sum(in LayerView layer)
    {
        var queries = BeforeRope.Queries(layer).to(ScalarType.Float64);
        var half = queries.shape[2] / 2;
        var sizes = (queries.narrow(2, 0, half).square() + queries.narrow(2, half, half).square()).sqrt();
        return cat([queries.sum(dim: 1), sizes.sum(dim: 1)], 1).data<double>().ToArray();
    }

    private static void See(Decoder decoder, IReadOnlyList<int[]> prompts, SeeLayer see, Action<int>? progress, CancellationToken stop)
    {
        foreach (var (done, prompt) in prompts.Index())
        {
            stop.ThrowIfCancellationRequested();
            decoder.Prefill(prompt, null, new Sink(see)).Dispose();
            progress?.Invoke(done + 1);
        }
    }

    private delegate void SeeLayer(in LayerView layer);

    private sealed class Sink(SeeLayer see) : IPromptSink
    {
        public ScorerNeeds Needs { get; } = new() { AllQueries = true };

        public void Accept(in LayerView layer)
        {
            using var scope = NewDisposeScope();
            using var quiet = no_grad();
            see(layer);
        }
    }
}
