using HeadKvLab.Evaluation.Runs;

namespace HeadKvLab.Evaluation.Statistics;

/// <summary>A mean with its interval.</summary>
/// <param name="Mean">Mean over all samples.</param>
/// <param name="Low">2.5th percentile of the resampled means.</param>
/// <param name="High">97.5th percentile.</param>
/// <param name="Samples">Number of samples.</param>
public readonly record struct Interval(double Mean, double Low, double High, int Samples)
{
    /// <summary>For example <c>0.62 [0.55, 0.69]</c>.</summary>
    public override string ToString() => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Mean:0.00} [{Low:0.00}, {High:0.00}]");
}

/// <summary>
/// Percentile bootstrap (Efron 1979) that resamples whole clusters: questions on one context are not independent, so contexts are drawn
/// with replacement and bring all their questions. With one question a context it is the ordinary bootstrap.
/// </summary>
public static class Bootstrap
{
    /// <summary>Resamples drawn; the ends of the interval then move by about 1 % of its width between seeds.</summary>
    public const int Resamples = 2000;

    /// <summary>Mean of the values with a 95 % interval.</summary>
    /// <param name="samples">Cluster and value of each sample.</param>
    /// <param name="seed">Seed of the resampling; equal seeds give equal intervals.</param>
    /// <exception cref="ArgumentException">There are no samples.</exception>
    public static Interval Mean(IEnumerable<(string Cluster, double Value)> samples, int seed = 1)
    {
        var all = samples.ToArray();
        if (all.Length == 0) throw new ArgumentException("no samples to average", nameof(samples));
        var means = Resample(all, seed);
        Array.Sort(means);
        return new Interval(all.Sum(s => s.Value) / all.Length, means[(int)(0.025 * Resamples)], means[(int)(0.975 * Resamples) - 1], all.Length);
    }

    /// <summary>Unweighted mean of the means of several groups, each resampled apart from the others.</summary>
    /// <param name="groups">Cluster and value of each sample, group by group.</param>
    /// <param name="seed">Seed of the resampling.</param>
    /// <exception cref="ArgumentException">A group is empty.</exception>
    public static Interval MeanOfMeans(IReadOnlyList<(string Cluster, double Value)[]> groups, int seed = 1)
    {
        var drawn = groups.Select((g, i) => (Of: Resample(g, seed + i), Mean: g.Average(s => s.Value), g.Length)).ToArray();
        if (drawn.Length == 0) throw new ArgumentException("no samples to average", nameof(groups));
        var means = new double[Resamples];
        for (var r = 0; r < means.Length; r++) means[r] = drawn.Average(g => g.Of[r]);
        Array.Sort(means);
        return new Interval(drawn.Average(g => g.Mean), means[(int)(0.025 * Resamples)], means[(int)(0.975 * Resamples) - 1], drawn.Sum(g => g.Length));
    }

    /// <summary>How much higher one variant scores than another: mean of the differences on the questions that both answered.</summary>
    /// <param name="ours">Rows of the one.</param>
    /// <param name="theirs">Rows of the other.</param>
    /// <exception cref="ArgumentException">They share no question.</exception>
    public static Interval Difference(IEnumerable<EvalRow> ours, IEnumerable<EvalRow> theirs) =>
        Mean(ours.Join(theirs, r => (r.Suite, r.Dataset, r.Question), r => (r.Suite, r.Dataset, r.Question), (a, b) => (a.Context, a.Score - b.Score)));

    private static double[] Resample((string Cluster, double Value)[] samples, int seed)
    {
        if (samples.Length == 0) throw new ArgumentException("no samples to average", nameof(samples));
        var clusters = samples.GroupBy(s => s.Cluster).OrderBy(g => g.Key, StringComparer.Ordinal).Select(g => (Sum: g.Sum(s => s.Value), Count: g.Count())).ToArray();
        var random = new Random(seed);
        var means = new double[Resamples];
        for (var r = 0; r < means.Length; r++)
        {
            var (sum, drawn) = (0.0, 0);
            for (var i = 0; i < clusters.Length; i++)
            {
                var pick = clusters[random.Next(clusters.Length)];
                (sum, drawn) = (sum + pick.Sum, drawn + pick.Count);
            }
            means[r] = sum / drawn;
        }
        return means;
    }
}
