using HeadKvLab.Cache;
using HeadKvLab.Compression.Scorers;

namespace HeadKvLab.Compression.Schedules;

/// <summary>
/// KV-Compress with its window, as published: the prompt's scores go on. Every token adds the squares of what its query attends to, a new entry begins with nothing,
/// and nothing is pooled any more; after each token all heads of the model compete again.
/// Code: IsaacRe/vllm-kvcompress, <c>--continual-compression</c> at an interval of 1. (Its form over the whole prompt is <see cref="Every"/> token.)
/// </summary>
/// <param name="Scorer">The prompt's scores.</param>
public sealed record Continual(SquaredWindow Scorer) : ISchedule
{
    /// <inheritdoc/>
    public string Name => Catalogue.Published;

    /// <inheritdoc/>
    public ScorerNeeds Needs(Method method, int window) => Scorer.Needs(window);

    /// <inheritdoc/>
    public IPromptRetention Begin(Method method, Budget budget, CacheShape model, int queryHeads) =>
        Reselection.Of(method with { Scorer = new SquaredAll(0) }, budget, model, queryHeads, Name, (_, _) => true, prompt => Scorer.Pooled(prompt, Math.Min(budget.ObservationWindow, prompt.Length)));
}
