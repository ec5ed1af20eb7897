using HeadKvLab.Compression;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;
using HeadKvLab.Tests.Evaluation.Runs;

namespace HeadKvLab.Tests.Evaluation.Statistics;

/// <summary>What cells, averages and comparisons say of rows, by hand.</summary>
public sealed class CellTests
{
    private static IEnumerable<EvalRow> Rows(string method, params double[] scores) => scores.Select((s, i) => SomeRows.Row(i, s, SomeRows.Snap with { Method = method }));

    [Fact]
    public void A_cell_sums_up_its_rows()
    {
        EvalRow[] rows =
        [
            SomeRows.Row(0, 1) with { PromptTokens = 100, Entries = 200, Heads = 4, Bytes = 1000, Truncated = true },
            SomeRows.Row(1, 0.25) with { PromptTokens = 300, Entries = 600, Heads = 4, Bytes = 3000 },
        ];
        var cell = Assert.Single(ScoreCells.Of(rows));
        Assert.Equal((62.5, 2, 200.0, 100.0, 0.5, 2000.0, 1), (cell.Score.Mean, cell.Contexts, cell.PromptTokens, cell.Entries, cell.EntriesShare, cell.Bytes, cell.Truncated));
        Assert.Equal((25.0, 100.0), (cell.Score.Low, cell.Score.High));
        Assert.Equal(("s", "standard", "d", "exact_match", false), (cell.Suite, cell.Protocol, cell.Dataset, cell.Metric, cell.IsAverage));
        Assert.Equal(33.33, Assert.Single(ScoreCells.Of(Rows("SnapKV", 1, 0, 0))).Rounded);
    }

    [Fact]
    public void A_single_context_has_a_mean_and_no_interval()
    {
        var cell = Assert.Single(ScoreCells.Of([SomeRows.Row(0, 1, context: "c"), SomeRows.Row(1, 0, context: "c")]));
        Assert.Equal((50.0, 1, 2), (cell.Score.Mean, cell.Contexts, cell.Score.Samples));
        Assert.True(double.IsNaN(cell.Score.Low) && double.IsNaN(cell.Score.High));
    }

    [Fact]
    public void Cells_stand_in_one_order_whatever_the_order_of_the_rows()
    {
        Variant small = SomeRows.Snap with { KvSize = 32 }, share = SomeRows.Snap with { KvSize = 0, Share = 0.1 }, more = share with { Share = 0.2 }, pyramid = SomeRows.Snap with { Method = "PyramidKV" },
            unknown = SomeRows.Snap with { Method = "A-own" }, bytes = SomeRows.Snap with { Rule = "equal-bytes" };
        Variant[] ordered = [Variant.Full, small, bytes, SomeRows.Snap, pyramid, unknown, share, more];
        Assert.Equal(ordered, ScoreCells.InOrder(ordered.Reverse().Concat(ordered)));

        EvalRow[] rows = [.. from suite in (string[])["t", "s"] from protocol in (string[])["standard", "agnostic"] from seed in (int[])[1, 0] from dataset in (string[])["e", "d"] from variant in (Variant[])[SomeRows.Snap, Variant.Full]
            select SomeRows.Row(0, 1, variant, dataset) with { Suite = suite, Protocol = protocol, Seed = seed }];
        var cells = ScoreCells.Of(rows).Select(c => $"{c.Suite} {c.Protocol} {c.Seed} {c.Dataset} {c.Variant.Method}").ToArray();
        Assert.Equal(2 * 2 * 2 * 3 * 2, cells.Length);
        Assert.Equal(["s agnostic 0 d FullKV", "s agnostic 0 d SnapKV", "s agnostic 0 e FullKV", "s agnostic 0 e SnapKV", "s agnostic 0 average FullKV", "s agnostic 0 average SnapKV", "s agnostic 1 d FullKV"], cells[..7]);
        Assert.Equal(["t standard 1 average FullKV", "t standard 1 average SnapKV"], cells[^2..]);
        Assert.Equal(cells, ScoreCells.Of(rows.Reverse()).Select(c => $"{c.Suite} {c.Protocol} {c.Seed} {c.Dataset} {c.Variant.Method}"));
    }

