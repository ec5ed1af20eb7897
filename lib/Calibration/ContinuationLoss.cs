using HeadKvLab.Compression;
using HeadKvLab.Models;

namespace HeadKvLab.Calibration;

/// <summary>
/// How well a model goes on with a text from a compressed cache: the first part of the text is read and compressed, the rest is given token by token, whatever the model
/// would have written, and each token's -ln p is taken. As in the evaluations of PrefixKV, the first of them is told by the uncompressed prefill, and so is the same for all methods.
/// </summary>
public static class ContinuationLoss
{
    /// <summary>Mean -ln p over the last tokens of a text, in nats per token. One prefill serves all methods.</summary>
    /// <param name="model">The model.</param>
    /// <param name="methods">What compresses the first part.</param>
    /// <param name="budget">How much is kept.</param>
    /// <param name="text">Token ids.</param>
    /// <param name="scored">Last tokens of the text that are scored; at least one stands before them.</param>
    /// <returns>The loss of each method, in their order; <see cref="Math.Exp"/> of it is the perplexity.</returns>
    /// <exception cref="LabException">The text has no token before those that are scored, or is longer than the model's context.</exception>
    /// <exception cref="ModelOverflow">A logit is no number.</exception>
    public static double[] Measure(LanguageModel model, IReadOnlyList<Method> methods, Budget budget, ReadOnlySpan<int> text, int scored) =>
        Measure(model, [.. methods.Select(method => new CachePolicy(method))], budget, text, scored);

    /// <summary>The same for whole policies.</summary>
    /// <param name="model">The model.</param>
    /// <param name="policies">What compresses the first part; none shares layers.</param>
    /// <param name="budget">How much is kept.</param>
    /// <param name="text">Token ids.</param>
    /// <param name="scored">Last tokens of the text that are scored; at least one stands before them.</param>
    /// <exception cref="LabException">The text has no token before those that are scored, or is longer than the model's context.</exception>
    /// <exception cref="ModelOverflow">A logit is no number.</exception>
    internal static double[] Measure(LanguageModel model, IReadOnlyList<CachePolicy> policies, Budget budget, ReadOnlySpan<int> text, int scored)
    {
        if (scored < 1 || scored >= text.Length) throw new LabException($"continuation of a text of {text.Length} tokens: {scored} are to be scored; score 1 or more, and leave one or more before them");
        var first = text[..^scored];
        var rest = text[^scored..];
        Compressor[] compressors = [.. policies.Select(policy => new Compressor(policy, budget, model.CacheShape(), model.Config.QueryHeads))];
        try
        {
            var logits = model.Engine.Prefill(first, null, PromptSinks.Combine(compressors));
            var losses = new double[compressors.Length];
            for (var m = 0; m < losses.Length; m++)
            {
                using var cache = compressors[m].TakeCache();
                using var continuation = model.Engine.Continue(cache, scored);
                losses[m] = Surprise(logits, rest[0]);
                for (var i = 1; i < rest.Length; i++) losses[m] += Surprise(continuation.Run(rest[i - 1]), rest[i]);
                losses[m] /= scored;
            }
            return losses;
        }
        finally
        {
            foreach (var compressor in compressors) compressor.Dispose();
        }
    }

    /// <summary>-ln of the probability that logits give a token.</summary>
    /// <param name="logits"><c>[vocabulary]</c>.</param>
    /// <param name="token">The token.</param>
    internal static double Surprise(ReadOnlySpan<float> logits, int token)
    {
        var largest = float.NegativeInfinity;
        foreach (var logit in logits) largest = MathF.Max(largest, logit);
        double sum = 0;
        foreach (var logit in logits) sum += Math.Exp(logit - largest);
        var surprise = Math.Log(sum) + largest - logits[token];
        return double.IsFinite(surprise) ? surprise : throw ModelOverflow.InLogits("NaN or no finite maximum", token);
    }
}
