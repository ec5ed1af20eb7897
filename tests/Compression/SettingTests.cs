using System.Text.Json;
using HeadKvLab.Compression;

namespace HeadKvLab.Tests.Compression;

/// <summary>Settings, their ranges and a method's text, value by value and refusal by refusal.</summary>
public sealed class SettingTests
{
    private static string Refused(Func<object?> make) => Assert.Throws<LabException>(make).Message;

    [Fact]
    public void Names_stand_once_and_values_are_one_word()
    {
        var settings = new Settings(("a", 1), ("b", 0.5), ("c", true), ("d", false));
        Assert.Equal("a=1 b=0.5 c=true d=false", settings.ToString());
        Assert.Equal(("0.5", 0.5, 1, true, false), (settings["b"], settings.Number("b"), settings.Whole("a"), settings.Has("c"), settings.Has("e")));
        Assert.Equal("setting 'a' is given twice", Refused(() => new Settings(("a", 1), ("b", 1), ("a", 2))));
        foreach (var bad in (string[])["", "x y", "x\t", "x=y"]) Assert.Equal($"setting 'a': '{bad}' is empty or holds white space or an equals sign", Refused(() => new Settings(("a", bad))));
        Assert.Contains("'a b' is empty or holds", Refused(() => new Settings(("a b", 1))));
        Assert.Equal("there is no setting 'x': there are a, b, c, d", Refused(() => settings["x"]));
        Assert.Equal("there is no setting 'x': there are none", Refused(() => Settings.None["x"]));
    }

    [Fact]
    public void Another_value_takes_the_place_of_the_first_and_another_name_goes_last()
    {
        var settings = new Settings(("a", 1), ("b", 2));
        Assert.Equal("a=3 b=2", settings.With("a", 3).ToString());
        Assert.Equal("a=1 b=3", settings.With("b", 3).ToString());
        Assert.Equal("a=1 b=2 c=3", settings.With("c", 3).ToString());
        Assert.Equal("a=1 b=2", settings.ToString());
    }

