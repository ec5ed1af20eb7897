using System.Diagnostics;
using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Models;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>
/// A conversation on one context (SCBench, arXiv 2412.10319). Turn 1 is compressed with its question; after every turn the cache is cloned and the answer generated on the clone.
/// Then the reference answer, or the clone's own, and the next question are appended to the original, a token at a time, where a schedule may be due. So later questions meet
/// a cache that was compressed without them. In SCBench's code SnapKV wants as many keys as queries there; here later turns are appended and nothing is chosen anew without a
/// schedule. On a device, whose copy grows instead of the cache, every turn reads all tokens since the first again.
/// </summary>
internal sealed class SessionRun(LanguageModel model, IReadOnlyDictionary<Variant, CachePolicy> policies, TurnAnswers kind, IReadOnlyList<(EvalTask Task, PreparedPrompt Prompt)> turns)
{
    private readonly PromptReading _reading = new(model, policies);

    /// <summary>Answers what is missing of a conversation, turn by turn; the model's own earlier answers are made again where they are needed.</summary>
    /// <param name="missing">Variants that lack an answer, by turn.</param>
    /// <param name="stop">Ends the run.</param>
    internal IEnumerable<(EvalTask Task, PreparedPrompt Prompt, VariantAnswer Answer)> Answers(ILookup<EvalTask, Variant> missing, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested();
        var last = turns.SelectMany((turn, i) => missing[turn.Task].Select(variant => (variant, i))).GroupBy(p => p.variant).ToDictionary(g => g.Key, g => g.Max(p => p.i));
        var first = turns[0].Prompt;
        var talks = new List<Talk>();
        try
        {
            foreach (var pass in last.Keys.GroupBy(v => v.Layers))
                talks.AddRange(_reading.Compress(null, first.Ids, first.Ids.Length, [.. pass]).Select(read => new Talk(read, first.Ids)));
            for (var i = 0; i < turns.Count; i++)
            {
                var (task, prompt) = turns[i];
                foreach (var talk in talks.Where(talk => last[talk.Variant] >= i))
                {
                    stop.ThrowIfCancellationRequested();
                    if (i > 0) Append(talk, turns[i - 1].Prompt, prompt);
                    var wanted = missing[task].Contains(talk.Variant);
                    if (!wanted && (kind == TurnAnswers.Golden || last[talk.Variant] == i)) continue;
                    var answer = AnswerOf(talk, prompt, stop);
                    if (wanted) yield return (task, prompt with { Ids = [.. talk.Ids] }, answer);
                }
            }
        }
        finally
        {
            foreach (var talk in talks) talk.Dispose();
        }
    }

    /// <summary>Writes the answer of the turn before and the next question into the conversation, and reads all of it but the last token into the cache.</summary>
    private void Append(Talk talk, PreparedPrompt before, PreparedPrompt next)
    {
        if (talk.Failed is not null) return;
        talk.Ids.AddRange(kind == TurnAnswers.Golden ? before.Reply : talk.Own);
        talk.Ids.AddRange(kind == TurnAnswers.Own && talk.Own is [.., var end] && next.Ids[0] == end ? next.Ids.AsSpan(1) : next.Ids); // a chat template ends answers itself
        if (talk.Ids.Count >= model.Config.MaxPositions) throw new LabException($"the conversation has {talk.Ids.Count} tokens after the question '{model.Tokenizer.Decode(next.Ids).Trim()}', the model's context {model.Config.MaxPositions}; use a model with a longer one, or sessions of fewer turns");
        if (!model.Engine.OnCpu) return;
        try
        {
            Read(model.Engine, talk.Cache, talk.Ids);
        }
        catch (ModelOverflow e)
        {
            talk.Failed = e.Message;
        }
    }

    /// <summary>Reads all tokens but the last into a cache that holds the first of them: the last is read by whoever answers.</summary>
    internal static void Read(Engine engine, RaggedCache cache, IReadOnlyList<int> ids)
    {
        using var session = engine.Continue(cache, ids.Count - cache.LogicalLength);
        while (cache.LogicalLength < ids.Count - 1) session.Run(ids[cache.LogicalLength]);
    }

    private VariantAnswer AnswerOf(Talk talk, PreparedPrompt prompt, CancellationToken stop)
    {
        if (talk.Failed is { } lost) return new(talk.Variant, [], 0, 0, talk.Seconds, 0) { Failed = lost };
        var clock = Stopwatch.StartNew();
        var unread = Math.Max(0L, talk.Ids.Count - 1 - talk.Cache.LogicalLength) * talk.Cache.Shape.Layers * talk.Cache.Shape.KvHeads;   // on a device: entries that its copy gets before the answer
        var (entries, bytes) = (talk.Cache.Entries + unread, talk.Cache.StoredBytes + unread * talk.Cache.Shape.EntryBytes);
        using var cache = talk.Cache.Clone();
        int? end = null;
        var (ids, failed) = PromptReading.Try(talk.Logits, () =>
        {
            (var own, end) = _reading.Generate(prompt, cache, talk.Ids.ToArray(), talk.Logits, stop);
            return own;
        });
        talk.Own = end is { } id ? [.. ids, id] : ids;
        if (kind == TurnAnswers.Own) talk.Failed = failed;
        return new(talk.Variant, ids, entries, bytes, talk.Seconds, clock.Elapsed.TotalSeconds) { Failed = failed, NominalBytes = VariantAnswer.NominalOf(talk.Cache), EntriesAtEnd = _reading.EntriesOf(cache), Reads = DecodeReads.Of(cache) };
    }

    /// <summary>The conversation of one variant.</summary>
    private sealed class Talk(ReadPrompt read, IEnumerable<int> ids) : IDisposable
    {
        internal Variant Variant => read.Variant;

        internal RaggedCache Cache => read.Cache;

        /// <summary>After turn 1's prompt.</summary>
        internal float[] Logits => read.Logits;

        internal double Seconds => read.Seconds;

        /// <summary>All tokens so far; from turn 2 on the cache lacks the last of them.</summary>
        internal List<int> Ids { get; } = [.. ids];

        /// <summary>The last answer, with what ended it.</summary>
        internal int[] Own { get; set; } = [];

        /// <summary>Why nothing more can be answered.</summary>
        internal string? Failed { get; set; } = read.Unread;

        public void Dispose() => read.Cache.Dispose();
    }
}