    [Fact]
    public void Averages_of_papers_are_of_exactly_their_sets()
    {
        Assert.Equal([6, 16, 4], PaperAverage.All.Select(a => a.Datasets.Count));
        var six = PaperAverage.All[0];
        Assert.Equal(("average of 6", "longbench"), (six.Name, six.Suite));
        Assert.True(six.IsOf("longbench", six.Datasets.Reverse()));
        Assert.False(six.IsOf("loogle", six.Datasets));
        Assert.False(six.IsOf("longbench", six.Datasets.Skip(1)));
        Assert.True(six.IsPartOf("longbench", [.. six.Datasets, "lcc"]));
        Assert.False(six.IsPartOf("longbench", [.. six.Datasets]));
        Assert.False(six.IsPartOf("loogle", [.. six.Datasets, "lcc"]));
        Assert.False(six.IsPartOf("longbench", [.. six.Datasets.Skip(1), "lcc", "trec"]));

        EvalRow[] rows = [.. from dataset in six.Datasets.Append("lcc") from i in (int[])[0, 1] select SomeRows.Row(i, dataset == "lcc" ? 0 : 1, dataset: dataset) with { Suite = "longbench" }];
        var averages = ScoreCells.Of(rows).Where(c => c.IsAverage).ToArray();
        Assert.Equal(["average of 6", "average"], averages.Select(c => c.Dataset));
        Assert.Equal((100.0, 12, ""), (averages[0].Score.Mean, averages[0].Score.Samples, averages[0].Metric));
        Assert.Equal(600 / 7.0, averages[1].Score.Mean, 10);
    }

    [Fact]
    public void Only_methods_of_one_budget_are_compared()
    {
        Variant other = SomeRows.Snap with { Method = "TOVA" };
        Variant[] apart = [other with { KvSize = 32 }, other with { Share = 0.5 }, other with { Rule = "equal-bytes" }, other with { Granularity = "query-head" }, other with { Window = 4 }, Variant.Full];
        foreach (var variant in apart) Assert.Empty(Comparisons.Of(Rows("SnapKV", 1, 0, 1).Concat(Rows("x", 0, 0, 0).Select(r => r with { Variant = variant }))));
        var one = Assert.Single(Comparisons.Of(Rows("SnapKV", 1, 0, 1).Concat(Rows("TOVA", 0, 0, 0))));
        Assert.Equal(("SnapKV", "TOVA", 3), (one.First.Method, one.Second.Method, one.Paired.Clusters));
        Assert.Empty(Comparisons.Of(Rows("SnapKV", 1).Concat(Rows("TOVA", 0).Select(r => r with { Question = "other" }))));
        Assert.Empty(Comparisons.Of(Rows("SnapKV", 1).Concat(Rows("TOVA", 0).Select(r => r with { Protocol = "paper" }))));
    }

