using HeadKvLab.Cache;
using HeadKvLab.Compression;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression.Schedules;

/// <summary>A text of random keys, values and queries: a prompt is compressed, then token after token is decoded on what is left, as the decoder would.</summary>
internal sealed class MadeUpText
{
    internal const int Layers = 2, KvHeads = 2, QueryHeads = 4, Dim = 16, Group = QueryHeads / KvHeads;
    internal const float Scale = 0.25f;

    internal MadeUpText(int tokens, int seed = 1)
    {
        Keys = [.. Enumerable.Range(0, Layers).Select(l => RandomTensors.Make(KvHeads, tokens, Dim, seed + 10 * l))];
        Values = [.. Enumerable.Range(0, Layers).Select(l => RandomTensors.Make(KvHeads, tokens, Dim, seed + 10 * l + 1))];
        Queries = [.. Enumerable.Range(0, Layers).Select(l => RandomTensors.Make(QueryHeads, tokens, Dim, seed + 10 * l + 2))];
    }

    /// <summary>Of each layer, <c>[head, token, dim]</c>.</summary>
    internal Tensor[] Keys { get; }

    internal Tensor[] Values { get; }

    internal Tensor[] Queries { get; }

    internal int? SlidingWindow { get; init; }

    /// <summary>Whether the schedule is handed the weights even where the kernel could add them up.</summary>
    internal bool HandsOver { get; init; }

    internal static CacheShape Shape => new(Layers, KvHeads, Dim);

    /// <summary>Compresses the first tokens.</summary>
    internal RaggedCache Compress(CachePolicy policy, Budget budget, int prompt)
    {
        using var compressor = new Compressor(policy, budget, Shape, QueryHeads);
        for (var l = 0; l < Layers; l++) compressor.Accept(View(l, prompt, compressor.Needs));
        return compressor.TakeCache();
    }

    /// <summary>A layer of the prompt, with all that was asked for.</summary>
    internal LayerView View(int layer, int prompt, ScorerNeeds needs)
    {
        var attention = Map(layer, prompt);
        var queries = needs.AllQueries ? prompt : Math.Min(needs.Queries, prompt);
        return (new LayerView(layer, Keys[layer].narrow(1, 0, prompt), Values[layer].narrow(1, 0, prompt), Queries[layer].narrow(1, prompt - queries, queries), Scale, SlidingWindow,
            needs.Sums.ToDictionary(sum => sum, sum => Sum(attention, sum, prompt)), needs.Kinds ? SomeKinds.Of(prompt) : null)
        { KindOf = Kind }).OfModel();
    }

    /// <summary>Ids are positions; kinds as <see cref="SomeKinds"/> deals them out.</summary>
    internal static TokenKind Kind(int id) => SomeKinds.Of(id + 1)[id];

    /// <summary>Decodes the token that stands next.</summary>
    internal void Step(RaggedCache cache)
    {
        var token = cache.LogicalLength;
        var output = new float[QueryHeads * Dim];
        for (var l = 0; l < Layers; l++)
        {
            var queries = Of(Queries[l], token);
            cache[l].Append(Of(Keys[l], token), Of(Values[l], token));
            var weights = cache.Retention is { WantsWeights: true } ? new float[cache[l].WeightsOf(QueryHeads)] : [];
            var sum = HandsOver ? null : cache.Retention?.Sum;
            cache[l].Attend(queries, output, Scale, SlidingWindow, weights, sum);
            cache.Retention?.After(l, queries, new StepWeights(sum is null ? weights : [], cache[l].Counts, QueryHeads / cache[l].Counts.Length), cache[l]);
        }
        cache.Advance(1);
        cache.Retention?.Finish(token, cache);
    }

    internal static float[] Of(Tensor rows, int token) => rows.narrow(1, token, 1).contiguous().data<float>().ToArray();

    /// <summary>Attention of a query over some entries, in double: no kernel, no mask by index.</summary>
    internal double[] Attention(int layer, int queryHead, int token, IReadOnlyList<int> positions)
    {
        var (query, keys) = (Queries[layer][queryHead][token].data<float>().ToArray(), Keys[layer][queryHead / Group]);
        var logits = positions.Select(p => p > token || p <= token - (SlidingWindow ?? int.MaxValue) ? double.NegativeInfinity : Scale * query.Zip(keys[p].data<float>().ToArray(), (a, b) => (double)a * b).Sum()).ToArray();
        var top = logits.Max();
        var sum = logits.Sum(x => Math.Exp(x - top));
        return [.. logits.Select(x => Math.Exp(x - top) / sum)];
    }

    private double[,,] Map(int layer, int prompt)
    {
        var map = new double[QueryHeads, prompt, prompt];
        int[] all = [.. Enumerable.Range(0, prompt)];
        for (var h = 0; h < QueryHeads; h++)
            for (var q = 0; q < prompt; q++)
            {
                var row = Attention(layer, h, q, all);
                for (var j = 0; j < prompt; j++) map[h, q, j] = row[j];
            }
        return map;
    }

    private static Tensor Sum(double[,,] map, AttentionSum wanted, int n)
    {
        var sums = new float[QueryHeads * n];
        for (var h = 0; h < QueryHeads; h++)
            for (var q = 0; q < n; q++)
                for (var j = 0; j <= q - wanted.Skip; j++)
                    if (q - j < wanted.Width(n)) sums[h * n + j] += (float)Math.Pow(map[h, q, j], wanted.Power);
        return tensor(sums, QueryHeads, n);
    }
}
