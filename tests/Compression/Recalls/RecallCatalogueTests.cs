using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Recalls;
using HeadKvLab.Compression.Schedules;

namespace HeadKvLab.Tests.Compression.Recalls;

public sealed class RecallCatalogueTests
{
    [Fact]
    public void A_policy_names_its_recall_last()
    {
        var quest = CachePolicy.Parse("FullKV +Quest budget=64");
        Assert.Equal((new Quest(64), null), (quest.Recall, quest.Schedule));
        Assert.Equal("FullKV +Quest budget=64", quest.Name);
        Assert.False(quest.IsReference);
        Assert.True(CachePolicy.Parse("FullKV").IsReference);
        var both = CachePolicy.Parse("SnapKV kernel=5 every 64 +exact budget=16 full-layers=0");
        Assert.Equal((new ExactTop(16, 0), new Every(64)), (both.Recall, both.Schedule));
        Assert.Equal("SnapKV every 64 +Exact budget=16 full-layers=0", both.Name);
        Assert.Null(CachePolicy.Parse("SnapKV every 64 +none").Recall);
    }

    [Theory]
    [InlineData("ClusterKV budget=32 size=16", "ClusterKV budget=32 size=16 sinks=16 append=320 full-layers=2 choice=query-head", "ClusterKV budget=32 size=16")]
    [InlineData("ClusterKV", "ClusterKV budget=1024 size=80 sinks=16 append=320 full-layers=2 choice=query-head", "ClusterKV budget=1024")]
    [InlineData("clusterkv size=4 budget=32", "ClusterKV budget=32 size=4 sinks=16 append=320 full-layers=2 choice=query-head", "ClusterKV budget=32")]
    [InlineData("ClusterKV budget=6 size=2 sinks=1", "ClusterKV budget=6 size=2 sinks=1 append=320 full-layers=2 choice=query-head", "ClusterKV budget=6 size=2 sinks=1")]   // the default, 16 sinks, does not go with 6
    [InlineData("ClusterKV budget=32 cut=best", "ClusterKV budget=32 size=4 sinks=16 append=320 full-layers=2 choice=query-head cut=best", "ClusterKV budget=32 cut=best")]
    [InlineData("Quest page=8", "Quest budget=1024 page=8 full-layers=2 choice=query-head", "Quest budget=1024 page=8")]
    [InlineData("Quest", "Quest budget=1024 page=16 full-layers=2 choice=query-head", "Quest budget=1024")]
    public void A_recall_is_named_with_all_its_settings_and_shown_with_those_that_differ(string text, string name, string shown)
    {
        var recall = RecallCatalogue.Parse(text)!;
        Assert.Equal(name, recall.Name);
        Assert.Equal(recall, RecallCatalogue.Parse(name));
        Assert.Equal(shown, RecallCatalogue.Short(name));
        Assert.Equal(recall, RecallCatalogue.Parse(shown));
    }

    /// <summary>The first two layers are read whole: they have no index.</summary>
    [Theory]
    [InlineData("Exact"), InlineData("Quest"), InlineData("ClusterKV")]
    public void Full_layers_have_no_index(string text)
    {
        var recall = RecallCatalogue.Parse(text)!;
        Assert.Equal([true, true, false, false], Enumerable.Range(0, 4).Select(layer => recall.Build(layer, new CacheShape(4, 1, 16)) is null));
    }

    [Theory]
    [InlineData("FullKV +Quests", "recall 'Quests' is unknown: use one of Exact, Recent, Quest, ClusterKV, or none")]
    [InlineData("FullKV +Quest budget=0", "budget 0: give 1 or more")]
    [InlineData("FullKV +Quest size=4", "Quest takes no setting 'size'; it takes budget, page, full-layers, choice, near")]
    [InlineData("FullKV +ClusterKV budget=16", "16 sinks are read of it")]
    [InlineData("FullKV +Quest budget=4 every 3", "'every' is no setting")]
    [InlineData("FullKV +Quest budget=4 budget=5", "'budget' is given twice")]
    public void What_is_wrong_is_told(string text, string words) => Assert.Contains(words, Assert.Throws<LabException>(() => CachePolicy.Parse(text)).Message);

    public static TheoryData<string, Func<IRecall>> OutOfRange => new()
    {
        { "recall Exact: budget 0: give 1 or more", () => new ExactTop(0) },
        { "recall Exact: full-layers -1: give 0 or more", () => new ExactTop(FullLayers: -1) },
        { "recall Quest: budget 0: give 1 or more", () => new Quest(0) },
        { "recall Quest: page 0: give 1 or more", () => new Quest(Page: 0) },
        { "recall Quest: full-layers -1: give 0 or more", () => new Quest(FullLayers: -1) },
        { "recall ClusterKV: budget 16: 16 sinks are read of it: give 17 or more, or fewer sinks", () => new ClusterKv(16) },
        { "recall ClusterKV: size -1: give 1 or more", () => new ClusterKv(Size: -1) },
        { "recall ClusterKV: sinks -1: give 0 or more", () => new ClusterKv(Sinks: -1) },
        { "recall ClusterKV: append 0: give 1 or more", () => new ClusterKv(Append: 0) },
        { "recall ClusterKV: full-layers -1: give 0 or more", () => new ClusterKv(FullLayers: -1) },
    };

    [Theory]
    [MemberData(nameof(OutOfRange))]
    public void A_setting_out_of_range_is_refused_by_name(string message, Func<IRecall> make) => Assert.Equal(message, Assert.Throws<LabException>(make).Message);

    [Fact]
    public void One_that_stands_in_no_catalogue_keeps_its_name() => Assert.Equal("mine budget=3", RecallCatalogue.Short("mine budget=3"));
}
