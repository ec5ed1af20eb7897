using HeadKvLab.Evaluation.Reports;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;

namespace HeadKvLab.Tests.Evaluation.Runs;

/// <summary>
/// A folder of format 1, as it was written: one question under FullKV, StreamingLLM, SnapKV, HeadKV-R2 and its control; then HeadKV-R2 once more with beta 1.01,
/// its default, and with 2; then StreamingLLM, which does not pool, and SnapKV with kernel 5.
/// </summary>
public sealed class FormatOneTests : FolderTests
{
    public FormatOneTests()
    {
        foreach (var file in (string[])["run.json", "rows.jsonl"]) File.Copy(Repository.Path("tests", "fixtures", "rows", "format-1", file), Inside(file));
    }

    private IReadOnlyList<EvalRow> Rows => RowJournal.Read(Inside("rows.jsonl"));

    [Fact]
    public void Its_rows_get_the_settings_that_they_were_made_with()
    {
        Assert.Equal(9, File.ReadLines(Inside("rows.jsonl")).Count());
        Assert.Equal(
        [
            "FullKV", "StreamingLLM b=48 share=0 equal-entries kv-head window=8 sinks=4",
            "SnapKV b=48 share=0 equal-entries kv-head window=8 kernel=7 pooling=max reduction=mean",
            "HeadKV-R2 b=48 share=0 equal-entries kv-head window=8 kernel=7 pooling=max reduction=mean beta=1.01 temperature=1 head-reduction=mean reasoning=unknown",
            "HeadKV-R2-shuffled b=48 share=0 equal-entries kv-head window=8 kernel=7 pooling=max reduction=mean beta=1.01 temperature=1 head-reduction=mean seed=0 reasoning=unknown",
            "HeadKV-R2 b=48 share=0 equal-entries kv-head window=8 kernel=7 pooling=max reduction=mean beta=2 temperature=1 head-reduction=mean reasoning=unknown",
            "SnapKV b=48 share=0 equal-entries kv-head window=8 kernel=5 pooling=max reduction=mean",
        ], Rows.Select(r => r.Variant.Key));
        Assert.All(Rows, row => Assert.Equal((2, "unknown", "unknown", "a046b8c45fb7e322", 0), (row.Format, row.Commit, row.Built, row.Model, row.Seed)));
        Assert.Equal([" storing green plants sharply outside the lagoon", " some icy pink knots from Lyon"], Rows.Take(2).Select(r => r.Prediction));
        Assert.Equal([1.0, 0, 0, 0, 0, 0, 0], Rows.Select(r => r.Score));
        Assert.Equal(Rows.Select(r => r.ToLine()), Rows.Select(r => System.Text.Json.JsonSerializer.Deserialize<EvalRow>(r.ToLine(), EvalRow.Json)!.ToLine()));
    }

    [Fact]
    public void Its_table_tells_settings_and_unknown_scores()
    {
        var table = ResultReport.Markdown(ScoreCells.Of(Rows));
        foreach (var name in (string[])["| StreamingLLM |", "| SnapKV, kernel 5 |", "| SnapKV, kernel 7 |", "| HeadKV-R2, kernel 7, beta 1.01 |", "| HeadKV-R2, kernel 7, beta 2 |"]) Assert.Contains(name, table);
        Assert.Equal("- table 'reasoning': unknown\n", Provenance.Tables(Rows, ResultFolder.ReadCard(Folder)));
        Assert.Equal("- program unknown, commit unknown, built unknown\n", Provenance.Programs(Rows));
        Assert.Equal((1, "0.1.0", "unknown"), (ResultFolder.ReadCard(Folder)!.Format, ResultFolder.ReadCard(Folder)!.Program, ResultFolder.ReadCard(Folder)!.Commit));
    }

    [Fact]
    public void Two_score_files_mixed_in_it_are_found_where_they_answered_one_variant_differently()
    {
        var lines = File.ReadAllLines(Inside("rows.jsonl"));
        lines[5] = lines[5].Replace("storing the mild", "storing no mild");
        File.WriteAllText(Inside("rows.jsonl"), string.Join('\n', lines) + "\n");
        var error = Assert.Throws<LabException>(() => Rows).Message;
        Assert.Contains("rows.jsonl, line 6", error);
        Assert.Contains("twice with different answers: rows of format 1 do not say which head scores", error);
    }

    [Fact]
    public void Nothing_is_added_to_it()
    {
        var before = File.ReadAllText(Inside("rows.jsonl"));
        var card = ResultFolder.ReadCard(Folder)!;
        Assert.Contains("results of format 1", Assert.Throws<LabException>(() => ResultFolder.Open(Folder, card with { Format = EvalRow.CurrentFormat })).Message);
        File.WriteAllText(Inside("run.json"), File.ReadAllText(Inside("run.json")).Replace("\"format\": 1", "\"format\": 2"));
        Assert.Contains("line 1: a row of format 1; this version adds to format 2", Assert.Throws<LabException>(() => ResultFolder.Open(Folder, card with { Format = EvalRow.CurrentFormat })).Message);
        Assert.Equal(before, File.ReadAllText(Inside("rows.jsonl")));
    }

    [Fact]
    public void Its_shards_are_not_joined()
    {
        var shard = Directory.CreateDirectory(Inside("shard-1-of-1")).FullName;
        File.WriteAllText(Path.Combine(shard, "run.json"), File.ReadAllText(Inside("run.json")).Replace("\"shard\": null", "\"shard\": \"1/1\""));
        File.Copy(Inside("rows.jsonl"), Path.Combine(shard, "rows.jsonl"));
        Assert.Contains("shard-1-of-1: results of format 1", Assert.Throws<LabException>(() => ShardMerge.Join(Folder, partial: true)).Message);
    }
}
