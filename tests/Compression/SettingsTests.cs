using System.Globalization;
using System.Text.Json;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Allocators;
using HeadKvLab.Compression.Scorers;

namespace HeadKvLab.Tests.Compression;

/// <summary>What a catalogued method computes with is what its settings say: all of it, in one order, with one text for a value.</summary>
public sealed class SettingsTests
{
    /// <summary>For every setting of the catalogue a value that is not its default.</summary>
    internal static readonly Dictionary<string, object> Others = new()
    {
        ["kernel"] = 5, ["pooling"] = "avg", ["reduction"] = "max", ["beta"] = 2, ["temperature"] = 0.5, ["head-reduction"] = "sum", ["sinks"] = 6, ["protected-share"] = 0.15,
        ["least-recent"] = 10, ["recent-divisor"] = 3, ["pyramid-beta"] = 7, ["floor"] = 0.4, ["normalise"] = false, ["seed"] = 3, ["lag"] = 9, ["chunk"] = 6, ["alike"] = false, ["neighbours"] = 5, ["sparsity"] = 0.7, ["zero-class"] = 0.3, ["block"] = 4, ["buffer"] = 3, ["threshold"] = 0.9, ["frequent"] = 0.2, ["local"] = 0.1, ["coverage"] = 0.8, ["recent"] = 31, ["low"] = 0.5, ["high"] = 0.25, ["moved"] = 0.75, ["layer-exponent"] = 1,
        ["epsilon"] = 0.05, ["blend"] = 0.5, ["lazy"] = 0.7, ["farthest"] = 64, ["safe"] = 0.25, ["replay"] = 512, ["compete"] = "layer",
    };

    /// <summary>A value that is not the setting's default, whose methods may differ in it.</summary>
    private static object Other(Setting setting) => string.Equals(Others[setting.Name].ToString(), setting.Default, StringComparison.OrdinalIgnoreCase) ? setting.Name is "alike" or "normalise" ? "true" : "max" : Others[setting.Name];

    private static readonly CalibrationTables Importances = SomeTables.Of(new HeadImportance(2, 4, [1, 2, 3, 4, 5, 6, 7, 8]), 2);

    public static TheoryData<string> Compressing => [.. Catalogue.Methods.Skip(1).Select(m => m.Name)];

    private static Method Create(string name, Settings? settings = null) => Catalogue.Find(name).Create(settings, Importances);

    /// <summary>Every number, word and flag that the parts of a method hold, but for what a published form fixes.</summary>
    private static SortedDictionary<string, string> Parts(Method method)
    {
        var found = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in (object?[])[method.Scorer, method.Share, method.Settlement, method.Reranker]) Add(part, part?.GetType().Name ?? "");
        return found;

