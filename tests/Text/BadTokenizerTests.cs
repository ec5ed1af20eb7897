using System.Text.Json.Nodes;
using HeadKvLab.Text;

namespace HeadKvLab.Tests.Text;

/// <summary>Damaged and unsupported tokenizer files: refused with file, place and cause, never read approximately.</summary>
public sealed class BadTokenizerTests
{
    private static readonly string[] Merges = ["h e", "l l", "he ll"];

    private static string Refusal(Action<JsonObject> damage)
    {
        JsonObject file = TinyTokenizer.ByteLevel(Merges, "<|bos|>");
        damage(file);
        return Assert.Throws<LabException>(() => TinyTokenizer.Load(file)).Message;
    }

    [Fact]
    public void MergesNamingUnknownTokens()
    {
        string message = Refusal(f => ((JsonArray)f["model"]!["merges"]!).Add("he xyz"));
        Assert.Contains("tokenizer.json", message);
        Assert.Contains("model.merges[3]", message);
        Assert.Contains("xyz", message);
        Assert.Contains("hex", Refusal(f => ((JsonArray)f["model"]!["merges"]!).Add("he x")));      // the result is unknown
        Assert.Contains("merges[3]", Refusal(f => ((JsonArray)f["model"]!["merges"]!).Add("nospace")));
        Assert.Contains("merges[3]", Refusal(f => ((JsonArray)f["model"]!["merges"]!).Add(new JsonArray("h", "e", "l"))));
        Assert.Contains("merges[3]", Refusal(f => ((JsonArray)f["model"]!["merges"]!).Add(7)));
        Assert.Contains("repeats", Refusal(f => ((JsonArray)f["model"]!["merges"]!).Add("h e")));
    }

    [Fact]
    public void IdsBeyondTheVocabulary()
    {
        Assert.Contains("2000000000", Refusal(f => f["model"]!["vocab"]!["big"] = 2_000_000_000));
        Assert.Contains("-1", Refusal(f => f["model"]!["vocab"]!["big"] = -1));
        Assert.Contains("model.vocab[big]' is 99999999999 where a whole number below 2^31 is expected", Refusal(f => f["model"]!["vocab"]!["big"] = 99_999_999_999));
        Assert.Contains("id 5", Refusal(f => f["model"]!["vocab"]!["twice"] = 5));
        Assert.Contains("9000000", Refusal(f => f["added_tokens"]![0]!["id"] = 9_000_000));
        Assert.Contains("<|bos|>", Refusal(f => f["model"]!["vocab"]!["<|bos|>"] = 300));
        Assert.Contains("is 400", Refusal(f => f["post_processor"] = TinyTokenizer.Template("<|bos|>", 400)));
        TextTokenizer tokenizer = TinyTokenizer.Load(TinyTokenizer.ByteLevel(Merges));
        Assert.Contains("259", Assert.Throws<LabException>(() => tokenizer.Decode([259])).Message);
        Assert.Contains("-1", Assert.Throws<LabException>(() => tokenizer.Decode([-1])).Message);
        Assert.Throws<LabException>(() => tokenizer.TokenText(int.MaxValue));
        Assert.Throws<LabException>(() => tokenizer.Stream().Append(259));
        Assert.Contains("nothere", Assert.Throws<LabException>(() => tokenizer.IdOf("nothere")).Message);
    }

