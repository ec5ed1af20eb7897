using Microsoft.Data.Analysis;

namespace HeadKvLab.Tests.StandIns;

/// <summary>Tables behave as the package's do, by hand-worked examples.</summary>
public sealed class DataFrameTests
{
    private static DataFrame Scores() => new(
        new StringDataFrameColumn("method", ["SnapKV", "HeadKV", "SnapKV", "HeadKV", "FullKV"]),
        new DoubleDataFrameColumn("score", [0.5, 0.75, 0.25, null, 1.0]),
        new Int32DataFrameColumn("correct", [5, 7, 2, 9, 10]));

    private static object?[] Column(DataFrame frame, string name) => [.. frame.Rows.Select(row => row[name])];

    [Fact]
    public void Columns_and_rows_are_reached_by_name_and_by_place()
    {
        var frame = Scores();
        Assert.Equal(5, frame.Rows.Count);
        Assert.Equal("HeadKV", frame["method"][1]);
        Assert.Equal(0.75, frame[1, 1]);
        Assert.Equal(7, frame.Rows[1]["correct"]);
        Assert.Null(frame["score"][3]);
        Assert.Equal(1, frame["score"].NullCount);
        frame["score"][3] = 0.5;
        Assert.Equal(0, frame["score"].NullCount);
        Assert.Equal(2.0 + 1.0, frame["score"].Sum());
        Assert.Equal(typeof(int), frame["correct"].DataType);
    }

    [Fact]
    public void Unknown_names_and_unfitting_columns_are_refused_by_name()
    {
        var frame = Scores();
        Assert.Contains("'scores'", Assert.Throws<ArgumentException>(() => frame["scores"]).Message);
        Assert.Contains("2 values", Assert.Throws<ArgumentException>(() => frame.Columns.Add(new DoubleDataFrameColumn("x", [1.0, 2.0]))).Message);
        Assert.Throws<ArgumentException>(() => frame.Columns.RenameColumn("score", "method"));
        Assert.Throws<ArgumentException>(() => frame["score"][0] = "high");
        Assert.Throws<ArgumentException>(() => frame.Columns.GetInt32Column("score"));
        Assert.Throws<NotSupportedException>(() => frame["method"].Sum());
    }

    [Fact]
    public void Filters_keep_the_rows_that_answer_true_and_missing_values_answer_no()
    {
        var frame = Scores();
        Assert.Equal([0.5, 0.75, 1.0], Column(frame.Filter(frame["score"].ElementwiseGreaterThanOrEqual(0.5)), "score"));
        Assert.Equal([2], Column(frame[frame["score"].ElementwiseLessThan(0.5)], "correct"));
        Assert.Equal([7, 9], Column(frame.Filter(frame["method"].ElementwiseEquals("HeadKV")), "correct"));
        Assert.Equal([5, 2, 9, 10], Column(frame.Filter(frame["score"].ElementwiseNotEquals(0.75)), "correct"));
        Assert.Equal([10, 5], Column(frame[new[] { 4, 0 }], "correct"));
        Assert.Equal(5, Scores().Rows.Count);
    }

    [Fact]
    public void Sorting_keeps_the_order_of_equals_and_puts_missing_values_last()
    {
        Assert.Equal([2, 5, 7, 10, 9], Column(Scores().OrderBy("score"), "correct"));
        Assert.Equal([10, 7, 5, 2, 9], Column(Scores().OrderByDescending("score"), "correct"));
        Assert.Equal([9, 2, 5, 7, 10], Column(Scores().OrderBy("score", putNullValuesLast: false), "correct"));
        Assert.Equal([10, 7, 9, 5, 2], Column(Scores().OrderBy("method"), "correct")); // FullKV, HeadKV x 2, SnapKV x 2
    }

