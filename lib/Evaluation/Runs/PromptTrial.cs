using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Models;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>One prompt under one method: what each head kept, and what the model answered from it.</summary>
/// <param name="Method">Name of the method.</param>
/// <param name="Kept">Whether a head kept a position, <c>[layer, kvHead, position]</c>; a summary of dropped entries is at no position.</param>
/// <param name="Answer">What was generated.</param>
/// <param name="Entries">Entries stored after the prefill, summaries included.</param>
/// <param name="Bytes">Their bytes, keys and values.</param>
public sealed record PromptTrial(string Method, bool[,,] Kept, string Answer, long Entries, long Bytes)
{
    /// <summary>Runs a prompt through several methods at one budget: one prefill serves all; the first answer token is recomputed on what was kept.</summary>
    /// <param name="model">The model.</param>
    /// <param name="prompt">Token ids.</param>
    /// <param name="methods">At least one.</param>
    /// <param name="budget">The budget, KV heads owning entries.</param>
    /// <param name="most">Most tokens of the answer.</param>
    /// <param name="stopToken">Token that ends the answer, beside the model's end of text.</param>
    /// <returns>A trial for each method, in their order.</returns>
    public static IReadOnlyList<PromptTrial> Run(LanguageModel model, int[] prompt, IReadOnlyList<Method> methods, Budget budget, int most = 16, string stopToken = ".")
    {
        if (budget.Granularity != Granularity.KvHead) throw new LabException("a prompt trial shows KV heads: give a budget of KV-head granularity");
        Compressor[] compressors = [.. methods.Select(method => new Compressor(method, budget, model.CacheShape(), model.Config.QueryHeads))];
        Generation.Greedy(model.Engine.Prefill(prompt, null, PromptSinks.Combine(compressors)));   // entries that overflowed may be evicted, and not be noticed later
        int[] stops = [model.Tokenizer.IdOf(stopToken), .. model.Config.EosIds];
        var trials = new List<PromptTrial>();
        foreach (var compressor in compressors)
        {
            using var _ = compressor;
            using var cache = compressor.TakeCache();
            var (kept, entries, bytes) = (Mask(cache, prompt.Length), cache.Entries, cache.StoredBytes);
            int[] answer;
            try
            {
                answer = Models.Answer.Run(model.Engine, cache, prompt, [], recomputeLast: true, most, stops, Generation.Greedy).Ids;
            }
            catch (ModelOverflow e)
            {
                throw e.At(compressor.Method.Name);
            }
            trials.Add(new(compressor.Method.Name, kept, model.Tokenizer.Decode(answer).Trim(), entries, bytes));
        }
        return trials;
    }

    /// <summary>Share of all heads that kept each position, <c>[position]</c>.</summary>
    public double[] Shares() => [.. Enumerable.Range(0, Kept.GetLength(2)).Select(position => Keepers(position) / (double)(Kept.GetLength(0) * Kept.GetLength(1)))];

    /// <summary>Heads that kept every one of some positions, of all layers.</summary>
    /// <param name="start">First position.</param>
    /// <param name="length">Number of positions.</param>
    public int HeadsHolding(int start, int length)
    {
        var holding = 0;
        for (var layer = 0; layer < Kept.GetLength(0); layer++)
            for (var head = 0; head < Kept.GetLength(1); head++)
                if (Holds(layer, head, start, length)) holding++;
        return holding;
    }

    /// <summary>How much of some positions the important heads kept: the share each head kept, weighted by its importance; between 0 and 1.</summary>
    /// <param name="importance">Importance of every KV head, or of the query heads that share it.</param>
    /// <param name="start">First position.</param>
    /// <param name="length">Number of positions.</param>
    public double ImportanceHolding(HeadImportance importance, int start, int length)
    {
        var weights = importance.Aggregate(Kept.GetLength(1), GroupReduction.Mean).Normalised();
        var shares = ShareKept(start, length);
        var sum = 0.0;
        for (var layer = 0; layer < weights.Layers; layer++)
            for (var head = 0; head < weights.Heads; head++) sum += weights[layer, head] * shares[layer, head];
        return sum;
    }

    /// <summary>Share of some positions that each head kept, <c>[layer, kvHead]</c>: a heat map.</summary>
    /// <param name="start">First position.</param>
    /// <param name="length">Number of positions.</param>
    public double[,] ShareKept(int start, int length)
    {
        var map = new double[Kept.GetLength(0), Kept.GetLength(1)];
        for (var layer = 0; layer < map.GetLength(0); layer++)
            for (var head = 0; head < map.GetLength(1); head++)
                map[layer, head] = Enumerable.Range(start, length).Count(position => Kept[layer, head, position]) / (double)length;
        return map;
    }

    /// <summary>Positions kept by each head, <c>[layer, kvHead]</c>.</summary>
    public int[,] Counts()
    {
        var counts = new int[Kept.GetLength(0), Kept.GetLength(1)];
        for (var layer = 0; layer < counts.GetLength(0); layer++)
            for (var head = 0; head < counts.GetLength(1); head++)
                counts[layer, head] = Enumerable.Range(0, Kept.GetLength(2)).Count(position => Kept[layer, head, position]);
        return counts;
    }

    private bool Holds(int layer, int head, int start, int length)
    {
        for (var position = start; position < start + length; position++)
            if (!Kept[layer, head, position]) return false;
        return true;
    }

    private int Keepers(int position)
    {
        var keepers = 0;
        for (var layer = 0; layer < Kept.GetLength(0); layer++)
            for (var head = 0; head < Kept.GetLength(1); head++)
                if (Kept[layer, head, position]) keepers++;
        return keepers;
    }

    private static bool[,,] Mask(RaggedCache cache, int length)
    {
        var mask = new bool[cache.Shape.Layers, cache.Shape.KvHeads, length];
        for (var layer = 0; layer < cache.Shape.Layers; layer++)
            for (var head = 0; head < cache.Shape.KvHeads; head++)
                foreach (var position in cache[layer].Positions(head))
                    if (position >= 0) mask[layer, head, position] = true;
        return mask;
    }
}
