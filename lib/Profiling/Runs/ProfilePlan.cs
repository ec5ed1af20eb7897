using HeadKvLab.Compression;
using static TorchSharp.torch;

namespace HeadKvLab.Profiling.Runs;

/// <summary>What to time: every method at every KV size and context length; the full cache, once a length.</summary>
/// <param name="Methods">Methods; those that keep everything ignore the KV size.</param>
/// <param name="Contexts">Prompt lengths in tokens.</param>
public sealed record ProfilePlan(IReadOnlyList<Method> Methods, IReadOnlyList<int> Contexts)
{
    /// <summary>Mean entries per KV head, window included.</summary>
    public IReadOnlyList<int> KvSizes { get; init; } = [128];

    /// <summary>Answer lengths in tokens, 2 and more. One run decodes the longest and tells the time at each.</summary>
    public IReadOnlyList<int> Generate { get; init; } = [64];

    /// <summary>Timed rounds; in each, every case runs once.</summary>
    public int Repetitions { get; init; } = 5;

    /// <summary>Observation window; always kept.</summary>
    public int Window { get; init; } = Budget.PaperWindow;

    /// <summary>How budgets are settled.</summary>
    public BudgetRule Rule { get; init; } = BudgetRule.EqualEntries;

    /// <summary>Type of the stored numbers.</summary>
    public ScalarType Storage { get; init; } = ScalarType.Float32;

    /// <summary>Seed of the prompt's token ids.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>All cases, in the order of the contexts.</summary>
    /// <exception cref="LabException">A size is out of range.</exception>
    public IReadOnlyList<ProfileCase> Cases()
    {
        if (Repetitions < 1) throw new LabException($"--repetitions {Repetitions}: give at least 1");
        if (Generate.Count == 0 || Generate.Min() < 2) throw new LabException("--generate: give at least 2 tokens, the first comes from the prefill");
        if (Contexts.Count == 0 || Contexts.Min() < 1) throw new LabException("--contexts: give prompt lengths of 1 token and more");
        if (Methods.Count == 0) throw new LabException("--methods: give at least one");
        return [.. from n in Contexts.Distinct().Order()
                   from method in Methods
                   from size in method.KeepsAll ? [n] : KvSizes
                   select new ProfileCase(method, size, n, new Budget(size, Math.Min(Window, size), Rule))];
    }
}

/// <summary>One case.</summary>
/// <param name="Method">The method.</param>
/// <param name="KvSize">Mean entries per KV head; the context length where everything is kept.</param>
/// <param name="Context">Prompt length, tokens.</param>
/// <param name="Budget">The budget.</param>
public sealed record ProfileCase(Method Method, int KvSize, int Context, Budget Budget)
{
    /// <summary>For example <c>SnapKV 128 at 8,192 tokens</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Method.Name}{(Method.KeepsAll ? "" : $" {KvSize}")} at {Context:N0} tokens");
}