        void Add(object? part, string path)
        {
            foreach (var property in part?.GetType().GetProperties() ?? [])
                if (!property.PropertyType.IsAssignableTo(typeof(ICalibrationTable)) && property.PropertyType != typeof(AllocationScope) && property.Name is not (nameof(IShare.FollowsBudget) or nameof(IBidder.PublishedSearch) or nameof(ISettlement.AddsEntry)))
                    if (property.GetValue(part) is var value && value is IAllocator or IScorer or Pooling) Add(value, $"{path}.{property.Name}");
                    else found[$"{path}.{property.Name}"] = Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
        }
    }

    [Theory]
    [MemberData(nameof(Compressing))]
    public void Every_setting_of_the_parts_is_declared_and_every_declared_one_reaches_a_part(string name)
    {
        var (plain, governed) = (Parts(Create(name)), new HashSet<string>());
        foreach (var setting in Catalogue.Find(name).Takes)
        {
            var changed = Parts(Create(name, new((setting.Name, Other(setting))))).Where(part => plain[part.Key] != part.Value).Select(part => part.Key).ToArray();
            Assert.NotEmpty(changed);
            governed.UnionWith(changed);
        }
        Assert.Equal(plain.Keys, governed.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_effective_settings_are_all_there_with_the_defaults_of_the_papers_runs()
    {
        string Effective(string name) => Create(name).Settings.ToString();
        Assert.Equal("", Effective("FullKV"));
        Assert.Equal("sinks=4", Effective("StreamingLLM"));
        Assert.Equal("reduction=mean", Effective("H2O"));
        Assert.Equal("kernel=7 pooling=max reduction=mean pyramid-beta=20", Effective("PyramidKV"));
        Assert.Equal("kernel=7 pooling=max reduction=mean floor=0.2 normalise=true", Effective("Ada-SnapKV"));
        Assert.Equal("sinks=4 protected-share=by-budget least-recent=4000 recent-divisor=5", Effective("RazorAttention"));
        Assert.Equal("kernel=7 pooling=max reduction=mean beta=1.01 temperature=1 head-reduction=mean", Effective("HeadKV-R2"));
        Assert.Equal("kernel=7 pooling=max reduction=mean beta=1.01 temperature=1 head-reduction=mean seed=0", Effective("HeadKV-R2-shuffled"));
        Assert.Equal("kernel=7 pooling=avg reduction=mean beta=1.005 temperature=1 head-reduction=mean", Create("HeadKV-R2", new(("beta", 1.005), ("pooling", "AVG"))).Settings.ToString());
        Assert.Equal($"reasoning={Importances.Get(TableKinds.RetrievalReasoning).Hash}", Create("HeadKV-R2").Tables.ToString());
        Assert.Equal("", Create("SnapKV").Tables.ToString());
    }

    [Fact]
    public void Distinct_policies_have_distinct_keys_and_come_back_from_a_row_as_they_were()
    {
        Settings[] tables = [new(("t", "0123456789012345")), new(("t", "1234567890123456")), new(("t", "12345e6789012345"))];
        Variant[] all =
        [
            Variant.Full,
            .. from entry in Catalogue.Methods.Skip(1)
               from settings in entry.Takes.Select(setting => entry.Resolve(new((setting.Name, Other(setting))))).Append(entry.Resolve())
               from size in ((int, double)[])[(64, 0), (128, 0), (0, 0.03), (0, 0.06)]
               from rule in ((string[])["as-published", "equal-entries", "equal-bytes"])
               from granularity in ((string[])["kv-head", "query-head"])
               from window in ((int[])[8, 16])
               from table in entry.Needs.Count == 0 ? [Settings.None] : tables
               select new Variant { Method = entry.Name, KvSize = size.Item1, Share = size.Item2, Rule = rule, Granularity = granularity, Window = window, Settings = settings, Tables = table },
            .. from method in (string[])["SnapKV", "H2O", "FastGen"]
               from schedule in (string[])["published", "every 1", "every 11", "grown 1", "grown 11"]
               select new Variant { Method = method, KvSize = 64, Schedule = schedule, Settings = Catalogue.Find(method).Resolve() },
        ];
        Assert.True(all.Length > 4000);
        Assert.Equal(all.Length, all.Select(v => v.Key).Distinct().Count());
        Assert.Equal(all.Length, all.Distinct().Count());
        foreach (var variant in all.Where((_, i) => i % 7 == 0))
            Assert.Equal(variant, JsonSerializer.Deserialize<Variant>(JsonSerializer.Serialize(variant, EvalRow.Json), EvalRow.Json));
    }

    [Theory]
    [InlineData("beta", "1.01", "1.010", "1.01e0", "+1.01")]
    [InlineData("temperature", "1", "1.0", "1e0", "01")]
    [InlineData("kernel", "7", "7.0", "07", "7e0")]
    [InlineData("pooling", "max", "MAX", "Max", "max")]
    public void Equal_values_are_equal_texts_however_they_are_written(string setting, string text, params string[] others)
    {
        Assert.Equal(text, Catalogue.Find("HeadKV-R2").Resolve()[setting]);
        foreach (var other in others) Assert.Equal(Catalogue.Find("HeadKV-R2").Resolve(), Catalogue.Find("HeadKV-R2").Resolve(new((setting, other))));
    }

    [Fact]
    public void Minus_zero_is_zero() => Assert.Equal("0", Catalogue.Find("Ada-SnapKV").Resolve(new(("floor", "-0.0")))["floor"]);

    [Theory]
    [InlineData("SnapKV", "beta", "2", "SnapKV takes no setting 'beta'; it takes kernel, pooling, reduction")]
    [InlineData("Knorm", "kernel", "7", "Knorm takes no setting 'kernel'; it takes none")]
    [InlineData("HeadKV-R2", "Beta", "2", "takes no setting 'Beta'")]
    [InlineData("HeadKV-R2", "beta", "1", "beta 1: give a number above 1"), InlineData("HeadKV-R2", "beta", "NaN", "beta NaN"), InlineData("HeadKV-R2", "beta", "Infinity", "beta Infinity"), InlineData("HeadKV-R2", "beta", "1,5", "beta 1,5")]
    [InlineData("HeadKV-R2", "temperature", "0", "temperature 0"), InlineData("SnapKV", "kernel", "4", "kernel 4"), InlineData("SnapKV", "kernel", "7.5", "kernel 7.5"), InlineData("SnapKV", "kernel", "1e10", "kernel 1e10")]
    [InlineData("SnapKV", "pooling", "median", "max or avg"), InlineData("Ada-SnapKV", "floor", "1.1", "floor 1.1"), InlineData("Ada-SnapKV", "normalise", "yes", "true or false"), InlineData("PyramidKV", "pyramid-beta", "0", "pyramid-beta 0")]
    [InlineData("RazorAttention", "protected-share", "2", "from 0 to 1 that keep everything, or by-budget"), InlineData("RazorAttention", "recent-divisor", "0", "recent-divisor 0"), InlineData("StreamingLLM", "sinks", "-1", "sinks -1")]
    [InlineData("SnapKV", "kernel", "", "empty"), InlineData("SnapKV", "pooling", "max avg", "white space")]
    public void What_a_method_does_not_take_is_refused_by_name(string method, string setting, string value, string named) =>
        Assert.Contains(named, Assert.Throws<LabException>(() => Create(method, new((setting, value)))).Message);

    [Fact]
    public void A_part_of_ones_own_does_not_keep_the_settings_of_the_one_it_replaces()
    {
        var catalogued = Create("HeadKV-R2");
        Assert.Equal(catalogued.Settings, (catalogued with { Name = "mine" }).Settings);
        var (scored, allotted) = (catalogued with { Scorer = new Knorm() }, catalogued with { Share = new Uniform() });
        Assert.Equal((Settings.None, catalogued.Tables), (scored.Settings, scored.Tables));
        Assert.Equal((Settings.None, Settings.None), (allotted.Settings, allotted.Tables));
        Assert.Equal("half-life=3", (catalogued with { Scorer = new Knorm(), Settings = new(("half-life", 3)) }).Settings.ToString());
    }

    [Fact]
    public void A_tables_hash_is_of_what_methods_compute_with()
    {
        HeadImportance Table(int layers, params double[] values) => new(layers, values.Length / layers, values);
        Assert.Equal(Table(2, 1, 2, 3, 4).Hash, (Table(2, 1, 2, 3, 4)).Hash);
        Assert.Equal(Table(2, 1, 2, 3, 4).Hash, new HeadImportance(2, 2, [1, 2, 3, 4]) { Source = "elsewhere.json" }.Hash);
        string[] different = [Table(2, 1, 2, 3, 4).Hash, Table(1, 1, 2, 3, 4).Hash, Table(4, 1, 2, 3, 4).Hash, Table(2, 1, 2, 3, Math.BitIncrement(4.0)).Hash, Table(2, 2, 1, 3, 4).Hash];
        Assert.Equal(different.Length, different.Distinct().Count());
        Assert.All(different, hash => Assert.Matches("^[0-9a-f]{16}$", hash));
    }
}
