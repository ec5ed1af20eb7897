using System.Text.Json;
using HeadKvLab.Charts;
using HeadKvLab.Compression;
using HeadKvLab.Evaluation.Reports;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;
using HeadKvLab.Evaluation.Suites;
using HeadKvLab.Training;
using HeadKvLab.World;

namespace HeadKvLab.Tests.Evaluation.Runs;

/// <summary>Rows and tables that compare formats and memories tell what is stored, what papers would count, what lies far, and what a token reads.</summary>
public sealed class FormatRunTests
{
    private const int Dim = 32;

    private static readonly SampleSuite Suite = WorldSuite.Make(WorldSplit.Validation, 512, 2).Take(1, 2).ToSamples();

    private static EvalRow[] Run(string methods, double share, string? format = null, string? recall = null) => [.. SuiteEvaluation.Run(Repository.Model, Suite,
        new EvaluationPlan([.. methods.Split(',').Select(name => Catalogue.Find(name).Create())], [share]) { Format = format is null ? null : FormatCatalogue.Parse(format), Recall = recall is null ? null : RecallCatalogue.Parse(recall) })];

    /// <summary>Per entry of 32 numbers: 128 bytes as bfloat16, 32 at 4 bits, 2 x 20 + 2 x 32 where keys lack 12 channels, 16 + 10 of those at 4 bits. Stored are scales, lists and open entries too.</summary>
    [Theory]
    [InlineData("bf16", 128), InlineData("int4 recent=8", 32), InlineData("think recent=8", 104), InlineData("think bits=4 recent=8", 26)]
    public void Nominal_bytes_are_those_of_the_numbers(string format, int bytes)
    {
        var rows = Run("FullKV,SnapKV", 0.3, format);
        foreach (var row in rows.Where(row => !row.Variant.IsFull))
        {
            Assert.Equal(row.Entries * bytes, row.NominalBytes);
            Assert.True(bytes == 128 ? row.Bytes == row.NominalBytes : row.Bytes > row.NominalBytes);
            Assert.Equal(row.NominalBytes, JsonSerializer.Deserialize<EvalRow>(row.ToLine(), EvalRow.Json)!.NominalBytes);
        }
        Assert.All(rows.Where(row => row.Variant.IsFull), row => Assert.Null(row.NominalBytes));
        var text = ResultReport.Markdown(ScoreCells.Of(rows));
        Assert.Contains("| cache, KiB | nominal, KiB | of it far, KiB | read for a token, KiB |", text);
        Assert.Contains("cache, KiB | nominal, KiB | of it far, KiB | read for a token, KiB |", ScoreTable.Of(rows).ToMarkdown());
        var full = ScoreCells.Of(rows).First(cell => cell.Variant.IsFull);
        Assert.Equal((full.Bytes, 0), (full.NominalBytes, full.FarBytes));
    }

    [Fact]
    public void Tables_without_formats_are_as_before()
    {
        var rows = Run("SnapKV", 0.3);
        Assert.All(rows, row => Assert.DoesNotContain("ominal", row.ToLine() + ResultReport.Markdown(ScoreCells.Of(rows)) + ScoreTable.Of(rows).ToMarkdown()));
        Assert.All(rows, row => Assert.DoesNotContain("far", row.ToLine()));
    }

    /// <summary>A far memory changes no answer and no byte that is read; a row tells what lies in it and what is moved.</summary>
    [Fact]
    public void A_far_memory_is_told()
    {
        var (one, two) = (Run("FullKV,SnapKV", 0.5, null, "Quest budget=48"), Run("FullKV,SnapKV", 0.5, null, "Quest budget=48 near=2"));
        foreach (var (near, far) in one.Zip(two).Where(pair => !pair.First.Variant.IsFull))
        {
            Assert.Equal((near.Prediction, near.Entries, near.Bytes, near.TouchedBytes, near.IndexBytes), (far.Prediction, far.Entries, far.Bytes, far.TouchedBytes, far.IndexBytes));
            Assert.Null(near.FarBytes);
            Assert.InRange(far.FarBytes!.Value, far.Bytes / 2, far.Bytes * 3 / 4);   // four of six layers, with the answer's entries
            Assert.InRange(far.NearBytes!.Value, 1, far.FarBytes.Value);
            Assert.InRange(far.MovedBytes!.Value, 1, far.TouchedBytes!.Value);
            Assert.InRange(far.NearShare!.Value, 0.05, 1);
        }
        Assert.Contains("| of it far, KiB | read for a token, KiB | index, KiB | fetched for a token, KiB | near at once, KiB | moved for a token, KiB |", ResultReport.Markdown(ScoreCells.Of(two)));
        Assert.Contains("of it far, KiB", ScoreTable.Of(two).ToMarkdown());
    }

    /// <summary>Evict to a quarter, heads of unequal length, and recall some 3 % of the prompt of it: what is stored and what is read are both small.</summary>
    [Theory]
    [InlineData("Exact budget=16"), InlineData("Quest budget=16 page=4"), InlineData("ClusterKV budget=16 size=2 sinks=4")]
    public void A_recall_over_a_ragged_cache(string recall)
    {
        var (plain, rows) = (Run("Ada-SnapKV", 0.25), Run("Ada-SnapKV", 0.25, null, recall));
        foreach (var (all, some) in plain.Zip(rows).Where(pair => !pair.First.Variant.IsFull))
        {
            Assert.Equal((all.Entries, all.Bytes), (some.Entries, some.Bytes));
            Assert.InRange((double)some.Entries / (some.PromptTokens * some.Heads), 0.24, 0.26);
            if (!recall.StartsWith("Exact", StringComparison.Ordinal)) Assert.InRange(some.TouchedBytes!.Value, all.TouchedBytes!.Value / 3, all.TouchedBytes.Value * 3 / 4);   // two of six layers are read whole
        }
    }
}
