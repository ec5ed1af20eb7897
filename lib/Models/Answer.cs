using HeadKvLab.Cache;

namespace HeadKvLab.Models;

/// <summary>What follows a prompt whose beginning, or all of it, lies in a cache.</summary>
/// <param name="Ids">New tokens, without the id that ended them.</param>
/// <param name="ReservedBytes">Bytes of the memory that held the entries while it was decoded, room included.</param>
public sealed record Answer(int[] Ids, long ReservedBytes)
{
    /// <summary>
    /// Reads what the cache lacks of the prompt, one token at a time, and generates until a stop token, the limit or the end of the model's context. Where the cache holds
    /// the whole prompt, the first token comes from the prefill's logits, or the last prompt token is computed again on what was kept.
    /// </summary>
    /// <param name="engine">The model.</param>
    /// <param name="cache">Holds the prompt's first tokens, compressed or not; new entries are appended to it where the model runs on a CPU.</param>
    /// <param name="prompt">All tokens of the prompt.</param>
    /// <param name="logits">What the prefill gave after the last token of the cache, <c>[vocabulary]</c>.</param>
    /// <param name="recomputeLast">Whether the last prompt token is computed again on the cache, so that the whole answer depends on what was kept.</param>
    /// <param name="most">Most tokens to generate.</param>
    /// <param name="stopIds">Ids that end the answer; they are not part of it.</param>
    /// <param name="choose">For example <see cref="Generation.Greedy(ReadOnlySpan{float})"/>.</param>
    /// <param name="onToken">Called with each token as soon as it is known.</param>
    /// <param name="stop">Ends the answer early.</param>
    /// <exception cref="LabException">A logit overflowed (<see cref="ModelOverflow"/>).</exception>
    public static Answer Run(Engine engine, RaggedCache cache, ReadOnlySpan<int> prompt, ReadOnlySpan<float> logits, bool recomputeLast, int most,
        ReadOnlySpan<int> stopIds, TokenChoice choose, Action<int>? onToken = null, CancellationToken stop = default)
    {
        if (recomputeLast && cache.LogicalLength == prompt.Length) cache.Truncate(prompt.Length - 1);
        var unread = prompt[cache.LogicalLength..];
        most = Math.Min(most, engine.MaxPositions - prompt.Length + 1);
        using var session = engine.Continue(cache, unread.Length + most);
        foreach (var id in unread) logits = session.Run(id);
        var ids = Generation.Run(session.Run, logits, most, stopIds, choose, onToken, stop);
        return new(ids, session.ReservedBytes ?? cache.ReservedBytes);
    }
}
