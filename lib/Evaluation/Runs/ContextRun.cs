using HeadKvLab.Evaluation.Protocols;
using System.Diagnostics;
using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Models;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>
/// The questions on one context. The tokens that all their prompts begin with are prefilled once; a question continues a copy of that cache, and this
/// one pass feeds the compressors of all variants; variants that share layers have passes of their own, one for each layer map. A variant whose scorer looks at more queries than a question has tokens (H2O) gets a prefill in one
/// piece. Where the protocol compresses before the question, the compressed caches are made once and every question is read into copies of them.
/// </summary>
internal sealed class ContextRun : IDisposable
{
    private readonly PromptReading _reading;
    private readonly int _shared;
    private readonly Dictionary<Variant, ReadPrompt> _before = [];
    private readonly ShorterPrompts _shorter;
    private int[]? _beforeIds;
    private readonly Dictionary<string, (RaggedCache Cache, double Seconds)> _prefixes = []; // by layer map

    internal ContextRun(LanguageModel model, IReadOnlyDictionary<Variant, CachePolicy> policies, IReadOnlyList<(EvalTask, PreparedPrompt)> prompts, int seed)
    {
        (_reading, Prompts, _shorter) = (new(model, policies), prompts, new(model, seed));
        _shared = prompts.Count > 1 ? CommonLength([.. prompts.Select(p => p.Item2.Ids)]) : 0;
    }

    /// <summary>For prompts that share nothing.</summary>
    private ContextRun(PromptReading reading) => (_reading, Prompts, _shorter) = (reading, [], new(reading.Model, 0));

    internal IReadOnlyList<(EvalTask Task, PreparedPrompt Prompt)> Prompts { get; }

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
        using var alone = new ContextRun(_reading);
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
        foreach (var pass in variants.GroupBy(v => (v.Layers, Whole: _shared == 0 || (!v.IsFull && _reading.PolicyOf(v)!.Needs(v.Window).ExceedPiece(own)))).OrderBy(g => g.Key.Whole))
        {
            stop.ThrowIfCancellationRequested();
            var (prefix, prefixSeconds) = pass.Key.Whole ? (null, 0) : Prefix(prompt, pass.First());
            var caches = _reading.Compress(prefix, prefix is null ? prompt.Ids : prompt.Ids[_shared..], prompt.WholeTokens, [.. pass]);
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
                    var (entries, bytes, nominal) = (cache.Entries, cache.StoredBytes, VariantAnswer.NominalOf(cache));
                    var (ids, failed) = PromptReading.Try(logits, () => _reading.Generate(prompt, cache, prompt.Ids, logits, stop).Ids);
                    yield return new(variant, ids, entries, bytes, seconds + prefixSeconds, clock.Elapsed.TotalSeconds) { Failed = failed, NominalBytes = nominal, EntriesAtEnd = _reading.EntriesOf(cache), Reads = DecodeReads.Of(cache) };
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
                foreach (var compressed in _reading.Compress(null, context, context.Length + prompt.WholeTokens - prompt.Ids.Length, [.. pass])) _before[compressed.Variant] = compressed;
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
            var (ids, failed) = PromptReading.Try(before, () => _reading.Generate(prompt, cache, prompt.Ids, before, stop).Ids);
            yield return new(variant, ids, kept.Entries, kept.StoredBytes, seconds, clock.Elapsed.TotalSeconds) { Failed = failed, NominalBytes = VariantAnswer.NominalOf(kept), EntriesAtEnd = _reading.EntriesOf(cache), Reads = DecodeReads.Of(cache) };
        }
    }

    private (RaggedCache? Cache, double Seconds) Prefix(PreparedPrompt prompt, Variant variant)
    {
        if (_prefixes.TryGetValue(variant.Layers ?? "", out var known)) return known;
        var clock = Stopwatch.StartNew();
        var prefix = _reading.Empty(variant);
        try
        {
            _reading.Model.Engine.Prefill(prompt.Ids.AsSpan(0, _shared), prefix);
        }
        catch
        {
            prefix.Dispose();
            throw;
        }
        return _prefixes[variant.Layers ?? ""] = (prefix, clock.Elapsed.TotalSeconds);
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
}
