using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;
using HeadKvLab.Tests.Evaluation.Runs;

namespace HeadKvLab.Tests.Evaluation.Statistics;

/// <summary>Intervals, paired tests and averages against hand-worked values and an independent program.</summary>
public sealed class StatisticsTests
{
    private static PairedDifference Test(params double[] differences) => PairedTest.Of([.. differences.Select((d, i) => ($"c{i}", d))]);

    [Fact]
    public void Exact_probabilities_are_those_of_counting_all_signs()
    {
        Assert.Equal(2 / 32.0, Test(1, 1, 1, 1, 1).P);                            // only all plus and all minus are as far
        Assert.Equal(1, Test(1, -1).P);
        Assert.Equal(1, Test(0, 0, 0).P);
        Assert.Equal(0.25, Test(2, 0, 0, 1, 1, -1, 3).P, 12);
        Assert.Equal(0.1328125, Test(3, 1, -2, 4, 0.5, 2, -1, 5).P, 12);          // 34 of 256, counted by a second program
    }

    [Fact]
    public void Random_flips_come_near_the_exact_probability()
    {
        double[] twenty = [-0.879, -0.848, 0.969, -1.994, 0.157, -1.956, 1.401, 0.503, 1.656, -0.204, 0.698, 0.014, -0.438, 0.445, -0.957, -0.055, 0.997, 0.358, -0.11, 2.489];
        Assert.InRange(Test(twenty).P, 0.6608 - 0.012, 0.6608 + 0.012);           // all 2^20 signs: 0.66076; 3.5 standard errors of 20,000 draws
        Assert.Equal(Test(twenty), Test(twenty));
        Assert.Equal(1 / 20001.0, Test([.. Enumerable.Repeat(1.0, 40)]).P, 12);
    }

    [Fact]
    public void Questions_on_one_context_are_exchanged_together()
    {
        // ten questions, all better, but on two contexts: only 4 sign patterns, 2 of them as far
        var paired = PairedTest.Of([.. Enumerable.Range(0, 10).Select(i => ($"c{i % 2}", 1.0))]);
        Assert.Equal((0.5, 2, 10), (paired.P, paired.Clusters, paired.Difference.Samples));
    }

    [Fact]
    public void Holm_steps_down_and_stays_monotone()
    {
        Assert.Equal([0.03, 0.06, 0.06, 0.02], PairedTest.Holm([0.01, 0.04, 0.03, 0.005]).Select(p => Math.Round(p, 12)));   // 4 x 0.005, 3 x 0.01, 2 x 0.03, max(0.06, 0.04)
        Assert.Equal([1, 1], PairedTest.Holm([0.5, 0.6]));
        Assert.Empty(PairedTest.Holm([]));
    }

    [Fact]
    public void The_interval_covers_the_truth_about_as_often_as_it_says()
    {
        var random = new Random(3);
        var covered = 0;
        for (var trial = 0; trial < 200; trial++)
        {
            var interval = Bootstrap.Mean(Enumerable.Range(0, 60).Select(i => ($"c{i / 2}", random.NextDouble() < 0.4 ? 1.0 : 0)), trial);
            if (interval.Low <= 0.4 && 0.4 <= interval.High) covered++;
        }
        Assert.InRange(covered, 178, 198);
    }

    [Fact]
    public void An_average_is_of_rounded_scores_whatever_the_sizes_of_the_sets()
    {
        // set a: 1/3 -> 33.33, set b: 2/3 -> 66.67, set c (one question): 100 -> mean 66.666..., not the 57.14 of all seven questions
        EvalRow[] rows = [.. Set("a", 1, 0, 0), .. Set("b", 1, 1, 0), .. Set("c", 1)];
        var average = ScoreCells.Of(rows).Single(c => c.Dataset == ScoreCells.Average);
        Assert.Equal((33.33 + 66.67 + 100) / 3, average.Score.Mean, 10);
        Assert.True(double.IsNaN(average.Score.Low));                             // a single context says nothing about the next one
        Assert.Equal(3, ScoreCells.Of(rows.Take(6)).Count);
        Assert.InRange(ScoreCells.Of(rows.Take(6)).Single(c => c.Dataset == ScoreCells.Average).Score.Low, 0, 49.9);
    }

    [Fact]
    public void A_variant_that_lacks_a_data_set_has_no_average()
    {
        EvalRow[] rows = [.. Set("a", 1, 0), .. Set("b", 1, 0), .. Set("a", 1, 1).Select(r => r with { Variant = SomeRows.HeadKv })];
        Assert.Equal(SomeRows.Snap, Assert.Single(ScoreCells.Of(rows), c => c.Dataset == ScoreCells.Average).Variant);
    }

