using System.Text.Json;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Recalls;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.World;

namespace HeadKvLab.Tests.Evaluation.Runs;

/// <summary>Recalls in grids, rows and evaluations of the bundled model.</summary>
public sealed class RecallRunTests
{
    private const string Quest = "Quest budget=64 page=16 full-layers=2 choice=query-head", Exact = "Exact budget=32 full-layers=2 choice=query-head";

    private static string[] Keys(SweepPlan plan) => [.. plan.Checked("test").Variants(Protocol.Standard).Select(v => v.Key)];

    private static SweepPlan Plan(params string[] methods) => new() { Suites = ["s"], Methods = methods, KvSizes = [32, 64] };

    [Fact]
    public void The_full_cache_with_a_recall_is_a_variant_of_its_own_and_not_the_reference()
    {
        var variants = Plan("FullKV", "FullKV +Quest budget=64", "fullkv +quest budget=64 page=16").Checked("test").Variants(Protocol.Standard);
        Assert.Equal([Variant.Full, Variant.FullWith(null, Quest)], variants);
        var recalled = variants[1];
        Assert.False(recalled.IsFull);
        Assert.Equal(("FullKV +Quest budget=64", "full", 120), (recalled.Name, recalled.BudgetName, recalled.BudgetFor(120).Entries));
        Assert.Equal(new Quest(64), recalled.Create([CalibrationTables.None], 0).Recall);
        Assert.Equal(1, (SomeRows.Row(1, variant: recalled)).Share);
    }

    [Fact]
    public void A_grids_recalls_go_to_every_method_that_names_none()
    {
        var keys = Keys(Plan("FullKV", "SnapKV", "TOVA every 4 +Exact budget=32") with { Recalls = ["none", "Quest budget=64"] });
        Assert.Equal(1 + 1 + 2 * 2 + 2, keys.Length);
        Assert.Equal("FullKV", keys[0]);
        Assert.Single(keys, key => key.StartsWith("FullKV b=0 share=1 ", StringComparison.Ordinal) && key.EndsWith($"+[{Quest}]", StringComparison.Ordinal));
        Assert.Equal(2, keys.Count(key => key.StartsWith("SnapKV", StringComparison.Ordinal) && key.Contains($" +[{Quest}] kernel=7", StringComparison.Ordinal)));
        Assert.Equal(2, keys.Count(key => key.StartsWith("TOVA", StringComparison.Ordinal) && key.EndsWith($"[every 4] +[{Exact}]", StringComparison.Ordinal)));
        Assert.Equal(["FullKV", keys[1]], Keys(Plan("FullKV") with { Recalls = ["Quest budget=64"] }));   // the reference stays
        Assert.Contains("recall 'Quests' is unknown", Assert.Throws<LabException>(() => Keys(Plan("SnapKV") with { Recalls = ["Quests"] })).Message);
    }

    /// <summary>Rows without a recall are written, read and named as before there were any.</summary>
    [Fact]
    public void A_row_names_its_recall_where_there_is_one()
    {
        var line = SomeRows.Row(1).ToLine();
        Assert.DoesNotContain("recall", line);
        Assert.DoesNotContain("touched", line);
        Assert.Null(JsonSerializer.Deserialize<EvalRow>(line, EvalRow.Json)!.Variant.Recall);
        Assert.DoesNotContain("+[", SomeRows.Row(1).Key);
        var row = SomeRows.Row(1, variant: SomeRows.Snap with { Recall = Exact }) with { TouchedBytes = 5, IndexBytes = 6, HitRates = [0.25, 0.5, 1] };
        var read = JsonSerializer.Deserialize<EvalRow>(row.ToLine(), EvalRow.Json)!;
        Assert.Equal((row.Variant, row.Key, row.ToLine()), (read.Variant, read.Key, read.ToLine()));
        Assert.NotEqual(row.Key, SomeRows.Row(1).Key);
    }

    /// <summary>Compressed with the question or before it: a budget for everything answers as without a recall, a small one reads fewer bytes; what is stored stays the same.</summary>
    [Theory]
    [InlineData("standard"), InlineData("agnostic")]
    public void Rows_tell_what_decoding_read(string protocol)
    {
        var suite = WorldSuite.Make(WorldSplit.Validation, 512, 2).Take(1, 3).ToSamples();
        Method[] methods = [Catalogue.Find("FullKV").Create(), Catalogue.Find("SnapKV").Create()];
        EvalRow[] Run(string? recall) => [.. SuiteEvaluation.Run(Repository.Model, suite, new EvaluationPlan(methods, [0.5]) { Protocol = Protocol.Find(protocol), Recall = recall is null ? null : RecallCatalogue.Parse(recall) })];
        var (none, all, quest, clusters) = (Run(null), Run("Quest budget=4000"), Run("Quest budget=48"), Run("ClusterKV budget=48 size=6"));
        Assert.Equal(["FullKV", "SnapKV"], none.Take(2).Select(row => row.Variant.Name));
        Assert.Equal(["FullKV", "FullKV +Quest budget=4000", "SnapKV +Quest budget=4000"], all.Take(3).Select(row => row.Variant.Name));
        foreach (var (own, same) in all.Where(row => !row.Variant.IsFull).Zip(none))
            Assert.Equal((same.Prediction, same.Entries, same.Bytes, same.EntriesAtEnd, same.TouchedBytes), (own.Prediction, own.Entries, own.Bytes, own.EntriesAtEnd, own.TouchedBytes));
        Assert.All(none, row => Assert.Equal((null, null), (row.IndexBytes, row.HitRates)));
        foreach (var rows in new[] { quest, clusters })
            foreach (var (own, same) in rows.Where(row => !row.Variant.IsFull).Zip(none))
            {
                Assert.Equal((same.Entries, same.Bytes), (own.Entries, own.Bytes));
                Assert.InRange(own.TouchedBytes!.Value, same.TouchedBytes!.Value / 3, same.TouchedBytes.Value * 9 / 10);   // two of six layers are read whole
                Assert.InRange(own.IndexBytes!.Value, 1, own.Bytes / 4);
                Assert.InRange(own.HitRates![0], 0.05, 1);
                Assert.True(own.HitRates[0] <= own.HitRates[1] && own.HitRates[1] <= own.HitRates[2]);
            }
    }
}
