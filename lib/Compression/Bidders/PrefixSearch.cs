namespace HeadKvLab.Compression.Bidders;

/// <summary>
/// PrefixKV's search as its authors run it. Layer l keeps keep_l(p), the fewest of its highest scores that hold the share p of all its scores, and beside them the
/// protected tokens: it drops max(0, n - keep_l(p) - protected). p is bisected until the sum over layers is less than five from the target; what each layer drops is then scaled by target / sum and truncated.
/// Code: THU-MIG/PrefixKV, <c>obtain_cdf_num</c> with a start size of 1. Theirs protects the last token, here it is the budget's window. Sums are in double, theirs in float32.
/// Where equal scores let no p come so near, theirs never ends; this one ends where p has no digits left. The budget is met to within a few entries, protected tokens on top.
/// Cost: a sort for each layer; the cache is whole until the last layer has arrived, as theirs is.
/// </summary>
/// <param name="Sinks">First tokens that are protected.</param>
public sealed record PrefixSearch(int Sinks = 1)
{
    private const int Tolerance = 5;

    /// <summary>Entries of each head, window excluded, <c>[layer, head]</c>.</summary>
    /// <param name="frame">Sizes of the model, the prompt and the budget.</param>
    /// <param name="scores">Scores of all heads, <c>[layer, head][position]</c>, the window's included; heads of a layer that have the same may share an array.</param>
    internal int[] Entries(in BudgetFrame frame, IReadOnlyList<float[]> scores)
    {
        var (n, window, kept) = (frame.PromptLength, frame.Recent, frame.Recent + Sinks);
        var target = (n - window - (double)frame.Selectable) * scores.Count;
        var held = new double[scores.Count][];
        for (var h = 0; h < held.Length; h++) held[h] = h > 0 && ReferenceEquals(scores[h], scores[h - 1]) ? held[h - 1] : Held(scores[h]);

        var (low, high, sum, dropped) = (0.0, 1.0, 0L, new int[held.Length]);
        while (true)
        {
            var p = (low + high) / 2;
            sum = 0;
            for (var h = 0; h < held.Length; h++) sum += dropped[h] = Math.Max(0, n - Keep(held[h], p) - kept);
            if (Math.Abs(sum - target) < Tolerance * frame.Heads || p <= low || p >= high) break; // of every layer's heads, all alike, one counts
            if (sum < target) high = p;
            else low = p;
        }
        var most = Math.Max(0, n - kept);
        return Array.ConvertAll(dropped, drop => n - window - (sum == 0 ? 0 : Math.Min((int)(drop * target / sum), most)));
    }

    /// <summary>Shares that the k highest scores hold, <c>[k - 1]</c>. Equal shares where no score is above 0.</summary>
    private static double[] Held(float[] scores)
    {
        var held = Array.ConvertAll(scores, score => score > 0 ? -(double)score : 0); // NaN is nothing
        Array.Sort(held);
        double all = 0, sum = 0;
        foreach (var score in held) all -= score;
        for (var k = 0; k < held.Length; k++) held[k] = sum += all > 0 ? -held[k] / all : 1.0 / held.Length;
        return held;
    }

    /// <summary>The fewest entries that hold the share p; one more than there are where rounding leaves all of them short of it.</summary>
    private static int Keep(double[] held, double p)
    {
        var (first, end) = (0, held.Length);
        while (first < end)
        {
            var middle = (first + end) / 2;
            if (held[middle] < p) first = middle + 1;
            else end = middle;
        }
        return first + 1;
    }
}
