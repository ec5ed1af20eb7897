using System.Runtime.InteropServices;

namespace HeadKvLab.Compression;

/// <summary>
/// Errors in a method's own parts, its scorer, allocator, bidder, reranker or settlement: they name the method, the part and the layer, because methods are
/// written by the lab's users, and several run in one prefill.
/// </summary>
internal static class MethodFault
{
    /// <summary>Whether an exception is the part's fault: not an input the lab refuses, not a stopped run, not memory or libtorch that is missing.</summary>
    internal static bool IsOwn(Exception e) => e is not (LabException or OperationCanceledException or OutOfMemoryException)
        && !e.Message.Contains("ried to allocate", StringComparison.Ordinal) && EngineFailure.Describe(e) is null;

    /// <summary>The error in place of what the part threw.</summary>
    /// <param name="method">The method.</param>
    /// <param name="part">What failed: "scorer", "allocator", "bidder", "reranker", "settlement".</param>
    /// <param name="place">Type, layer and heads.</param>
    /// <param name="e">What it threw.</param>
    internal static LabException Of(Method method, string part, string place, Exception e) =>
        new($"method {method.Name}: its {part} failed: {e.Message} ({e.GetType().Name} in {place})", e);

    /// <summary>What rows hold before they are scored: a NaN that no computation makes.</summary>
    internal static readonly float Unscored = BitConverter.UInt32BitsToSingle(0x7fc5_c0de);

    /// <summary>Refuses rows that the scorer has left as they were, and rows in which no position has a number.</summary>
    /// <exception cref="ModelOverflow">All scores of a row were computed and are NaN.</exception>
    internal static void RefuseUnscored(Method method, int layer, int window, HeadRows<float> scores)
    {
        var unscored = BitConverter.SingleToInt32Bits(Unscored);
        for (var head = 0; head < scores.Heads; head++)
        {
            var candidates = scores[head][..^window];
            if (candidates.ContainsAnyExcept(float.NaN)) continue;
            if (MemoryMarshal.Cast<float, int>(candidates).ContainsAnyExcept(unscored))
                throw new ModelOverflow($"method {method.Name}: head {head} of layer {layer} scores all positions NaN, so that none is better than another: a query, key or value overflowed; compute in float32 or bfloat16");
            throw new LabException($"method {method.Name}: its scorer gave head {head} of layer {layer} no score: it must fill all {scores.Heads} rows with numbers; "
                + "where query heads own entries there is a row for each of them, and KvHead says whose keys and values it reads");
        }
    }

    /// <summary>Refuses steps that do not get cheaper from one to the next, or hold nothing.</summary>
    internal static LabException BadBid(string what, int head) => new($"a bidder's {what} for head {head}: steps hold one entry or more, cost as much or more, and are no dearer than the one before");

    /// <summary>Refuses requests and weights that no rule can resolve.</summary>
    internal static void RefuseNoNumber(Method method, Allotment allotment)
    {
        for (var head = 0; head < allotment.Requested.Length; head++)
            if (!double.IsFinite(allotment.Requested[head]) || !double.IsFinite(allotment.Weights[head]) || allotment.Weights[head] < 0)
                throw new LabException(FormattableString.Invariant(
                    $"method {method.Name}: its allocator requests {allotment.Requested[head]} entries for head {head} and weight {allotment.Weights[head]} for the surplus: both must be finite, a weight not negative"));
    }
}