    /// <summary>Ten contexts of which nine differ, all one way: p = 2 / 2^9, one comparison; the sentence names the better first whoever it is.</summary>
    [Theory]
    [InlineData("SnapKV", "TOVA"), InlineData("TOVA", "SnapKV")]
    public void The_better_one_is_named_first(string better, string worse)
    {
        var rows = Rows(better, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0).Concat(Rows(worse, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
        Assert.Equal($"{better} is 90.00 [70.00, 100.00] points above {worse} at 64 (p = 0.004)", Assert.Single(Comparisons.Of(rows)).Words);
        Assert.Equal(2 / 512.0, Assert.Single(Comparisons.Of(rows)).Paired.P);
    }

    [Fact]
    public void A_level_reached_exactly_counts()
    {
        Assert.True(new Comparison("s", "p", SomeRows.Snap, SomeRows.HeadKv, default, Comparison.Level, 1, ("SnapKV", "HeadKV-R2")).Distinguishable);
        Assert.False(new Comparison("s", "p", SomeRows.Snap, SomeRows.HeadKv, default, 0.0501, 1, ("SnapKV", "HeadKV-R2")).Distinguishable);
        Assert.True(new Comparison("s", "p", SomeRows.Snap, SomeRows.HeadKv, new(default, 1, 6), 1, 1, ("SnapKV", "HeadKV-R2")).Reachable);     // 2 / 64
        Assert.False(new Comparison("s", "p", SomeRows.Snap, SomeRows.HeadKv, new(default, 1, 5), 1, 1, ("SnapKV", "HeadKV-R2")).Reachable);    // 2 / 32
    }

    [Fact]
    public void One_context_and_one_comparison_are_singular()
    {
        Assert.Equal("s, protocol standard: 1 context cannot make any difference significant, however large: the smallest possible p is 1, and the level is 0.05; use at least 6 contexts",
            Reach.Remark(Comparisons.Of(Rows("SnapKV", 1).Concat(Rows("TOVA", 0)))));
        // 6 contexts reach one comparison, not three
        var three = Comparisons.Of(Rows("SnapKV", 1, 1, 1, 1, 1, 1).Concat(Rows("TOVA", 0, 0, 0, 0, 0, 0)).Concat(Rows("H2O", 0, 0, 0, 0, 0, 0)));
        Assert.EndsWith("Holm's correction of 3 comparisons needs 0.0167; use at least 7 contexts, or at most 1 comparison, of methods and budgets chosen beforehand", Reach.Remark(three));
    }

    /// <summary>Shares of 1/2 and 1/4; the third answered nothing, for which there is no cache to measure.</summary>
    [Fact]
    public void A_sample_without_an_answer_scores_nothing_and_measures_nothing()
    {
        EvalRow[] rows =
        [
            SomeRows.Row(0, 1) with { PromptTokens = 100, Entries = 200, Heads = 4, Bytes = 1000 }, SomeRows.Row(1, 1) with { PromptTokens = 200, Entries = 200, Heads = 4, Bytes = 3000 },
            SomeRows.Row(2) with { PromptTokens = 300, Entries = 0, Heads = 4, Bytes = 0, Failed = "too long" },
        ];
        var cell = Assert.Single(ScoreCells.Of(rows));
        Assert.Equal((1, 200.0, 50.0, 0.375, 2000.0), (cell.Failed, cell.PromptTokens, cell.Entries, cell.EntriesShare, cell.Bytes));
        Assert.Equal(200 / 3.0, cell.Score.Mean, 10);
    }

    [Fact]
    public void An_average_of_single_contexts_counts_all_samples()
    {
        EvalRow[] rows = [SomeRows.Row(0, 1, context: "c"), SomeRows.Row(1, 0, context: "c"), .. Enumerable.Range(0, 3).Select(i => SomeRows.Row(i, 1, dataset: "e", context: "c"))];
        var average = ScoreCells.Of(rows).Single(c => c.IsAverage);
        Assert.Equal((75.0, 5), (average.Score.Mean, average.Score.Samples));
        Assert.True(double.IsNaN(average.Score.Low));
    }

    /// <summary>Two variants of one method are told apart by their settings, in words and in the order of their keys.</summary>
    [Fact]
    public void Variants_of_one_method_are_named_by_their_settings()
    {
        Variant narrow = SomeRows.Snap with { Settings = SomeRows.Snap.Settings.With("kernel", 5).With("pooling", "average") }, wide = SomeRows.Snap with { Settings = SomeRows.Snap.Settings.With("kernel", 9).With("pooling", "max") };
        EvalRow[] Of(Variant variant) => [SomeRows.Row(0, 1, variant), SomeRows.Row(1, 0, variant)];
        var names = Comparisons.Of([.. Of(wide), .. Of(narrow), .. Of(SomeRows.Snap with { Method = "TOVA", Settings = Settings.None })]).Select(c => c.Names.First).ToArray();
        Assert.Equal(["SnapKV (kernel 5, pooling average)", "SnapKV (kernel 9, pooling max)"], names.Order(StringComparer.Ordinal));
        Assert.Equal([narrow, wide], ScoreCells.InOrder([wide, narrow]));
    }

    [Fact]
    public void The_remark_is_about_all_comparisons_of_the_family()
    {
        Comparison On(int contexts) => new("s", "p", SomeRows.Snap, SomeRows.HeadKv, new(default, 1, contexts), 1, 2, ("SnapKV", "HeadKV-R2"));
        Assert.Null(Reach.Remark([On(9), On(3)]));                                 // one of them can be significant
        Assert.StartsWith("s, protocol p: 4 contexts cannot", Reach.Remark([On(3), On(4)]));
    }
}
