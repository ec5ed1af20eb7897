using System.Text.Json;
using HeadKvLab.Text;

namespace HeadKvLab.Tests.Text;

/// <summary>Values of a model's JSON files: what is taken, and what a refusal says of file, place and value.</summary>
public sealed class JsonPlaceTests
{
    private const string Cure = ": correct the file, or take it from the model's own repository";

    private static JsonPlace Of(string json)
    {
        using var document = JsonDocument.Parse("{\"a\":" + json + "}");
        return new JsonPlace("f.json", "", document.RootElement.Clone())["a"];
    }

    private static JsonPlace None => Of("1") with { Path = ".b", Value = default };

    private static void Refused(Func<object?> read, string what) => Assert.Equal("f.json: " + what, Assert.Throws<LabException>(read).Message);

    private static void Expected(Func<object?> read, string raw, string expected) => Refused(read, $"'a' is {raw} where {expected} is expected{Cure}");

    [Fact]
    public void A_place_is_named_by_keys_and_indexes()
    {
        var place = Of("""{"b":[1,{"c":2}],"n":null}""");
        Assert.Equal(".a.b[1].c", place["b"].Items().ElementAt(1)["c"].Path);
        Assert.Equal([("b", ".a[b]"), ("n", ".a[n]")], place.Members().Select(member => (member.Name, member.Value.Path)));
        Assert.Equal(".a.n.x.y", place["n"]["x"]["y"].Path);
        Assert.Equal((true, false), (place["n"].Given, place["n"].Exists));
        Assert.Equal((false, false), (place["x"].Given, place["x"].Exists));
        Expected(() => Of("[1]")["c"], "[1]", "an object");
        Refused(() => place["x"].Text(), "'a.x' is missing: add it, or take the file from the model's own repository");
        Refused(() => place["n"].Text(), "'a.n' is null: give a value, or take the file from the model's own repository");
        Assert.Equal("f.json: the file is odd", new JsonPlace("f.json", "", default).Bad("is odd").Message);
    }

    [Fact]
    public void A_long_value_is_told_by_its_beginning()
    {
        Assert.Equal('"' + new string('x', 58) + '"', Of('"' + new string('x', 58) + '"').Raw);
        Assert.Equal('"' + new string('x', 59) + "…", Of('"' + new string('x', 59) + '"').Raw);
    }

    [Fact]
    public void Arrays_and_objects()
    {
        Assert.Empty(None.Items());
        Assert.Empty(Of("null").Items());
        Assert.Equal([1, 2], Of("[1,2]").NeededItems().Select(item => item.Integer()));
        Expected(() => Of("{}").Items().ToArray(), "{}", "an array");
        Refused(() => None.NeededItems(), "'b' is missing: add it, or take the file from the model's own repository");
        Assert.Equal((0, 0, 2), (None.Count(), Of("{}").Count(), Of("""{"x":1,"y":null}""").Count()));
        Expected(() => Of("[]").Count(), "[]", "an object");
        Assert.Empty(None.Members());
        Expected(() => Of("[]").Members().ToArray(), "[]", "an object");
        Assert.Null(None.Texts());
        Assert.Equal(["x", "y"], Of("""["x","y"]""").Texts()!);
        Refused(() => Of("""["x",1]""").Texts(), $"'a[1]' is 1 where a string is expected{Cure}");
    }

    [Fact]
    public void Texts_and_flags()
    {
        Assert.Equal(("x", "x", "y", null), (Of("\"x\"").Text(), Of("\"x\"").TextOr("y"), None.TextOr("y"), None.TextOrNone()));
        Expected(() => Of("1").Text(), "1", "a string");
        Assert.Equal((true, false, true, false), (Of("true").Flag(), Of("false").FlagOr(true), None.FlagOr(true), Of("null").FlagOr(false)));
        Expected(() => Of("1").Flag(), "1", "true or false");
        Refused(() => None.Flag(), "'b' is missing: add it, or take the file from the model's own repository");
    }

    [Fact]
    public void Whole_numbers()
    {
        Assert.Equal((7, int.MaxValue), (Of("7").Integer(), Of("2147483647").Integer()));
        foreach (var raw in (string[])["7.5", "2147483648", "\"7\""]) Expected(() => Of(raw).Integer(), raw, "a whole number below 2^31");
        Assert.Equal((1, 10, 4, 4), (Of("1").Int(1, 10), Of("10").Int(1, 10), None.Int(1, 10, 4), Of("null").Int(1, 10, 4)));
        Assert.Equal(3, Of("3").Int(1, 10, 4));
        Refused(() => Of("0").Int(1, 10), "'a' is 0, outside 1 to 10: correct the file");
        Refused(() => Of("12345").Int(1, 2000), "'a' is 12,345, outside 1 to 2,000: correct the file");
        foreach (var raw in (string[])["1.5", "\"1\"", "99999999999999999999"]) Expected(() => Of(raw).Int(1, 10, 4), raw, "a whole number");
        Refused(() => None.Int(1, 10), "'b' is missing: add it, or take the file from the model's own repository");
    }

