using HeadKvLab.Cache;

namespace HeadKvLab.Compression.Schedules;

/// <summary>
/// After every few generated tokens the method chooses again among the entries that are stored: each head goes back to its share, or the heads of the model compete again
/// where the method has a bidder. Whatever is read after the prompt was compressed counts as generated: questions, too, under the protocol <c>agnostic</c>. Every token is H2O (arXiv 2306.14048), TOVA (2401.06104) and KV-Compress-full (2410.00161) as
/// published, but for the window, which is kept here; every 128 or so is what kvpress calls decoding compression.
/// </summary>
/// <param name="Tokens">Generated tokens from one choice to the next.</param>
public sealed record Every(int Tokens = 1) : ISchedule
{
    /// <summary>Generated tokens from one choice to the next.</summary>
    public int Tokens { get; } = Tokens >= 1 ? Tokens : throw new LabException($"schedule 'every {Tokens}': give 1 token or more");

    /// <inheritdoc/>
    public string Name => $"every {Tokens}";

    /// <inheritdoc/>
    public ScorerNeeds Needs(Method method, int window) => method.Needs(window);

    /// <inheritdoc/>
    public IPromptRetention Begin(Method method, Budget budget, CacheShape model, int queryHeads) =>
        Reselection.Of(method, budget, model, queryHeads, Name, (generated, _) => generated % Tokens == 0);
}

/// <summary>As <see cref="Every"/>, whenever a head holds so many entries more than its share.</summary>
/// <param name="Entries">Entries beyond the share at which the method chooses again.</param>
public sealed record Grown(int Entries) : ISchedule
{
    /// <summary>Entries beyond the share at which the method chooses again.</summary>
    public int Entries { get; } = Entries >= 1 ? Entries : throw new LabException($"schedule 'grown {Entries}': give 1 entry or more");

    /// <inheritdoc/>
    public string Name => $"grown {Entries}";

    /// <inheritdoc/>
    public ScorerNeeds Needs(Method method, int window) => method.Needs(window);

    /// <inheritdoc/>
    public IPromptRetention Begin(Method method, Budget budget, CacheShape model, int queryHeads) =>
        Reselection.Of(method, budget, model, queryHeads, Name, (_, growth) => growth() >= Entries);
}
