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
    public void No_samples_are_an_error() => Assert.Throws<ArgumentException>(() => Bootstrap.Mean([]));

    private static Interval Of(int count, Func<int, double> value) => Bootstrap.Mean(Enumerable.Range(0, count).Select(i => ($"{i}", value(i))));
}
