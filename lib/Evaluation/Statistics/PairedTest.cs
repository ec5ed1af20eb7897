namespace HeadKvLab.Evaluation.Statistics;

/// <summary>Two variants on the same questions.</summary>
/// <param name="Difference">Mean of first minus second, with its interval.</param>
/// <param name="P">Two-sided probability of a mean at least as far from 0 if the variants were the same.</param>
/// <param name="Clusters">Contexts, the units that were exchanged.</param>
public readonly record struct PairedDifference(Interval Difference, double P, int Clusters);

/// <summary>
/// Sign-flip permutation test of paired differences (Fisher 1935; Dror et al. 2018 for its use on language tasks). If two variants are the same, the
/// difference of a context is as likely to have the other sign; all questions on a context flip together, because they are not independent. All
/// 2^contexts flips are tried up to 16 contexts, else 20,000 random ones or more, with the observed one counted in.
/// </summary>
public static class PairedTest
{
    /// <summary>Random flips where not all can be tried; the smallest p of a single comparison is then 1 / 20,001.</summary>
    public const int Flips = 20_000;

    /// <summary>Random flips for each of many comparisons, so that their number does not put the corrected level out of reach.</summary>
    private const int FlipsEach = 25;

    private const int ExactUpTo = 16;

    /// <summary>Tests the differences.</summary>
    /// <param name="differences">Context and difference of each question.</param>
    /// <param name="seed">Seed of interval and flips.</param>
    /// <param name="comparisons">How many comparisons are corrected together with this one.</param>
    /// <exception cref="ArgumentException">There are no differences.</exception>
    public static PairedDifference Of(IReadOnlyCollection<(string Cluster, double Value)> differences, int seed = 1, int comparisons = 1)
    {
        var interval = Bootstrap.Mean(differences, seed);
        var sums = differences.GroupBy(d => d.Cluster).OrderBy(g => g.Key, StringComparer.Ordinal).Select(g => g.Sum(d => d.Value)).ToArray();
        return new(interval, Probability(sums, seed, Math.Max(Flips, FlipsEach * comparisons)), sums.Length);
    }

    private static double Probability(double[] sums, int seed, int flips)
    {
        var moving = sums.Where(s => s != 0).ToArray();      // a difference of 0 is the same on either side
        if (moving.Length == 0) return 1;
        var limit = Math.Abs(moving.Sum()) - 1e-12 * moving.Sum(Math.Abs);
        if (moving.Length <= ExactUpTo)
        {
            var far = 0;
            for (var signs = 0; signs < 1 << moving.Length; signs++)
            {
                double sum = 0;
                for (var i = 0; i < moving.Length; i++) sum += (signs >> i & 1) == 0 ? moving[i] : -moving[i];
                if (Math.Abs(sum) >= limit) far++;
            }
            return far / (double)(1 << moving.Length);
        }
        var random = new Random(seed);
        var reached = 1;
        for (var flip = 0; flip < flips; flip++)
        {
            double sum = 0;
            long bits = 0;
            for (var i = 0; i < moving.Length; i++)
            {
                if (i % 62 == 0) bits = random.NextInt64();
                sum += (bits >> i % 62 & 1) == 0 ? moving[i] : -moving[i];
            }
            if (Math.Abs(sum) >= limit) reached++;
        }
        return reached / (double)(flips + 1);
    }

    /// <summary>Holm's step-down correction (1979): the probability that any of several comparisons is called different by chance stays below the level.</summary>
    /// <param name="p">Probabilities of the single comparisons.</param>
    /// <returns>Corrected probabilities, in the same order.</returns>
    public static double[] Holm(IReadOnlyList<double> p)
    {
        var corrected = new double[p.Count];
        var highest = 0.0;
        var order = Enumerable.Range(0, p.Count).OrderBy(i => p[i]).ToArray();
        for (var rank = 0; rank < order.Length; rank++)
        {
            highest = Math.Max(highest, Math.Min(1, (p.Count - rank) * p[order[rank]]));
            corrected[order[rank]] = highest;
        }
        return corrected;
    }
}
