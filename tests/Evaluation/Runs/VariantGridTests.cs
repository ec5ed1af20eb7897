using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Runs;

namespace HeadKvLab.Tests.Evaluation.Runs;

/// <summary>Grids of methods, budgets and settings: equal settings are one variant, and nothing that is asked for is passed over.</summary>
public sealed class VariantGridTests : FolderTests
{
    private static string[] Keys(SweepPlan plan) => [.. plan.Checked("test").Variants(Protocol.Standard).Select(v => $"{v.Method} {v.Settings}")];

    private static SweepPlan Plan(params string[] methods) => new() { Suites = ["s"], Methods = methods, KvSizes = [64] };

    private static Dictionary<string, IReadOnlyList<object>> Grid(string name, params object[] values) => new() { [name] = values };

    private SweepPlan Read(string json)
    {
        File.WriteAllText(Inside("sweep.json"), json);
        return SweepPlan.Load(Inside("sweep.json"));
    }

    [Fact]
    public void A_default_that_is_given_is_the_default()
    {
        var plain = Keys(Plan("HeadKV-R2"));
        Assert.Equal(["HeadKV-R2 kernel=7 pooling=max reduction=mean beta=1.01 temperature=1 head-reduction=mean"], plain);
        Assert.Equal(plain, Keys(Plan("HeadKV-R2") with { Betas = [1.01] }));
        Assert.Equal(plain, Keys(Plan("HeadKV-R2", "HeadKV-R2 beta=1.01", "headkv-r2 kernel=7 pooling=max")));
        Assert.Equal(plain, Keys(Plan("HeadKV-R2") with { Settings = Grid("beta", "1.010", 1.01), Kernels = [7] }));
    }

    [Fact]
    public void A_setting_goes_to_the_methods_that_take_it_and_a_methods_own_stands()
    {
        Assert.Equal(["SnapKV kernel=7 pooling=max reduction=mean", .. ((string[])["1.005", "2"]).Select(beta => $"HeadKV-R2 kernel=7 pooling=max reduction=mean beta={beta} temperature=1 head-reduction=mean")],
            Keys(Plan("SnapKV", "HeadKV-R2") with { Betas = [1.005, 2] }));
        Assert.Equal(["SnapKV kernel=3 pooling=max reduction=mean", "SnapKV kernel=5 pooling=max reduction=mean", "H2O reduction=mean"], Keys(Plan("SnapKV kernel=3", "SnapKV", "H2O") with { Kernels = [5] }));
        Assert.Equal(4, Keys(Read("""{ "suites": ["s"], "kvSizes": [64], "methods": ["SnapKV"], "settings": { "kernel": [5, 7], "pooling": ["max", "avg"] } }""")).Length);
        Assert.Equal(["Ada-SnapKV kernel=7 pooling=max reduction=mean floor=0.5 normalise=false"],
            Keys(Read("""{ "suites": ["s"], "kvSizes": [64], "methods": ["Ada-SnapKV"], "settings": { "floor": [0.50], "normalise": [false] } }""")));
        Assert.Equal(["random seed=4"], Keys(Plan("random") with { Seed = 4 }));
    }

    [Fact]
    public void What_no_method_takes_is_refused_by_name()
    {
        string Refused(SweepPlan plan) => Assert.Throws<LabException>(() => plan.Checked("test")).Message;
        Assert.Contains("test: SnapKV takes no setting 'beta'", Refused(Plan("SnapKV beta=2", "HeadKV-R2")));
        Assert.Contains("setting 'beta': none of the methods takes it; SnapKV takes kernel, pooling, reduction", Refused(Plan("SnapKV") with { Betas = [2] }));
        Assert.Contains("setting 'kernel': none of the methods takes it; FullKV takes none; TOVA takes none", Refused(Plan("FullKV", "TOVA") with { Kernels = [5] }));
        Assert.Contains("setting 'beta': every method that takes it names it itself", Refused(Plan("HeadKV-R2 beta=2", "SnapKV") with { Betas = [3] }));
        Assert.Contains("beta 1: give a number above 1", Refused(Plan("HeadKV-R2") with { Betas = [1] }));
        Assert.Contains("'beta' is given twice", Refused(Plan("HeadKV-R2") with { Betas = [2], Settings = Grid("beta", 3) }));
        Assert.Contains("setting 'beta': give at least one value", Refused(Plan("HeadKV-R2") with { Settings = Grid("beta") }));
        Assert.Contains("give --seed", Refused(Plan("random") with { Settings = Grid("seed", 3) }));
        Assert.Contains("give --seed", Refused(Plan("random seed=3")));
        Assert.Contains("'kernel' is no setting; write name=value", Refused(Plan("SnapKV kernel")));
        Assert.Contains("'kernel' is given twice", Refused(Plan("SnapKV kernel=3 kernel=5")));
        Assert.Contains("none of the methods uses head scores", Refused(Plan("SnapKV") with { Scores = ["heads"] }));
        Assert.Contains("sweep.json", Assert.Throws<LabException>(() => Read("""{ "suites": ["s"], "kvSizes": [64], "methods": ["SnapKV"], "settings": { "kernel": [null] } }""")).Message);
    }