    [Fact]
    public void Words_say_what_the_numbers_allow()
    {
        var rows = Enumerable.Range(0, 30).SelectMany(i => (EvalRow[])[SomeRows.Row(i, i % 3 == 0 ? 1 : 0), SomeRows.Row(i, 1, SomeRows.HeadKv), SomeRows.Row(i, i % 3 == 1 ? 1 : 0, new Variant { Method = "TOVA", KvSize = 64 })]).ToArray();
        var found = Comparisons.Of(rows).ToDictionary(c => (c.First.Method, c.Second.Method));
        Assert.Equal(3, found.Count);
        Assert.StartsWith("HeadKV-R2 is 66.67 [50.00, ", found[("HeadKV-R2", "SnapKV")].Words);
        Assert.StartsWith("SnapKV and TOVA at 64: not distinguishable (0.00 [", found[("SnapKV", "TOVA")].Words);
        Assert.EndsWith("(p < 0.001)", found[("HeadKV-R2", "SnapKV")].Words);
        Assert.Equal(Comparisons.Of(rows.Reverse()), Comparisons.Of(rows));       // the order of the rows does not matter
    }

    /// <summary>A difference of 100 points in every question of so many contexts, by methods that answer all or nothing.</summary>
    private static IReadOnlyList<Comparison> Extreme(int contexts, int methods) => Comparisons.Of(Enumerable.Range(0, methods).SelectMany(m => Enumerable.Range(0, contexts)
        .Select(i => SomeRows.Row(i, m == 0 ? 1 : 0, new Variant { Method = HeadKvLab.Compression.Catalogue.Methods[m + 1].Name, KvSize = 64 }))));

    [Theory]
    [InlineData(9, 13, 12, 12), InlineData(11, 13, 12, 51), InlineData(9, 2, 6, 12), InlineData(5, 2, 6, 0), InlineData(1, 2, 6, 0)]
    public void What_so_few_contexts_cannot_show_is_said_in_words(int contexts, int methods, int needed, int most)
    {
        var family = methods * (methods - 1) / 2;
        Assert.Equal((needed, most), (Reach.Contexts(family), (int)Reach.Comparisons(contexts)));
        var found = Extreme(contexts, methods);
        Assert.Equal(family, found.Count);
        // even all or nothing is not significant below the number of contexts, and is from it on
        Assert.Equal(contexts >= needed, found.Any(c => c.Distinguishable));
        Assert.Equal(methods - 1, Extreme(needed, methods).Count(c => c.Distinguishable));
        Assert.DoesNotContain(Extreme(needed - 1, methods), c => c.Distinguishable);
        Assert.Equal(Reach.SmallestP(contexts), found.Min(c => c.Paired.P));
        Assert.Null(Reach.Remark(Extreme(needed, methods)));
        Assert.Equal(Extreme(needed, methods).Select(c => c.Words), Comparisons.InWords(Extreme(needed, methods)));
    }

    [Fact]
    public void The_remark_names_contexts_probability_and_cure()
    {
        Assert.Equal("s, protocol standard: 9 contexts cannot make any difference significant, however large: the smallest possible p is 0.0039, and Holm's correction of 78 comparisons needs 0.00064; use at least 12 contexts, or at most 12 comparisons, of methods and budgets chosen beforehand",
            Comparisons.InWords(Extreme(9, 13)).First());
        Assert.EndsWith(": not distinguishable, out of reach of 9 contexts (-100.00 [-100.00, -100.00] points, p = 0.004 before correction)", Comparisons.InWords(Extreme(9, 13)).ElementAt(1));
        Assert.Equal("s, protocol standard: 4 contexts cannot make any difference significant, however large: the smallest possible p is 0.125, and the level is 0.05; use at least 6 contexts", Reach.Remark(Extreme(4, 2)));
        Assert.Null(Reach.Remark([]));
    }

    /// <summary>2,000 comparisons of 40 contexts: 20,000 flips alone would end at 2,000 / 20,001.</summary>
    [Fact]
    public void Many_comparisons_draw_more_flips()
    {
        (string, double)[] differences = [.. Enumerable.Range(0, 40).Select(i => ($"c{i}", 1.0))];
        Assert.Equal(1 / 50_001.0, PairedTest.Of(differences, comparisons: 2000).P, 12);
        Assert.True(2000 * PairedTest.Of(differences, comparisons: 2000).P <= Comparison.Level);
    }

    private static IEnumerable<EvalRow> Set(string dataset, params double[] scores) => scores.Select((s, i) => SomeRows.Row(i, s, dataset: dataset, context: $"{dataset}{i}"));
}