    [Fact]
    public void Real_numbers()
    {
        Assert.Equal((null, -1.5, 0.0), (None.Number(), Of("-1.5").Number(), Of("0").Number()));
        foreach (var raw in (string[])["\"1\"", "1e999"]) Expected(() => Of(raw).Number(), raw, "a number");
        Assert.Equal((0.5, 2.0, 0.25), (Of("0.5").Positive(), None.Positive(2), Of("0.25").Positive(2)));
        foreach (var raw in (string[])["0", "-1"]) Expected(() => Of(raw).Positive(2), raw, "a number above 0");
        Refused(() => None.Positive(), "'b' is missing: add it, or take the file from the model's own repository");
    }

    [Fact]
    public void Token_ids()
    {
        Assert.Equal([[], [], [], [5], [0, 9]], ((JsonPlace[])[None, Of("null"), Of("-1"), Of("5"), Of("[0,9]")]).Select(place => place.Ids(10)));
        Refused(() => Of("10").Ids(10), "'a' names token 10, beyond the vocabulary of 10: correct the id or vocab_size");
        Refused(() => Of("[1,4000]").Ids(2000), "'a[1]' names token 4,000, beyond the vocabulary of 2,000: correct the id or vocab_size");
        Refused(() => Of("-2").Ids(10), "'a' is -2, outside 0 to 2,147,483,647: correct the file");
        Assert.Equal([[1, 2], [3]], Of("[[1,2],[3]]").IdLists(10));
        Assert.Empty(None.IdLists(10));
        Refused(() => Of("[[1],[]]").IdLists(10), $"'a[1]' is [] where an array of token ids is expected{Cure}");
        Refused(() => Of("[5]").IdLists(10), $"'a[0]' is 5 where an array of token ids is expected{Cure}");
    }

    [Fact]
    public void A_missing_file_is_told_with_the_cure()
    {
        using var folder = new TempFolder();
        Assert.Equal($"{folder.File("x.json")}: no such file: copy it from the model's own repository", Assert.Throws<LabException>(() => JsonPlace.Read(folder.File("x.json"))).Message);
        File.WriteAllText(folder.File("x.json"), "\uFEFF{\"a\":1}");
        var root = JsonPlace.Read(folder.File("x.json"));
        Assert.Equal((folder.File("x.json"), "", 1), (root.File, root.Path, root["a"].Integer()));
    }

    [Fact]
    public void Only_one_object_of_valid_text_is_read()
    {
        static string Message(byte[] bytes) => Assert.Throws<LabException>(() => StrictJson.Parse(bytes, "f.json")).Message;
        static string Said(string json) => Message(System.Text.Encoding.UTF8.GetBytes(json));
        Assert.Equal("f.json: not valid UTF-8 (first bad byte at 2): download the file again", Message([(byte)'{', (byte)'"', 0xFF, (byte)'"', (byte)'}']));
        Assert.Equal("f.json: holds a JSON array where an object is expected: this is not the file its name says", Said("[1]"));
        Assert.StartsWith("f.json: not usable JSON: ", Said("{\"a\":1,}"));
        Assert.EndsWith(" Mend the file or download it again", Said("{\"a\":1,\"a\":2}"));
        Assert.Equal("f.json: the string at byte 5 escapes half a character (a lone surrogate): mend the file or download it again", Said("""{"a":"\ud800"}"""));
        Assert.Contains("at byte 1 escapes half a character", Said("""{"\uDC00":1}"""));
        Assert.Equal("😀", StrictJson.Parse("""{"a":"\ud83d\ude00"}"""u8.ToArray(), "f.json").GetProperty("a").GetString());
        Assert.Equal("d", StrictJson.Parse("""{"a":"\\ud800"}"""u8.ToArray(), "f.json").GetProperty("a").GetString()![2..3]);
        StrictJson.Parse(System.Text.Encoding.UTF8.GetBytes("{\"a\":" + new string('[', 63) + new string(']', 63) + "}"), "f.json");
        Assert.StartsWith("f.json: not usable JSON: ", Said("{\"a\":" + new string('[', 64) + new string(']', 64) + "}"));
    }
}
