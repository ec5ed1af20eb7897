namespace HeadKvLab.Models;

/// <summary>Chooses the next token from its logits <c>[vocabulary]</c>.</summary>
public delegate int TokenChoice(ReadOnlySpan<float> logits);

/// <summary>Runs one token through a model and gives the logits <c>[vocabulary]</c> of the next.</summary>
public delegate ReadOnlySpan<float> TokenStep(int id);

/// <summary>The decoding loop: choose a token, hand it out, run it through the model.</summary>
public static class Generation
{
    /// <summary>The most likely token; of equals the first.</summary>
    /// <exception cref="ModelOverflow">A logit is NaN, or the largest is infinite.</exception>
    public static int Greedy(ReadOnlySpan<float> logits) => Greedy(logits, []);

    /// <summary>The most likely token that is not excluded; of equals the first.</summary>
    /// <param name="logits"><c>[vocabulary]</c>.</param>
    /// <param name="excluded">Ids that may not be chosen.</param>
    /// <exception cref="ModelOverflow">A logit is NaN, or the largest is infinite.</exception>
    public static int Greedy(ReadOnlySpan<float> logits, ReadOnlySpan<int> excluded)
    {
        var best = -1;
        for (var i = 0; i < logits.Length; i++)
        {
            if (float.IsNaN(logits[i])) throw ModelOverflow.InLogits("NaN", i);
            if (float.IsPositiveInfinity(logits[i])) throw ModelOverflow.InLogits("no finite maximum", i);
            if ((best < 0 || logits[i] > logits[best]) && !excluded.Contains(i)) best = i;
        }
        return best >= 0 && float.IsFinite(logits[best]) ? best : throw ModelOverflow.InLogits("no finite maximum", Math.Max(best, 0));
    }

    /// <summary>Generates until a stop token, the limit, or a request to stop.</summary>
    /// <param name="step">Runs a token and gives the logits of the next.</param>
    /// <param name="firstLogits">Logits after the last prompt token.</param>
    /// <param name="most">Most tokens to generate.</param>
    /// <param name="stopIds">Ids that end the text; they are not part of it.</param>
    /// <param name="choose">For example <see cref="Greedy(ReadOnlySpan{float})"/>.</param>
    /// <param name="onToken">Called with each token as soon as it is known.</param>
    /// <param name="stop">Ends the text early.</param>
    public static int[] Run(TokenStep step, ReadOnlySpan<float> firstLogits, int most, ReadOnlySpan<int> stopIds,
        TokenChoice choose, Action<int>? onToken = null, CancellationToken stop = default)
    {
        var text = new List<int>();
        var logits = firstLogits;
        while (text.Count < most && !stop.IsCancellationRequested)
        {
            var id = choose(logits);
            if (stopIds.Contains(id)) break;
            text.Add(id);
            onToken?.Invoke(id);
            if (text.Count == most) break;
            logits = step(id);
        }
        return [.. text];
    }
}
