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
    public static Interval Mean(IEnumerable<(string Cluster, double Value)> samples, int seed = 1) => MeanOfMeans([samples.ToArray()], seed);

    /// <summary>
    /// Unweighted mean of the means of several groups. Groups that share clusters are resampled together, since a cluster that is hard in one is often hard
    /// in the others; groups that share none, such as data sets of different texts, apart from each other.
    /// </summary>
    /// <param name="groups">Cluster and value of each sample, group by group.</param>
    /// <param name="seed">Seed of the resampling.</param>
    /// <exception cref="ArgumentException">There is no group, or one is empty.</exception>
    public static Interval MeanOfMeans(IReadOnlyList<(string Cluster, double Value)[]> groups, int seed = 1)
    {
        if (groups.Count == 0 || groups.Any(g => g.Length == 0)) throw new ArgumentException("no samples to average", nameof(groups));
        var (sums, random) = (new double[Resamples], new Random(seed));
        foreach (var together in Sharing(groups))
        {
            var clusters = Tabulate(together);
            for (var r = 0; r < Resamples; r++) sums[r] += SumOfMeans(clusters, random);
        }
        Array.Sort(sums);
        return new Interval(groups.Average(g => g.Sum(s => s.Value) / g.Length), sums[(int)(0.025 * Resamples)] / groups.Count, sums[(int)(0.975 * Resamples) - 1] / groups.Count, groups.Sum(g => g.Length));
    }

    /// <summary>How much higher one variant scores than another: mean of the differences on the questions that both answered.</summary>
    /// <param name="ours">Rows of the one.</param>
    /// <param name="theirs">Rows of the other.</param>
    /// <exception cref="ArgumentException">They share no question.</exception>
    public static Interval Difference(IEnumerable<EvalRow> ours, IEnumerable<EvalRow> theirs) =>
        Mean(ours.Join(theirs, r => (r.Suite, r.Dataset, r.Question), r => (r.Suite, r.Dataset, r.Question), (a, b) => (a.Context, a.Score - b.Score)));

    /// <summary>Groups that share clusters, directly or through others.</summary>
    private static List<List<(string Cluster, double Value)[]>> Sharing(IReadOnlyList<(string Cluster, double Value)[]> groups)
    {
        var parts = new List<(HashSet<string> Clusters, List<(string, double)[]> Groups)>();
        foreach (var group in groups)
        {
            var clusters = group.Select(s => s.Cluster).ToHashSet(StringComparer.Ordinal);
            var touched = parts.Where(p => p.Clusters.Overlaps(clusters)).ToArray();
            foreach (var part in touched) clusters.UnionWith(part.Clusters);
            parts.RemoveAll(touched.Contains);
            parts.Add((clusters, [.. touched.SelectMany(p => p.Groups), group]));
        }
        return [.. parts.Select(p => p.Groups)];
    }

    /// <summary>Sum and number of each cluster's values in each group, <c>[cluster][group]</c>.</summary>
    private static (double Sum, int Count)[][] Tabulate(List<(string Cluster, double Value)[]> groups)
    {
        var rows = new SortedDictionary<string, (double Sum, int Count)[]>(StringComparer.Ordinal);
        for (var g = 0; g < groups.Count; g++)
            foreach (var (cluster, value) in groups[g])
            {
                if (!rows.TryGetValue(cluster, out var row)) rows[cluster] = row = new (double, int)[groups.Count];
                row[g] = (row[g].Sum + value, row[g].Count + 1);
            }
        return [.. rows.Values];
    }

    /// <summary>Draws as many clusters as there are and adds up the groups' means; a draw that leaves a group without a sample is drawn again.</summary>
    private static double SumOfMeans((double Sum, int Count)[][] clusters, Random random)
    {
        var drawn = new (double Sum, int Count)[clusters[0].Length];
        do
        {
            Array.Clear(drawn);
            for (var i = 0; i < clusters.Length; i++)
            {
                var pick = clusters[random.Next(clusters.Length)];
                for (var g = 0; g < drawn.Length; g++) drawn[g] = (drawn[g].Sum + pick[g].Sum, drawn[g].Count + pick[g].Count);
            }
        }
        while (drawn.Any(d => d.Count == 0));
        return drawn.Sum(d => d.Sum / d.Count);
    }
}
