using System.Diagnostics;
using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Models;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>A prompt as one variant keeps it; the cache is empty, and the last field says why, where it could not be read.</summary>
internal sealed record ReadPrompt(Variant Variant, RaggedCache Cache, float[] Logits, double Seconds, string? Unread);

/// <summary>Reads prompts for several variants at once, and answers from what they kept.</summary>
internal sealed class PromptReading(LanguageModel model, IReadOnlyDictionary<Variant, CachePolicy> policies)
{
    /// <summary>The model.</summary>
    internal LanguageModel Model => model;

    /// <summary>Entries are stored in the type of the weights.</summary>
    private CacheShape Shape => model.CacheShape(model.Type.Scalar());

    /// <summary>What a compressing variant does; null for the full cache.</summary>
    internal CachePolicy? PolicyOf(Variant variant) => policies.GetValueOrDefault(variant);

    /// <summary>A cache that nothing was read into, with the variant's layer map.</summary>
    internal RaggedCache Empty(Variant variant) => new(Shape, PolicyOf(variant)?.Layers);

    /// <summary>Entries as a row tells them; null on a device, whose copy grows instead of the cache.</summary>
    internal long? EntriesOf(RaggedCache cache) => model.Engine.OnCpu ? cache.Entries : null;

    /// <summary>The caches of variants with the same layer map, from one pass; where one's scores overflow, each from a pass of its own, so that only that one fails.</summary>
    internal List<ReadPrompt> Compress(RaggedCache? prefix, int[] ids, int length, IReadOnlyList<Variant> variants)
    {
        try
        {
            return CompressTogether(prefix, ids, length, variants);
        }
        catch (ModelOverflow e)
        {
            return variants.Count > 1
                ? [.. variants.SelectMany(variant => Compress(prefix, ids, length, [variant]))]
                : [new(variants[0], new RaggedCache(Shape), [], 0, e.Message)];
        }
    }

    /// <summary>An answer, and the id that ended it; null where it was cut off.</summary>
    /// <param name="prompt">How to answer.</param>
    /// <param name="cache">Holds the beginning of the text; the answer is appended to it.</param>
    /// <param name="ids">All tokens before the answer.</param>
    /// <param name="logits">Those after the last token of the cache.</param>
    /// <param name="stop">Ends the run.</param>
    internal (int[] Ids, int? End) Generate(PreparedPrompt prompt, RaggedCache cache, ReadOnlySpan<int> ids, float[] logits, CancellationToken stop)
    {
        int[] stops = [.. prompt.StopIds];
        var (first, last) = (prompt.NoEmptyAnswer, -1);
        var answer = Models.Answer.Run(model.Engine, cache, ids, logits, prompt.FirstToken == FirstToken.RecomputeLast, prompt.MaxNewTokens, stops, scores =>
        {
            last = Generation.Greedy(scores, first ? stops : []);
            first = false;
            return last;
        }, stop: stop);
        stop.ThrowIfCancellationRequested();
        return (answer.Ids, stops.Contains(last) ? last : null);
    }

    /// <summary>The answer, or why there is none, so that the other samples go on. Entries that overflowed may be evicted: the prompt's own logits tell of them too.</summary>
    internal static (int[] Ids, string? Failed) Try(float[] promptLogits, Func<int[]> answer)
    {
        try
        {
            Generation.Greedy(promptLogits);
            return (answer(), null);
        }
        catch (ModelOverflow e)
        {
            return ([], e.Message);
        }
    }

    private List<ReadPrompt> CompressTogether(RaggedCache? prefix, int[] ids, int length, IReadOnlyList<Variant> variants)
    {
        var clock = Stopwatch.StartNew();
        var shape = Shape;
        var compressors = variants.Where(v => !v.IsFull).Select(v => (Variant: v, Compressor: new Compressor(policies[v], v.BudgetFor(length), shape, model.Config.QueryHeads))).ToArray();
        var full = prefix?.Clone() ?? (variants.Any(v => v.IsFull) ? new RaggedCache(shape) : null);
        var done = new List<ReadPrompt>();
        try
        {
            var logits = model.Engine.Prefill(ids, full, compressors.Length == 0 ? null : PromptSinks.Combine([.. compressors.Select(c => c.Compressor)]));
            var seconds = clock.Elapsed.TotalSeconds;
            foreach (var variant in variants.Where(v => v.IsFull)) done.Add(new(variant, full!, logits, seconds, null));
            if (done.Count > 0) full = null;
            foreach (var (variant, compressor) in compressors) done.Add(new(variant, compressor.TakeCache(), logits, seconds, null));
            return done;
        }
        finally
        {
            full?.Dispose();
            foreach (var (_, compressor) in compressors) compressor.Dispose();
        }
    }
}
