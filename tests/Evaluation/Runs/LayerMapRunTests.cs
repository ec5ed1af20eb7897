using System.Text.Json;
using HeadKvLab.Cache;
using HeadKvLab.Calibration;
using HeadKvLab.Cli;
using HeadKvLab.Compression;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.World;

namespace HeadKvLab.Tests.Evaluation.Runs;

/// <summary>Layer maps in grids, rows and evaluations of the bundled model.</summary>
public sealed class LayerMapRunTests
{
    private static Variant[] Variants(params string[] methods) => [.. new SweepPlan { Suites = ["s"], Methods = methods, KvSizes = [48] }.Checked("test").Variants(Protocol.Standard)];

    [Fact]
    public void A_variant_with_a_map_is_one_of_its_own()
    {
        var variants = Variants("FullKV", "FullKV /share(5>1)", "fullkv /share( 5>1 )", "SnapKV @int4 /share(4>0,5>1)", "SnapKV @int4");
        Assert.Equal(4, variants.Select(v => v.Key).Distinct().Count());
        Assert.Equal([Variant.Full, Variant.FullWith(null, null, "share(5>1)")], variants[..2]);
        Assert.Equal(("FullKV /share(5>1)", "full", false), (variants[1].Name, variants[1].BudgetName, variants[1].IsFull));
        Assert.Equal("SnapKV @int4 /share(5>1,4>0)", variants[2].Name);
        Assert.Contains(" /[share(5>1,4>0)]", variants[2].Key, StringComparison.Ordinal);
        Assert.Equal(LayerMap.Parse("share(5>1,4>0)"), variants[2].Create([CalibrationTables.None], 0).Layers);
        Assert.Contains("what a recall learns", Assert.Throws<LabException>(() => Variants("SnapKV +Quest /share(5>1)")).Message);
        Assert.Contains("are not dropped again", Assert.Throws<LabException>(() => Variants("H2O published /share(5>1)")).Message);
    }

    [Fact]
    public void A_row_names_its_map_where_there_is_one()
    {
        Assert.DoesNotContain("layers", SomeRows.Row(1).ToLine());
        Assert.DoesNotContain("/[", SomeRows.Row(1).Key);
        var row = SomeRows.Row(1, variant: SomeRows.Snap with { Layers = "share(5>1)" });
        var read = JsonSerializer.Deserialize<EvalRow>(row.ToLine(), EvalRow.Json)!;
        Assert.Equal((row.Variant, row.Key, row.ToLine()), (read.Variant, read.Key, read.ToLine()));
    }

    [Fact]
    public void A_comma_in_parentheses_belongs_to_its_word() =>
        Assert.Equal(["FullKV /share(5>1,4>0)", "SnapKV", "x(", "TOVA /share(5>1"], [.. Options.Split("FullKV /share(5>1,4>0), SnapKV,,x("), .. Options.Split("TOVA /share(5>1")]);

    /// <summary>The map that was searched for stands in the row by its layers, whatever the file is called.</summary>
    [Fact]
    public void A_measured_map_is_named_by_its_layers()
    {
        var variant = Assert.Single(Variants("SnapKV /share"));
        var tables = CalibrationTables.None.With(TableKinds.Sharing, new LayerSharing(6, LayerMap.Parse("share(3>2)"), SharingOrder.Similar, 0, 0.5, 1, 0, []));
        Assert.Equal("SnapKV /share(3>2)", Assert.Single(variant.With([tables])).Name);
        Assert.Contains("/share needs a layer map", Assert.Throws<LabException>(() => variant.With([CalibrationTables.None]).ToArray()).Message);
    }

    /// <summary>
    /// Questions on one context, compressed with the question or before it: variants with and without maps in one run answer as each map's in a run of its own, and store exactly the
    /// layers' share of the bytes.
    /// </summary>
    [Theory]
    [InlineData("standard"), InlineData("agnostic")]
    public void Each_map_has_a_prefill_of_its_own(string name)
    {
        var (model, protocol) = (Repository.Model, Protocol.Find(name));
        var suite = WorldSuite.Make(WorldSplit.Validation, 512, 2).Take(1, 3).ToSamples();
        var tables = CalibrationFolder.Load(model.DirectoryName, model.Config);
        Variant[] variants = [.. Variants("FullKV", "FullKV /share(1>0)", "FullKV /share(3>2,4>2)", "SnapKV", "SnapKV /share(1>0)", "HeadKV-R2 /share(1>0)", "H2O /share(3>2,4>2)").SelectMany(v => v.With([tables]))];
        Rows Run(Variant[] some)
        {
            var rows = new Rows();
            new EvalRunner(model, rows, 0).Run([SuiteTasks.Lay(suite, protocol, model, some) with { Tables = [tables] }]);
            return rows;
        }
        var together = Run(variants);
        Assert.Equal(variants.Length * suite.Sets.Sum(set => set.Samples.Count), together.All.Count);
        foreach (var map in variants.GroupBy(v => v.Layers))
            foreach (var alone in Run([.. map]).All)
            {
                var same = together.All.Single(row => row.Key == alone.Key);
                Assert.Equal((alone.Prediction, alone.Entries, alone.Bytes, alone.EntriesAtEnd, alone.TouchedBytes), (same.Prediction, same.Entries, same.Bytes, same.EntriesAtEnd, same.TouchedBytes));
            }
        foreach (var question in together.All.GroupBy(row => (row.Dataset, row.Question)))
        {
            long Bytes(string variant) => question.Single(row => row.Variant.Name == variant).Bytes;
            Assert.Equal((Bytes("FullKV") * 5, Bytes("FullKV") * 4), (Bytes("FullKV /share(1>0)") * 6, Bytes("FullKV /share(4>2,3>2)") * 6));
            Assert.Equal((Bytes("SnapKV") * 5, Bytes("SnapKV /share(1>0)")), (Bytes("SnapKV /share(1>0)") * 6, Bytes("HeadKV-R2 /share(1>0)")));
        }
        Assert.Contains(together.All, row => row.Variant.Name == "FullKV /share(1>0)" && row.Prediction != together.All.Single(one => one.Variant.IsFull && one.Question == row.Question && one.Dataset == row.Dataset).Prediction);
    }

    private sealed class Rows : IRowStore
    {
        internal List<EvalRow> All { get; } = [];

        public bool Has(string key) => All.Exists(row => row.Key == key);

        public void Add(EvalRow row) => All.Add(row);
    }
}
