using System.Diagnostics;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Reducers;
using HeadKvLab.Models;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>
/// What reducers leave of the prompts on one context. A budget of b entries per head leaves b tokens, the question and what stands before the context included, so that the
/// shorter prompt's full cache has exactly the entries of a compressed one. An index is made once for a context.
/// </summary>
internal sealed class ShorterPrompts(LanguageModel model, int seed)
{
    private readonly Dictionary<string, (ISegmentIndex Index, int[] Context, double Seconds)> _indices = []; // by reducer

    /// <summary>The prompt of a variant, and the seconds that it took to choose its tokens, those for the index included.</summary>
    /// <exception cref="LabException">The budget leaves no room for the context, or the data do not tell what the reducer must know.</exception>
    internal (PreparedPrompt Prompt, double Seconds) Of(PreparedPrompt prompt, Variant variant)
    {
        var reducer = ReducerCatalogue.Parse(variant.Reducer!)!;
        var parts = prompt.Parts?.Invoke() ?? throw new LabException($"{variant.Name}: context and question of these prompts cannot be told apart");
        var later = prompt.CompressAt < prompt.Ids.Length ? parts.After.Length : 0; // read after compression, and not of the budget
        var beside = parts.Before.Length + parts.After.Length - later;
        var most = Budget(reducer, variant, prompt.WholeTokens - later) - beside;
        if (most < 1) throw new LabException($"{variant.Name}: a budget of {variant.BudgetName} leaves no token for the context beside the {beside} of question and instruction; give a larger one");
        var (context, seconds) = most >= parts.Context.Length ? (parts.Context, 0) : Shorten(reducer, prompt, parts, most);
        int[] ids = [.. parts.Before, .. context, .. parts.After];
        return (prompt with { Ids = ids, CompressAt = ids.Length - later }, seconds);
    }

    private static int Budget(IReducer reducer, Variant variant, int tokens) => reducer.Keep is { } keep ? (int)Math.Round(keep * tokens, MidpointRounding.ToEven)
        : variant.KvSize > 0 ? variant.KvSize : variant.RoundedDown ? Variant.RoundDown(variant.Share, tokens) : (int)Math.Round(variant.Share * tokens, MidpointRounding.ToEven);

    private (int[] Context, double Seconds) Shorten(IReducer reducer, PreparedPrompt prompt, PromptParts parts, int most)
    {
        if (!_indices.TryGetValue(reducer.Name, out var known) || !known.Context.AsSpan().SequenceEqual(parts.Context))
        {
            var making = Stopwatch.StartNew();
            _indices[reducer.Name] = known = (reducer.Index(new(model, parts.Before, parts.Context, seed)), parts.Context, making.Elapsed.TotalSeconds);
        }
        var clock = Stopwatch.StartNew();
        var scores = known.Index.Score(new(parts.After, prompt.Evidence));
        return ([.. Segmentation.Best(known.Index.Segments, scores, most).Select(i => parts.Context[i])], known.Seconds + clock.Elapsed.TotalSeconds);
    }
}