    [Fact]
    public void Groups_are_summarised_in_order_of_first_occurrence()
    {
        // SnapKV: scores 0.5, 0.25, correct 5, 2. HeadKV: scores 0.75 and none, correct 7, 9. FullKV: 1.0 and 10.
        var groups = Scores().GroupBy("method");
        var mean = groups.Mean("score");
        Assert.Equal(["SnapKV", "HeadKV", "FullKV"], Column(mean, "method"));
        Assert.Equal([0.375, 0.75, 1.0], Column(mean, "score"));
        Assert.Equal([2L, 1L, 1L], Column(groups.Count("score"), "score"));
        Assert.Equal([7, 16, 10], Column(groups.Sum("correct"), "correct"));
        Assert.Equal([5, 9, 10], Column(groups.Max("correct"), "correct"));
        Assert.Equal([2, 7, 10], Column(groups.Min("correct"), "correct"));
        Assert.Equal([10, 63, 10], Column(groups.Product("correct"), "correct"));
        Assert.Equal([0.5, 0.75, 1.0], Column(groups.First(), "score"));
        Assert.Equal([5, 7, 10], Column(groups.Head(1), "correct"));
        Assert.Equal([2, 9, 10], Column(groups.Tail(1), "correct"));
        Assert.Equal([2, 2, 1], Scores().GroupBy<string>("method").Groupings.Select(group => group.Count()));
        Assert.Throws<InvalidCastException>(() => Scores().GroupBy<int>("method"));
        Assert.Throws<NotSupportedException>(() => Scores().GroupBy("correct").Mean("method"));
    }

    [Fact]
    public void Merging_pairs_rows_by_their_keys()
    {
        var papers = new DataFrame(new StringDataFrameColumn("method", ["HeadKV", "H2O"]), new Int32DataFrameColumn("year", [2024, 2023]));
        object?[] Years(JoinAlgorithm how) => Column(Scores().Merge<string>(papers, "method", "method", joinAlgorithm: how), "year");
        Assert.Equal([null, 2024, null, 2024, null], Years(JoinAlgorithm.Left));
        Assert.Equal([2024, 2024], Years(JoinAlgorithm.Inner));
        Assert.Equal([2024, 2024, 2023], Years(JoinAlgorithm.Right));
        Assert.Equal([null, 2024, null, 2024, null, 2023], Years(JoinAlgorithm.FullOuter));
        var both = Scores().Merge(papers, ["method"], ["method"]);
        Assert.Equal(["method_left", "score", "correct", "method_right", "year"], both.Columns.Select(column => column.Name));
    }

    [Fact]
    public void Rows_are_appended_in_place_or_to_a_copy()
    {
        var frame = Scores();
        var longer = frame.Append(["H2O", "0.125"]);
        Assert.Equal((5L, 6L), (frame.Rows.Count, longer.Rows.Count));
        Assert.Equal(0.125, longer["score"][5]);
        Assert.Null(longer["correct"][5]);
        frame.Append(new Dictionary<string, object?> { ["correct"] = 3 }, inPlace: true);
        Assert.Equal(3, frame["correct"][5]);
        frame.Append(frame.Rows, inPlace: true);
        Assert.Equal(12, frame.Rows.Count);
        Assert.Contains("'correct'", Assert.Throws<FormatException>(() => frame.Append(["H2O", 0.1, "many"], inPlace: true)).Message);
        Assert.Equal(12, frame.Rows.Count); // a refused row leaves nothing behind
        Assert.Throws<ArgumentException>(() => frame.Append([1, 2, 3, 4]));
    }

    [Fact]
    public void Heads_tails_copies_and_descriptions()
    {
        var frame = Scores();
        Assert.Equal([5, 7], Column(frame.Head(2), "correct"));
        Assert.Equal([9, 10], Column(frame.Tail(2), "correct"));
        var copy = frame.Clone();
        copy["correct"][0] = 99;
        Assert.Equal(5, frame["correct"][0]);
        var about = frame.Description();
        Assert.Equal(["Description", "score", "correct"], about.Columns.Select(column => column.Name));
        Assert.Equal([4f, 1f, 0.25f, 0.625f], Column(about, "score"));
        Assert.Equal(0.625, frame["score"].Median());
        Assert.Equal([2L, 2L, 1L], Column(frame["method"].ValueCounts(), "Counts"));
    }

    [Fact]
    public void The_text_of_a_table_shows_its_rows()
    {
        var text = new DataFrame(new StringDataFrameColumn("method", ["SnapKV", null]), new DoubleDataFrameColumn("score", [0.5, 1])).ToString();
        Assert.Equal(["method    score     ", "SnapKV    0.5       ", "null      1         ", ""], text.ReplaceLineEndings("\n").Split('\n'));
    }
}
