using HeadKvLab.Evaluation.Protocols;
using System.Diagnostics;
using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Models;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>What one variant generated.</summary>
internal sealed record VariantAnswer(Variant Variant, int[] Ids, long Entries, long Bytes, double PrefillSeconds, double DecodeSeconds)
{
    /// <summary>Bytes of the entries as papers count them; null without a format.</summary>
    internal long? NominalBytes { get; init; }

    /// <summary>Entries when the answer ended; null on a device, whose copy grows instead of the cache.</summary>
    internal long? EntriesAtEnd { get; init; }

    /// <summary>Tokens that were read, and seconds to choose them; null where no reducer shortened the prompt.</summary>
    internal (int Tokens, double Seconds)? Reduced { get; init; }

    /// <summary>What decoding read; null on a device, or where nothing was decoded.</summary>
    internal DecodeReads? Reads { get; init; }

    /// <summary>Why there is no answer; null where there is one.</summary>
    internal string? Failed { get; init; }
}

/// <summary>
/// The questions on one context. The tokens that all their prompts begin with are prefilled once; a question continues a copy of that cache, and this
/// one pass feeds the compressors of all variants; variants that share layers have passes of their own, one for each layer map. A variant whose scorer looks at more queries than a question has tokens (H2O) gets a prefill in one
/// piece. Where the protocol compresses before the question, the compressed caches are made once and every question is read into copies of them.
/// </summary>
internal sealed class ContextRun : IDisposable
{
    private readonly LanguageModel _model;
    private readonly IReadOnlyDictionary<Variant, CachePolicy> _policies;
    private readonly int _shared;
    private readonly Dictionary<Variant, Compressed> _before = [];
    private readonly ShorterPrompts _shorter;
    private int[]? _beforeIds;
    private readonly Dictionary<string, (RaggedCache Cache, double Seconds)> _prefixes = []; // by layer map

    internal ContextRun(LanguageModel model, IReadOnlyDictionary<Variant, CachePolicy> policies, IReadOnlyList<(EvalTask, PreparedPrompt)> prompts, int seed)
    {
        (_model, _policies, Prompts, _shorter) = (model, policies, prompts, new(model, seed));
        _shared = prompts.Count > 1 ? CommonLength([.. prompts.Select(p => p.Item2.Ids)]) : 0;
    }

    internal IReadOnlyList<(EvalTask Task, PreparedPrompt Prompt)> Prompts { get; }

    /// <summary>Entries are stored in the type of the weights.</summary>
    private CacheShape Shape => _model.CacheShape(_model.Type.Scalar());

    internal IEnumerable<VariantAnswer> Answer(PreparedPrompt prompt, IReadOnlyList<Variant> variants, CancellationToken stop)
    {
        if (variants.Count == 0) return [];
        stop.ThrowIfCancellationRequested();
        return AnswerWhole(prompt, [.. variants.Where(v => v.Reducer is null)], stop).Concat(variants.Where(v => v.Reducer is not null).SelectMany(v => AnswerShorter(prompt, v, stop)));
    }

    private IEnumerable<VariantAnswer> AnswerWhole(PreparedPrompt prompt, IReadOnlyList<Variant> variants, CancellationToken stop) =>
        variants.Count == 0 ? [] : prompt.CompressAt < prompt.Ids.Length ? AnswerAfter(prompt, variants, stop) : AnswerWithin(prompt, variants, stop);

    /// <summary>What a reducer leaves of the prompt is a prompt of its own, and read alone.</summary>
    private IEnumerable<VariantAnswer> AnswerShorter(PreparedPrompt prompt, Variant variant, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested();
        var (shorter, seconds) = _shorter.Of(prompt, variant);
        using var alone = new ContextRun(_model, _policies, [], 0);
        foreach (var answer in alone.AnswerWhole(shorter, [variant], stop)) yield return answer with { Reduced = (shorter.Ids.Length, seconds) };
    }

    public void Dispose()
    {
        foreach (var (prefix, _) in _prefixes.Values) prefix.Dispose();
        foreach (var compressed in _before.Values) compressed.Cache.Dispose();
    }

    /// <summary>Question inside the compressed prompt.</summary>
    private IEnumerable<VariantAnswer> AnswerWithin(PreparedPrompt prompt, IReadOnlyList<Variant> variants, CancellationToken stop)
    {
        var own = prompt.Ids.Length - _shared;
        foreach (var pass in variants.GroupBy(v => (v.Layers, Whole: _shared == 0 || (!v.IsFull && _policies[v].Needs(v.Window).ExceedPiece(own)))).OrderBy(g => g.Key.Whole))
        {
            stop.ThrowIfCancellationRequested();
            var (prefix, prefixSeconds) = pass.Key.Whole ? (null, 0) : Prefix(prompt, pass.First());
            var caches = Compress(prefix, prefix is null ? prompt.Ids : prompt.Ids[_shared..], prompt.WholeTokens, [.. pass]);
            try
            {
                foreach (var (variant, cache, logits, seconds, unread) in caches)
                {
                    if (unread is not null)
                    {
                        yield return new(variant, [], 0, 0, seconds, 0) { Failed = unread };
                        continue;
                    }
                    var clock = Stopwatch.StartNew();
                    var (entries, bytes, nominal) = (cache.Entries, cache.StoredBytes, cache.Format is null ? (long?)null : cache.NominalBytes);
                    var (ids, failed) = Try(logits, () => Generate(prompt, cache, logits, stop));
                    yield return new(variant, ids, entries, bytes, seconds + prefixSeconds, clock.Elapsed.TotalSeconds) { Failed = failed, NominalBytes = nominal, EntriesAtEnd = EntriesOf(cache), Reads = DecodeReads.Of(cache) };
                    cache.Dispose();
                }
            }
            finally
            {
                foreach (var compressed in caches) compressed.Cache.Dispose();
            }
        }
    }