    [Theory]
    [InlineData("kvSizes", "[64]"), InlineData("shares", "[0.1]"), InlineData("windows", "[8]"), InlineData("disciplines", "[\"equal-bytes\"]"), InlineData("granularity", "\"query-head\"")]
    public void A_budget_without_a_method_that_compresses_is_refused(string name, string value)
    {
        var message = Assert.Throws<LabException>(() => Read($$"""{ "suites": ["s"], "methods": ["FullKV"], "{{name}}": {{value}} }""")).Message;
        Assert.Contains($"sweep.json: \"{name}\" does nothing here: the full cache has no budget", message);
        var sizes = name == "kvSizes" ? "" : ", \"kvSizes\": [64]";
        Assert.Contains(Read($$"""{ "suites": ["s"], "methods": ["FullKV", "SnapKV"], "{{name}}": {{value}}{{sizes}} }""").Variants(Protocol.Standard), variant => variant.Method == "SnapKV");
        Assert.Single(Read("""{ "suites": ["s"], "methods": ["FullKV"] }""").Variants(Protocol.Standard));
    }

    [Fact]
    public void Each_schedule_goes_to_every_method_that_can_follow_it()
    {
        var plan = new SweepPlan { Suites = ["s"], Methods = ["FullKV", "SnapKV", "H2O", "TOVA every 3", "RazorAttention"], KvSizes = [64], Schedules = ["never", "published", "Every  8"] };
        Assert.Equal(["FullKV", "SnapKV", "SnapKV every 8", "H2O", "H2O every 1", "H2O every 8", "TOVA every 3", "RazorAttention"], plan.Checked("test").Variants(Protocol.Standard).Select(v => v.Name));
        string Refused(IReadOnlyList<string> methods, IReadOnlyList<string> schedules, params string[] rules) =>
            Assert.Throws<LabException>(() => new SweepPlan { Suites = ["s"], Methods = methods, KvSizes = [64], Schedules = schedules, Rules = rules }.Checked("test")).Message;
        Assert.Contains("schedule 'evry 4' is unknown", Refused(["SnapKV", "H2O"], ["never", "evry 4"]));
        Assert.Contains("schedule '' is unknown", Refused(["SnapKV"], [null!]));
        Assert.Contains("RazorAttention can follow none of the schedules", Refused(["SnapKV", "RazorAttention"], ["every 4"]));
        Assert.Contains("every method names its own", Refused(["FullKV", "SnapKV every 2"], ["every 4"]));
        Assert.Contains("give that rule, or write 'FastGen never'", Refused(["FastGen"], ["published"]));
        Assert.Contains("use 'published', or another budget rule", Refused(["FastGen every 4"], [], "as-published"));
        Assert.Single(new SweepPlan { Suites = ["s"], Methods = ["FastGen published"], KvSizes = [64], Rules = ["as-published"] }.Checked("test").Variants(Protocol.Standard), v => v.Key.Contains("[published]"));
    }

    /// <summary>Without a schedule the key is that of rows which knew none.</summary>
    [Fact]
    public void The_key_names_a_schedule_where_there_is_one()
    {
        var variant = new Variant { Method = "H2O", KvSize = 64, Settings = new(("reduction", "mean")) };
        Assert.Equal("H2O b=64 share=0 equal-entries kv-head window=8 reduction=mean", variant.Key);
        Assert.Equal("H2O b=64 share=0 equal-entries kv-head window=8 [every 2] reduction=mean", (variant with { Schedule = "every 2" }).Key);
    }
}
