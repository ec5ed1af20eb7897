using HeadKvLab.Cache;

namespace HeadKvLab.Compression;

/// <summary>When entries are dropped again while text is generated, and which. A policy without one decides once, after the prompt.</summary>
public interface ISchedule
{
    /// <summary>How policies write it: <c>every 128</c>.</summary>
    string Name { get; }

    /// <summary>The only budget rule it goes with; null: any.</summary>
    BudgetRule? Only => null;

    /// <summary>What it must see of the prompt, beside keys and values.</summary>
    /// <param name="method">The method.</param>
    /// <param name="window">Last positions, which are kept anyway.</param>
    ScorerNeeds Needs(Method method, int window);

    /// <summary>Prepares to look after the cache of one prompt.</summary>
    /// <param name="method">The method.</param>
    /// <param name="budget">The budget.</param>
    /// <param name="model">The model's layers, KV heads and dimension.</param>
    /// <param name="queryHeads">Its query heads.</param>
    /// <exception cref="LabException">The method cannot decide again, or not under this budget.</exception>
    IPromptRetention Begin(Method method, Budget budget, CacheShape model, int queryHeads);
}

/// <summary>Looks after a cache, from its compressed prompt on.</summary>
public interface IPromptRetention : IRetention
{
    /// <summary>Called for each layer of the prompt after it was stored.</summary>
    /// <param name="prompt">The whole layer, with what <see cref="ISchedule.Needs"/> asked for.</param>
    /// <param name="stored">What was kept of it.</param>
    /// <param name="whole">Whether nothing was dropped because the prompt fitted into the budget.</param>
    void Take(in LayerView prompt, LayerCache stored, bool whole);
}