    /// <summary>Question after compression.</summary>
    private IEnumerable<VariantAnswer> AnswerAfter(PreparedPrompt prompt, IReadOnlyList<Variant> variants, CancellationToken stop)
    {
        var context = prompt.Ids[..prompt.CompressAt];
        if (_beforeIds is null || !_beforeIds.AsSpan().SequenceEqual(context)) Forget();
        _beforeIds = context;
        var missing = variants.Where(v => !_before.ContainsKey(v)).ToArray();
        if (missing.Length > 0)
            foreach (var pass in missing.GroupBy(v => v.Layers))
                foreach (var compressed in Compress(null, context, context.Length + prompt.WholeTokens - prompt.Ids.Length, [.. pass])) _before[compressed.Variant] = compressed;
        foreach (var variant in variants)
        {
            stop.ThrowIfCancellationRequested();
            var (_, kept, before, seconds, unread) = _before[variant];
            if (unread is not null)
            {
                yield return new(variant, [], 0, 0, seconds, 0) { Failed = unread };
                continue;
            }
            var clock = Stopwatch.StartNew();
            using var cache = kept.Clone();
            var (ids, failed) = Try(before, () => Generate(prompt, cache, before, stop));
            yield return new(variant, ids, kept.Entries, kept.StoredBytes, seconds, clock.Elapsed.TotalSeconds) { Failed = failed, NominalBytes = kept.Format is null ? null : kept.NominalBytes, EntriesAtEnd = EntriesOf(cache), Reads = DecodeReads.Of(cache) };
        }
    }

    private long? EntriesOf(RaggedCache cache) => _model.Engine.OnCpu ? cache.Entries : null;

    /// <summary>The caches of variants with the same layer map, from one pass; where one's scores overflow, each from a pass of its own, so that only that one fails.</summary>
    private List<Compressed> Compress(RaggedCache? prefix, int[] ids, int length, IReadOnlyList<Variant> variants)
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

    private List<Compressed> CompressTogether(RaggedCache? prefix, int[] ids, int length, IReadOnlyList<Variant> variants)
    {
        var clock = Stopwatch.StartNew();
        var shape = Shape;
        var compressors = variants.Where(v => !v.IsFull).Select(v => (Variant: v, Compressor: new Compressor(_policies[v], v.BudgetFor(length), shape, _model.Config.QueryHeads))).ToArray();
        var full = prefix?.Clone() ?? (variants.Any(v => v.IsFull) ? new RaggedCache(shape) : null);
        var done = new List<Compressed>();
        try
        {
            var logits = _model.Engine.Prefill(ids, full, compressors.Length == 0 ? null : PromptSinks.Combine([.. compressors.Select(c => c.Compressor)]));
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

    private (RaggedCache? Cache, double Seconds) Prefix(PreparedPrompt prompt, Variant variant)
    {
        if (_prefixes.TryGetValue(variant.Layers ?? "", out var known)) return known;
        var clock = Stopwatch.StartNew();
        var prefix = new RaggedCache(Shape, variant.IsFull ? null : _policies[variant].Layers);
        try
        {
            _model.Engine.Prefill(prompt.Ids.AsSpan(0, _shared), prefix);
        }
        catch
        {
            prefix.Dispose();
            throw;
        }
        return _prefixes[variant.Layers ?? ""] = (prefix, clock.Elapsed.TotalSeconds);
    }

    private int[] Generate(PreparedPrompt prompt, RaggedCache cache, float[] logits, CancellationToken stop)
    {
        int[] stops = [.. prompt.StopIds];
        var first = prompt.NoEmptyAnswer;
        var answer = Models.Answer.Run(_model.Engine, cache, prompt.Ids, logits, prompt.FirstToken == FirstToken.RecomputeLast, prompt.MaxNewTokens, stops, scores =>
        {
            var id = Generation.Greedy(scores, first ? stops : []);
            first = false;
            return id;
        }, stop: stop);
        stop.ThrowIfCancellationRequested();
        return answer.Ids;
    }

    /// <summary>The answer, or why there is none, so that the other samples go on. Entries that overflowed may be evicted: the prompt's own logits tell of them too.</summary>
    private static (int[] Ids, string? Failed) Try(float[] promptLogits, Func<int[]> answer)
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

    private void Forget()
    {
        foreach (var compressed in _before.Values) compressed.Cache.Dispose();
        _before.Clear();
    }

    /// <summary>Tokens that all prompts begin with; at least the last token of each stays its own.</summary>
    private static int CommonLength(IReadOnlyList<int[]> prompts)
    {
        var common = prompts.Min(p => p.Length) - 1;
        foreach (var prompt in prompts) common = Math.Min(common, prompt.AsSpan().CommonPrefixLength(prompts[0]));
        return Math.Max(0, common);
    }

    /// <summary>A prompt that was read; the cache is empty, and the last field says why, where it could not be.</summary>
    private sealed record Compressed(Variant Variant, RaggedCache Cache, float[] Logits, double Seconds, string? Unread);
}
