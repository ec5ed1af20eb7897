using HeadKvLab.Compression;

namespace HeadKvLab.Calibration;

/// <summary>What was measured of each prompt: the change of every query head and of every layer. <see cref="Table"/> is their mean.</summary>
/// <param name="Layers">Layers of the model.</param>
/// <param name="Heads">Change of every query head, <c>[prompt][layer * queryHead]</c>.</param>
/// <param name="Stream">Change of every layer, <c>[prompt][layer]</c>.</param>
public sealed record HeadChanges(int Layers, IReadOnlyList<double[]> Heads, IReadOnlyList<double[]> Stream)
{
    /// <summary>Rank correlation of two halves of the prompts below which a profile says more of the prompts than of the model.</summary>
    public const double LeastAgreement = 0.9;

    /// <summary>Rank correlation of the heads by the first, third, ... prompt with those by the others; NaN of a single prompt.</summary>
    public double Agreement => Heads.Count < 2 ? double.NaN : RankCorrelation.Of(Means([.. Heads.Where((_, i) => i % 2 == 0)]), Means([.. Heads.Where((_, i) => i % 2 == 1)]));

    /// <summary>The means over prompts.</summary>
    /// <param name="source">File that they were read from; null where they were measured here.</param>
    /// <exception cref="LabException">The two halves of the prompts rank the heads differently.</exception>
    public HeadChange Table(string? source = null)
    {
        var (name, count) = (source ?? "head change", Heads.Count);
        if (count < 2) throw new LabException($"{name}: one prompt cannot tell whether others would rank the heads alike; measure two or more (--prompts)");
        return Agreement >= LeastAgreement ? new(Means(Heads), Means(Stream)) { Source = source }
            : throw new LabException(FormattableString.Invariant($"{name}: two halves of {count} prompts rank the heads with a correlation of {Agreement:0.000}, below {LeastAgreement}: ")
                + "the profile is not the model's own; measure it with more or longer prompts (--prompts, --longest)");
    }

    private static double[] Means(IReadOnlyList<double[]> samples) => [.. Enumerable.Range(0, samples[0].Length).Select(i => samples.Average(sample => sample[i]))];
}

/// <summary>Spearman's rank correlation; equal values share the mean of their ranks.</summary>
internal static class RankCorrelation
{
    /// <summary>-1 to 1; NaN where one side is all equal.</summary>
    internal static double Of(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        var (ranksA, ranksB, mean) = (Ranks(a), Ranks(b), (a.Length - 1) / 2.0);
        double both = 0, ofA = 0, ofB = 0;
        for (var i = 0; i < ranksA.Length; i++)
        {
            var (x, y) = (ranksA[i] - mean, ranksB[i] - mean);
            (both, ofA, ofB) = (both + x * y, ofA + x * x, ofB + y * y);
        }
        return both / Math.Sqrt(ofA * ofB);
    }

    private static double[] Ranks(ReadOnlySpan<double> values)
    {
        var sorted = values.ToArray();
        int[] order = [.. Enumerable.Range(0, sorted.Length)];
        Array.Sort(sorted, order);
        var ranks = new double[sorted.Length];
        for (int first = 0, end; first < sorted.Length; first = end)
        {
            for (end = first + 1; end < sorted.Length && sorted[end] == sorted[first];) end++;
            foreach (var i in order.AsSpan(first, end - first)) ranks[i] = (first + end - 1) / 2.0;
        }
        return ranks;
    }
}