    [Fact]
    public void JSON_is_an_object_of_numbers_and_words()
    {
        var read = JsonSerializer.Deserialize<Settings>("""{"a":1.5,"b":"x","c":true,"d":null}""")!;
        Assert.Equal("a=1.5 b=x c=true d=null", read.ToString());
        Assert.Equal("""{"a":1.5,"b":"x","c":"true","d":"null"}""", JsonSerializer.Serialize(read));
        Assert.Equal("settings are an object of names and values", Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<Settings>("[1]")).Message);
        Assert.Equal("setting 'a': '' is empty or holds white space or an equals sign", Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<Settings>("""{"a":""}""")).Message);
    }

    [Fact]
    public void Ranges_are_told_in_words()
    {
        var word = Setting.Word("w", "what", "x", "y");
        Assert.Equal(("x", "x or y, what", "y"), (word.Default, word.Range, word.Read("Y")));
        Assert.Equal("w q: give x or y, what; x is the default", Refused(() => word.Read("q")));
        var either = word.Or("z");
        Assert.Equal(("z", "x or y, what, or z", "z", "x"), (either.Default, either.Range, either.Read("Z"), either.Read("x")));
        var whole = Setting.Whole("n", 2, "1 or more", n => n >= 1);
        Assert.Equal(("2", "3", "1"), (whole.Default, whole.Read("3.0"), whole.Read("1")));
        foreach (var bad in (string[])["0", "1.5", "x", "1e99", ""]) Assert.Equal($"n {bad}: give 1 or more; 2 is the default", Refused(() => whole.Read(bad)));
        var number = Setting.Number("r", 0.5, "-1 to 1", r => r is >= -1 and <= 1);
        Assert.Equal(("0.25", "0", "-1"), (number.Read("2.5e-1"), number.Read("-0"), number.Read("-1")));
        foreach (var bad in (string[])["1.01", "NaN", "Infinity"]) Assert.Equal($"r {bad}: give -1 to 1; 0.5 is the default", Refused(() => number.Read(bad)));
    }

    [Fact]
    public void A_method_is_a_name_and_settings()
    {
        var (entry, given, schedule) = Catalogue.Parse("  headkv-r2 beta=2  kernel=5 ");
        Assert.Null(schedule);
        Assert.Equal("every 8", Catalogue.Parse("SnapKV kernel=5  EVERY 8").Schedule);
        Assert.Equal(("HeadKV-R2", "beta=2 kernel=5"), (entry.Name, given.ToString()));
        Assert.Equal("method 'SnapKV beta': 'beta' is no setting; write name=value, as in HeadKV-R2 beta=2, and a schedule behind them: never, published, every 128, grown 64; then a format: @int4 recent=8; a recall: +Quest budget=64; a layer map: /share(5>1); a reducer last: ~BM25 keep=0.25", Refused(() => Catalogue.Parse("SnapKV beta")));
        Assert.StartsWith("method '' is unknown: use one of FullKV, ", Refused(() => Catalogue.Parse(" ")));
        Assert.Contains("beta", Refused(() => Catalogue.Parse("SnapKV beta=2")));
        Assert.Contains("kernel", Refused(() => Catalogue.Parse("SnapKV kernel=x")));
        Assert.True(Catalogue.Find("SnapKV").IsReady(CalibrationTables.None));
        Assert.False(Catalogue.Find("HeadKV-R2").IsReady(CalibrationTables.None));
        Assert.True(Catalogue.Find("HeadKV-R2").IsReady(SomeTables.Of(new HeadImportance(1, 2, [1, 2]), 2)));
        Assert.Equal($"{TableKinds.Retrieval.Holds} are missing: {TableKinds.Retrieval.Cure}", Refused(() => CalibrationTables.None.Get(TableKinds.Retrieval)));
    }

    /// <summary>The last possible values of every number that a catalogued method takes, and the first ones beyond them.</summary>
    [Fact]
    public void Ranges_begin_and_end_where_their_words_say()
    {
        var share = (Good: (string[])["0", "1", "0.5"], Bad: (string[])["-0.01", "1.01", "NaN"]);
        var natural = (Good: (string[])["0", "1", "100000"], Bad: (string[])["-1", "0.5"]);
        var positive = (Good: (string[])["1", "2"], Bad: (string[])["0", "-1", "1.5"]);
        Dictionary<string, (string[] Good, string[] Bad)> borders = new()
        {
            ["kernel"] = (["1", "3", "7"], ["0", "2", "-1", "-3"]), ["beta"] = (["1.001", "2"], ["1", "0.5"]), ["temperature"] = (["0.001", "2"], ["0", "-1"]), ["protected-share"] = share, ["sparsity"] = share, ["threshold"] = share,
            ["frequent"] = share, ["local"] = share, ["coverage"] = share, ["floor"] = share, ["zero-class"] = (["-1", "0", "1"], ["-1.01", "1.01"]), ["least-recent"] = natural, ["recent"] = natural, ["buffer"] = natural, ["sinks"] = natural,
            ["seed"] = (["-5", "0"], ["0.5"]), ["recent-divisor"] = positive, ["block"] = positive, ["pyramid-beta"] = positive, ["chunk"] = positive, ["neighbours"] = positive, ["replay"] = positive, ["lag"] = (["2", "128"], ["1", "0", "2.5"]),
            ["low"] = share, ["high"] = share, ["moved"] = share, ["layer-exponent"] = (["0", "3.5"], ["-0.1", "NaN"]), ["epsilon"] = (["0", "0.01"], ["-0.1"]), ["lazy"] = share, ["farthest"] = positive, ["safe"] = share, ["blend"] = (["0", "1.5"], ["-0.1"]),
        };
        foreach (var setting in Catalogue.Methods.SelectMany(entry => entry.Takes).Where(setting => setting.Name is not ("pooling" or "reduction" or "head-reduction" or "normalise" or "alike" or "compete")))
        {
            foreach (var good in borders[setting.Name].Good) Assert.Equal(good, setting.Read(good));
            foreach (var bad in borders[setting.Name].Bad) Assert.StartsWith($"{setting.Name} {bad}: give {setting.Range};", Refused(() => setting.Read(bad)));
        }
    }

    [Fact]
    public void Methods_are_called_as_their_entries_and_tell_what_they_take()
    {
        var tables = SomeTables.Of(new HeadImportance(2, 4, [1, 2, 3, 4, 5, 6, 7, 8]), 2);
        foreach (var entry in Catalogue.Methods) Assert.Equal(entry.Name, entry.Create(null, tables).Name);
        Assert.Equal(("none", "none"), (Catalogue.Find("FullKV").Defaults, Catalogue.Find("FullKV").NeedsInWords));
        Assert.Equal("kernel 7, pooling max, reduction mean", Catalogue.Find("SnapKV").Defaults);
        Assert.Equal(TableKinds.RetrievalReasoning.Holds, Catalogue.Find("HeadKV-R2").NeedsInWords);
        Assert.Equal("SnapKV takes no setting 'beta'; it takes kernel, pooling, reduction", Refused(() => Catalogue.Find("SnapKV").Resolve(new(("beta", 2)))));
        Assert.Equal("FullKV takes no setting 'beta'; it takes none", Refused(() => Catalogue.Find("FullKV").Resolve(new(("beta", 2)))));
    }

    [Fact]
    public void A_table_of_another_model_is_refused_with_both_sizes()
    {
        var table = new HeadImportance(2, 4, [1, 2, 3, 4, 5, 6, 7, 8]);
        object? Required(int layers, int heads, bool gates)
        {
            table.Require(new BudgetFrame(layers, heads, 100, 8, 12, 40), gates);
            return null;
        }
        foreach (var (layers, heads, gates) in ((int, int, bool)[])[(2, 4, false), (2, 2, false), (2, 4, true), (2, 8, true)]) Required(layers, heads, gates);
        Assert.Equal("head scores describe 2 layers of 4 query heads, the model has 2 layers of 8: use scores computed on this model", Refused(() => Required(2, 8, false)));
        Assert.Equal("gates describe 2 layers of 4 KV heads, the model has 3 layers of 4: use scores computed on this model", Refused(() => Required(3, 4, true)));
    }

    [Fact]
    public void Bids_get_cheaper_and_hold_something()
    {
        var bids = new Bids(2);
        bids.Offer(0, 2, 3);
        bids.Offer(0, 2, 0, 1);
        bids.Offer(0, double.NaN, 2, 5);
        Assert.Equal([(2.0, 3, 3), (2.0, 0, 1), (double.NegativeInfinity, 2, 5)], bids[0].Select(step => (step.Price, step.Entries, step.Cost)));
        const string Rule = ": steps hold one entry or more, cost as much or more, and are no dearer than the one before";
        bids.Offer(1, 1, 1);
        Assert.Equal("a bidder's price 2 after 1 for head 1" + Rule, Refused(() => Offered(1, 2, 1, null)));
        Assert.Equal("a bidder's step of -1 entries that costs 1 for head 1" + Rule, Refused(() => Offered(1, 0, -1, 1)));
        Assert.Equal("a bidder's step of 0 entries that costs 0 for head 1" + Rule, Refused(() => Offered(1, 0, 0, null)));
        Assert.Equal("a bidder's step of 2 entries that costs 1 for head 1" + Rule, Refused(() => Offered(1, 0, 2, 1)));

        object? Offered(int head, double price, int entries, int? cost)
        {
            bids.Offer(head, price, entries, cost);
            return null;
        }
    }
}
