using HeadKvLab.Charts;
using HeadKvLab.Cli;
using HeadKvLab.Evaluation.Reports;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Tests.Evaluation.Runs;

namespace HeadKvLab.Tests.Evaluation.Reports;

/// <summary>All methods on one page: order, differences, marks.</summary>
public sealed class LeaderboardTests
{
    private static Variant At(Variant variant, double share) => variant with { KvSize = 0, Share = share };

    /// <summary>Twelve contexts, a question on each: HeadKV answers all at both budgets, SnapKV none at 3 % and all at 6 %, and a third method half.</summary>
    private static List<EvalRow> Rows()
    {
        var third = SomeRows.Snap with { Method = "StreamingLLM" };
        return [.. Enumerable.Range(0, 12).SelectMany(q => (EvalRow[])[
            SomeRows.Row(q, 1, Variant.Full),
            SomeRows.Row(q, 1, At(SomeRows.HeadKv, 0.03)), SomeRows.Row(q, 1, At(SomeRows.HeadKv, 0.06)),
            SomeRows.Row(q, 0, At(SomeRows.Snap, 0.03)), SomeRows.Row(q, 1, At(SomeRows.Snap, 0.06)),
            SomeRows.Row(q, q % 2, At(third, 0.03))])];
    }

    [Fact]
    public void Lines_are_ordered_by_their_mean_and_tested_against_the_reference()
    {
        var board = Assert.Single(Leaderboard.Of(Rows(), "HeadKV-R2"));
        Assert.Equal([0.03, 0.06], board.Shares);
        Assert.Equal(["HeadKV-R2", "SnapKV", "StreamingLLM"], board.Lines.Select(l => l.Method));
        Assert.Equal([100, 50, 25], board.Lines.Select(l => l.Mean)); // what was not run counts as nothing
        Assert.Equal((12, 12, 3, 100.0), (board.Questions, board.Contexts, board.Tested, board.Full.Mean));
        var (own, snap, third) = (board.Lines[0].Scores[0]!, board.Lines[1].Scores, board.Lines[2].Scores);
        Assert.Equal(("", null, null), (own.Mark, own.Difference, own.P));
        Assert.Equal((-100.0, "-"), (snap[0]!.Difference!.Value.Mean, snap[0]!.Mark));
        // all 12 differences are alike: of 4,096 signs two give as much; Holm multiplies the smallest p of three by three
        Assert.Equal(3 * 2 / 4096.0, snap[0]!.P!.Value, 3);
        Assert.Equal((0.0, "", 1.0), (snap[1]!.Difference!.Value.Mean, snap[1]!.Mark, snap[1]!.P!.Value));
        Assert.Null(third[1]);
        Assert.Equal(-50, third[0]!.Difference!.Value.Mean);
    }

    [Fact]
    public void Tables_say_what_they_are()
    {
        var board = Leaderboard.Of(Rows(), "HeadKV-R2")[0];
        var text = board.Table().ToMarkdown();
        Assert.Contains("| 2 | SnapKV | 0.0- [0, 0] | 100.0 [100, 100] | 50.0 |", text, StringComparison.Ordinal);
        Assert.Contains("Holm's correction for all 3 comparisons", text, StringComparison.Ordinal);
        var lines = board.Differences().ToCsv().Trim().Split('\n');
        Assert.Equal(6, lines.Length); // five cells and a heading
        Assert.Contains("s,standard,SnapKV,0.03,0,0,0,-100,-100,-100,", lines[3], StringComparison.Ordinal);
    }

    [Fact]
    public void The_map_shows_every_cell_and_marks()
    {
        var boards = Leaderboard.Of(Rows(), "HeadKV-R2");
        var figure = LeaderboardMap.Draw(boards);
        foreach (var word in (string[])["SnapKV", "StreamingLLM", "0-", "1.5 %"]) Assert.Equal(word != "1.5 %", figure.Svg.Contains($">{word}<", StringComparison.Ordinal));
        Assert.DoesNotContain("StreamingLLM", LeaderboardMap.Draw(boards, most: 2).Svg, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => LeaderboardMap.Draw([]));
    }

    [Fact]
    public void A_board_needs_the_full_cache_and_the_reference()
    {
        Assert.Contains("the full cache was not run", Assert.Throws<LabException>(() => Leaderboard.Of([.. Rows().Where(r => !r.Variant.IsFull)], "HeadKV-R2")).Message, StringComparison.Ordinal);
        Assert.Contains("HeadKV-ER, which others are tested against, was not run", Assert.Throws<LabException>(() => Leaderboard.Of(Rows(), "HeadKV-ER")).Message, StringComparison.Ordinal);
        using var error = new StringWriter();
        Assert.Equal(2, Program.Run(["leaderboard", "--methods", "SnapKV"], error));
        Assert.Contains("add it to --methods", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_command_writes_its_page_and_goes_on_where_it_stopped()
    {
        var folder = Directory.CreateTempSubdirectory().FullName;
        string[] command = ["leaderboard", "--suite", Path.Combine(Tests.Repository.Root, "data/suites/world-1024-validation.jsonl"), "--model", Tests.Repository.Model.DirectoryName, "--methods", "SnapKV,HeadKV-R2", "--limit", "1", "--protocols", "standard", "--out", folder];
        Assert.Equal(0, Program.Main(command));
        var page = File.ReadAllText(Path.Combine(folder, "leaderboard.html"));
        Assert.Contains("headkvlab-table", page, StringComparison.Ordinal);
        Assert.Contains("<img src=\"data:image/svg+xml", page, StringComparison.Ordinal);
        Assert.Equal(6 * 11, File.ReadLines(Path.Combine(folder, "rows.jsonl")).Count()); // six families, full and two methods at five budgets
        var table = File.ReadAllText(Path.Combine(folder, "leaderboard.md"));
        Assert.Equal(0, Program.Main(command));
        Assert.Equal(table, File.ReadAllText(Path.Combine(folder, "leaderboard.md")));
        Directory.Delete(folder, recursive: true);
    }
}