    [Theory]
    [InlineData("normalizer", """{"type":"Precompiled","precompiled_charsmap":""}""", "Precompiled")]
    [InlineData("normalizer", """{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Lowercase"}]}""", "Lowercase")]
    [InlineData("pre_tokenizer", """{"type":"UnicodeScripts"}""", "UnicodeScripts")]
    [InlineData("pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true},{"type":"Digits"}]}""", "Digits")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"\\p{Han}+"},"behavior":"Isolated","invert":false}""", "Han")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"[a&&[b]]"},"behavior":"Isolated","invert":false}""", "&&")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"[[:alpha:]]"},"behavior":"Isolated","invert":false}""", "class")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"\\bword"},"behavior":"Isolated","invert":false}""", "\\b")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"(unclosed"},"behavior":"Isolated","invert":false}""", "group")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"String":" "},"behavior":"Sideways","invert":false}""", "Sideways")]
    [InlineData("post_processor", """{"type":"BertProcessing","sep":["a",1],"cls":["b",2]}""", "BertProcessing")]
    [InlineData("post_processor", """{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<x>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{}}""", "<x>")]
    [InlineData("decoder", """{"type":"WordPiece","prefix":"##"}""", "WordPiece")]
    [InlineData("decoder", "null", "decoder")]
    [InlineData("model", """{"type":"Unigram","vocab":[]}""", "Unigram")]
    [InlineData("model", """{"type":"BPE","vocab":{},"merges":[]}""", "vocab")]
    [InlineData("model", """{"type":"BPE","vocab":[],"merges":[]}""", "vocab")]
    [InlineData("model", "null", "model")]
    public void UnknownPartsAreRefusedByName(string part, string json, string named) =>
        Assert.Contains(named, Refusal(f => f[part] = JsonNode.Parse(json)));

    [Theory]
    [InlineData("dropout", "0.1")]
    [InlineData("continuing_subword_prefix", "\"##\"")]
    public void ModelSettingsThatChangeIdsAreRefused(string setting, string json) =>
        Assert.Contains(setting, Refusal(f => f["model"]![setting] = JsonNode.Parse(json)));

    [Theory]
    [InlineData("")]
    [InlineData("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0")]
    [InlineData("[1,2]")]
    [InlineData("\"text\"")]
    [InlineData("{}")]
    [InlineData("{\"model\":7}")]
    public void BrokenJson(string json) => Assert.Contains("tokenizer.json", Assert.Throws<LabException>(() => TinyTokenizer.LoadText(json)).Message);

    [Fact]
    public void DeepJsonIsNoStackOverflow() =>
        Assert.Throws<LabException>(() => TinyTokenizer.LoadText(new string('[', 100_000) + new string(']', 100_000)));

    [Fact]
    public void MissingFolderAndMissingFile()
    {
        using var folder = new TempFolder();
        Assert.Contains("tokenizer.json", Assert.Throws<LabException>(() => TextTokenizer.Load(folder.Path)).Message);
        Assert.Contains("nowhere", Assert.Throws<LabException>(() => TextTokenizer.Load(folder.File("nowhere"))).Message);
    }

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 0x0A })]
    [InlineData(new byte[] { 0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F })]                      // length beyond the file
    [InlineData(new byte[] { 0x0A, 0x03, 0x0A, 0x01, 0xFF })]                            // a piece that is not UTF-8
    [InlineData(new byte[] { 0x0A, 0x05, 0x0A, 0x01, 0x61, 0x18, 0x63 })]                // a piece of type 99
    [InlineData(new byte[] { 0x0A, 0x03, 0x0A, 0x01, 0x61 })]                            // no trainer: unigram by default
    [InlineData(new byte[] { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF })]
    [InlineData(new byte[] { 0x0A, 0x03, 0x12, 0x01, 0x61 })]                            // a score of one byte
    public void BrokenProtobuf(byte[] data)
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder.File("tokenizer.model"), data);
        Assert.Contains("tokenizer.model", Assert.Throws<LabException>(() => TextTokenizer.Load(folder.Path)).Message);
    }

    [Theory]
    [InlineData(1, "unigram")]
    [InlineData(3, "word")]
    [InlineData(4, "character")]
    public void SentencePieceModelsOtherThanBpeAreRefusedByName(byte type, string name)
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder.File("tokenizer.model"), [0x0A, 3, 0x0A, 1, (byte)'a', 0x12, 2, 0x18, type]);
        string message = Assert.Throws<LabException>(() => TextTokenizer.Load(folder.Path)).Message;
        Assert.Contains($"tokenizer.model: the model is a {name} model; only BPE is supported", message);
    }

    /// <summary>A pattern that backtracks for ever (some 10^12 ways to cut sixty letters) is an error after its patience, not a hang.</summary>
    [Fact]
    public void PatternsThatNeverEndAreStopped()
    {
        JsonObject file = TinyTokenizer.ByteLevel([]);
        file["pre_tokenizer"] = JsonNode.Parse("""
            {"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"(?:\\p{L}|\\p{L}\\p{L})+\\p{N}"},"behavior":"Isolated","invert":false},
              {"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]}
            """);
        TextTokenizer tokenizer = TinyTokenizer.Load(file);
        Assert.Equal([.. "aa1".Select(c => (int)c)], tokenizer.Encode("aa1"));
        Assert.Contains(@"(?:\p{L}|\p{L}\p{L})+\p{N}", Assert.Throws<LabException>(() => tokenizer.Encode(new string('a', 60))).Message);
    }

    [Fact]
    public void BrokenRankFiles()
    {
        using var folder = new TempFolder();
        string file = folder.File("tokenizer.model");
        File.WriteAllText(file, "YQ== 0\nYg== 1\n");
        Assert.Contains("2 lines", Assert.Throws<LabException>(() => TextTokenizer.Load(folder.Path)).Message);
        Assert.Contains("0x00", Assert.Throws<LabException>(() => TextTokenizer.LoadRanks(file, "a", new Dictionary<string, int>())).Message);
        string bytes = string.Concat(Enumerable.Range(0, 256).Select(b => $"{Convert.ToBase64String([(byte)b])} {b}\n"));
        File.WriteAllText(file, bytes + "YWI= 256");
        TextTokenizer tokenizer = TextTokenizer.LoadRanks(file, @"\S+|\s+", new Dictionary<string, int> { ["<x>"] = 257 }, bos: "<x>");
        Assert.Equal([257, 256, 'a', ' ', 257], tokenizer.Encode("aba <x>"));
        File.WriteAllText(file, bytes + "YWI=\n");
        Assert.Contains("line 257", Assert.Throws<LabException>(() => TextTokenizer.LoadRanks(file, "a", new Dictionary<string, int>())).Message);
        File.WriteAllText(file, bytes + "YWI= 99999999\n");
        Assert.Contains("99999999", Assert.Throws<LabException>(() => TextTokenizer.LoadRanks(file, "a", new Dictionary<string, int>())).Message);
        File.WriteAllText(file, bytes);
        Assert.Contains("\\w", Assert.Throws<LabException>(() => TextTokenizer.LoadRanks(file, @"\w+", new Dictionary<string, int>())).Message);
    }
}
