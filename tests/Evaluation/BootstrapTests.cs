using HeadKvLab.Evaluation.Statistics;

namespace HeadKvLab.Tests.Evaluation;

public sealed class BootstrapTests
{
    [Fact]
    public void The_mean_is_over_samples_not_over_clusters()
    {
        // cluster a: 1, 1, 1; cluster b: 0. Mean over samples 3/4; over clusters it would be 1/2.
        var interval = Bootstrap.Mean([("a", 1), ("a", 1), ("a", 1), ("b", 0)]);
        Assert.Equal(0.75, interval.Mean, 12);
        Assert.Equal(4, interval.Samples);
        Assert.Equal((0.0, 1.0), (interval.Low, interval.High));        // resamples of only a, or only b, are a quarter each
    }

    [Fact]
    public void Equal_values_have_no_spread() => Assert.Equal((0.5, 0.5), (Of(40, _ => 0.5).Low, Of(40, _ => 0.5).High));

    [Fact]
    public void The_interval_is_as_wide_as_theory_says()
    {
        // 400 independent coin flips: standard error sqrt(0.25 / 400) = 0.025, 95 % interval +- 0.049.
        var interval = Of(400, i => i % 2);
        Assert.InRange(interval.High - interval.Low, 2 * 0.049 * 0.9, 2 * 0.049 * 1.1);
    }

    [Fact]
    public void Dependent_questions_widen_it()
    {
        var alone = Of(100, i => i / 10 % 2);
        var grouped = Bootstrap.Mean(Enumerable.Range(0, 100).Select(i => ($"c{i / 10}", (double)(i / 10 % 2))));
        Assert.True(grouped.High - grouped.Low > 2 * (alone.High - alone.Low));
    }

    [Fact]
    public void No_samples_are_an_error() => Assert.StartsWith("no samples to average", Assert.Throws<ArgumentException>(() => Bootstrap.Mean([])).Message);

    /// <summary>Families that all contexts carry are drawn together: with equal values in every family the mean is as unsure as one of them.</summary>
    [Fact]
    public void Families_on_the_same_contexts_are_resampled_together()
    {
        (string, double)[] one = [.. Enumerable.Range(0, 60).Select(i => ($"c{i:00}", (double)(i % 2)))];
        var (single, average) = (Bootstrap.Mean(one), Bootstrap.MeanOfMeans([one, one, one]));
        Assert.Equal((single.Mean, 180), (average.Mean, average.Samples));
        Assert.Equal(single.Low, average.Low, 12);
        Assert.Equal(single.High, average.High, 12);
        // what one family gains on a context the other loses: their mean does not move at all
        Assert.Equal(0, Width(Bootstrap.MeanOfMeans([one, [.. one.Select(s => (s.Item1, 1 - s.Item2))]])), 12);
    }

    [Theory, InlineData(2), InlineData(6)]
    public void Data_sets_of_their_own_contexts_are_resampled_apart(int count)
    {
        var sets = Enumerable.Range(0, count).Select(set => Enumerable.Range(0, 200).Select(i => ($"{set}-{i:000}", (double)(i % 2))).ToArray()).ToArray();
        var single = Bootstrap.Mean(sets[0]);
        Assert.InRange(Width(Bootstrap.MeanOfMeans(sets)), Width(single) / Math.Sqrt(count) * 0.9, Width(single) / Math.Sqrt(count) * 1.1);
        Assert.Equal(single, Bootstrap.MeanOfMeans([sets[0]]));
    }

    /// <summary>Two families on the same contexts, a third on its own: the variance is that of their mean.</summary>
    [Fact]
    public void Together_and_apart_may_be_mixed()
    {
        (string, double)[] shared = [.. Enumerable.Range(0, 200).Select(i => ($"s{i:000}", (double)(i % 2)))], own = [.. shared.Select(s => ("o" + s.Item1, s.Item2))];
        var width = Width(Bootstrap.Mean(shared)) * Math.Sqrt(2 * 2 + 1) / 3;             // sd of (2 a + b) / 3
        Assert.InRange(Width(Bootstrap.MeanOfMeans([shared, own, shared])), width * 0.9, width * 1.1);
        // joined by a third group, the first two are one part, though they share no context themselves
        var linked = Bootstrap.MeanOfMeans([shared, own, [.. shared, .. own]]);
        Assert.Equal((0.5, 800), (linked.Mean, linked.Samples));
    }

    /// <summary>
    /// The first two groups share context c00, the last two all others: the three are drawn together, though the second and the last share nothing. What the
    /// first gains the last loses, so their mean hardly moves.
    /// </summary>
    [Fact]
    public void Groups_that_share_contexts_through_others_are_drawn_together()
    {
        (string, double)[] one = [.. Enumerable.Range(0, 60).Select(i => ($"c{i:00}", (double)(i % 2)))], against = [.. one.Skip(1).Select(s => (s.Item1, 1 - s.Item2))];
        Assert.InRange(Width(Bootstrap.MeanOfMeans([one, [("c00", 0.5)], against])), 0, Width(Bootstrap.Mean(one)) / 8);
    }

    /// <summary>Six families on 24 contexts of which some are hard for all: about 95 of 100 intervals hold the truth. Resampled apart, 85 did.</summary>
    [Fact]
    public void The_interval_of_an_average_covers_the_truth_about_as_often_as_it_says()
    {
        var random = new Random(5);
        var covered = 0;
        const int trials = 400;
        for (var trial = 0; trial < trials; trial++)
        {
            double[] chance = [.. Enumerable.Range(0, 24).Select(_ => 0.2 + 0.6 * random.NextDouble())];
            var families = Enumerable.Range(0, 6).Select(_ => chance.Select((p, i) => ($"c{i}", random.NextDouble() < p ? 1.0 : 0)).ToArray()).ToArray();
            var interval = Bootstrap.MeanOfMeans(families, trial);
            if (interval.Low <= 0.5 && 0.5 <= interval.High) covered++;
        }
        Assert.InRange(covered, trials * 0.91, trials * 0.975);
    }

    /// <summary>A family that few contexts carry is in every draw.</summary>
    [Fact]
    public void A_draw_without_a_family_is_drawn_again()
    {
        (string, double)[] all = [.. Enumerable.Range(0, 30).Select(i => ($"c{i}", 0.0))];
        var interval = Bootstrap.MeanOfMeans([all, [("c3", 1), ("c7", 1)]]);
        Assert.Equal((0.5, 0.5, 0.5), (interval.Mean, interval.Low, interval.High));
        Assert.Throws<ArgumentException>(() => Bootstrap.MeanOfMeans([all, []]));
        Assert.Throws<ArgumentException>(() => Bootstrap.MeanOfMeans([]));
    }

    private static double Width(Interval interval) => interval.High - interval.Low;

    private static Interval Of(int count, Func<int, double> value) => Bootstrap.Mean(Enumerable.Range(0, count).Select(i => ($"{i}", value(i))));
}
