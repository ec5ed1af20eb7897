using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using HeadKvLab.Text;
using Tokenizers.DotNet;

namespace HeadKvLab.Tests.Text;

/// <summary>Ids of the original Rust library (tokenizers 0.22, package Tokenizers.DotNet, in the tests only) for the small tokenizers, and for broken and bent copies of them.</summary>
public sealed class OriginalLibraryTests(ITestOutputHelper output)
{
    private static readonly string Folder = Repository.Path("tests", "fixtures", "tokenizers");

    private static readonly string[] Pool =
    [
        "a", "b", "the ", "Hello", " world", "Z", "é", "e\u0301", "字", "中文", "𝐀", "𐐀𐐨", "𠀀", "😀", "👩‍👩‍👧", "1", "23", "4567", "½", "𝟙", "٣", " ", "  ", "   ", "\t", "\n", "\r\n", "\r", "\u00A0", "\u3000", "\u2028", "\u0085", "\u001C",
        "'", "'s", "'LL", "'ſ", "'Re", ".", "!!", "_", "-", "$", "€", "\u200B", "\u200D", "\uFEFF", "\uE000", "\U000F0000", "ſ", "İ", "ß", "ﬁ", "①", "Ⅷ", "ｱﾞ", "한", "\u1112\u1161\u11AB", "▁", "▁▁", "Ġ", "Ā", "ꀀ",
        "<s>", "</s>", "<unk>", "[INST]", "<|begin_of_text|>", "<|im_start|>", "<|endoftext|>", "<0x41>", "in", "lo", "th", "re", "//", "i++;", "\u0378",
    ];

    private static string Text(Random random) => string.Concat(Enumerable.Range(0, random.Next(0, 9)).Select(_ => Pool[random.Next(Pool.Length)]));

    /// <summary>The original for a file, or null when it refuses the file. Skips the test where its native part cannot be loaded.</summary>
    private static Tokenizer? Original(string file)
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64) Assert.Skip("the original tokenizers library is referenced for linux-x64 only");
        try
        {
            return new Tokenizer(file);
        }
        catch (Exception error) when (error is DllNotFoundException or BadImageFormatException or EntryPointNotFoundException)
        {
            Assert.Skip($"the original tokenizers library cannot be loaded here: {error.Message}");
            return null;
        }
        catch (TokenizerException)
        {
            return null;
        }
    }

    public static TheoryData<string> Names => ["llama3", "qwen", "gpt2", "digits", "llama2", "metaspace"];

    [Theory]
    [MemberData(nameof(Names))]
    public void TenThousandTextsGiveTheSameIds(string name)
    {
        string file = Path.Combine(Folder, name + ".json");
        using Tokenizer original = Original(file)!;
        Assert.Empty(Differences(TextTokenizer.Load(file), original, 10_000, name));
    }

    /// <summary>Parts that no small tokenizer has: each is put into one of them.</summary>
    [Theory]
    [InlineData("metaspace", "pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true}]}""")]
    [InlineData("metaspace", "pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"String":"a"},"behavior":"Isolated","invert":false},{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":false}]}""")]
    [InlineData("llama2", "pre_tokenizer", """{"type":"Whitespace"}""")]
    [InlineData("llama2", "pre_tokenizer", """{"type":"WhitespaceSplit"}""")]
    [InlineData("llama2", "normalizer", """{"type":"NFKC"}""")]
    [InlineData("llama2", "normalizer", """{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Replace","pattern":{"Regex":"[𐐀-𐑏]+"},"content":"x"}]}""")]
    [InlineData("qwen", "normalizer", """{"type":"NFKC"}""")]
    [InlineData("llama3", "pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"[\r\n]"},"behavior":"Isolated","invert":false},{"type":"Split","pattern":{"Regex":"\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳ𐐀-𐑏𐒰-𐓓𝐀-𝟋𞤀-𞥃]+"},"behavior":"Isolated","invert":false},{"type":"Split","pattern":{"Regex":"\\s?[!-/:-~！-／：-～‘-‟　-。]+"},"behavior":"Isolated","invert":false},{"type":"Split","pattern":{"Regex":"[一-龥ࠀ-一가-퟿]+"},"behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]}""")]
    [InlineData("llama3", "pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"[^\\P{L}a]+|\\D[Ā-\uA000]|[^\uE000-\uE100𠀀]"},"behavior":"MergedWithNext","invert":false},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]}""")]
    [InlineData("llama3", "pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"\\p{C}|\\p{Lu}\\p{Ll}|(?i:[a-z]{2})|😀?\\p{So}"},"behavior":"Isolated","invert":true},{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}]}""")]
    [InlineData("llama3", "pre_tokenizer", """{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":".[lrh]|.\\n|😀.|n."},"behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]}""")]
    public void PartsGiveTheSameIds(string name, string part, string json)
    {
        JsonObject file = Read(name);
        file[part] = JsonNode.Parse(json);
        Same(file, 2_500);
    }

    [Theory]
    [InlineData("llama2", false, false, true, false)]
    [InlineData("llama3", false, true, true, false)]
    [InlineData("llama3", true, false, false, false)]
    [InlineData("llama3", true, false, false, true)]
    [InlineData("gpt2", false, true, false, true)]
    [InlineData("llama2", true, true, true, true)]
    public void AddedTokensWithFlagsGiveTheSameIds(string name, bool word, bool left, bool right, bool normalized)
    {
        JsonObject file = Read(name);
        var added = (JsonArray)file["added_tokens"]!;
        var model = (JsonObject)file["model"]!["vocab"]!;
        int next = Math.Max(model.Count, added.Select(t => (int)t!["id"]! + 1).DefaultIfEmpty().Max());
        foreach (string token in (string[])["<m>", " ", "\n ", "in", "é", "𝐀"])
        {
            if (added.Any(t => (string)t!["content"]! == token)) continue;
            int id = model[token] is JsonNode known ? (int)known : next++;
            added.Add(TinyTokenizer.Added(id, token, special: token == "<m>", normalized, left, right, word));
        }
        Same(file, 2_500, [.. Pool, "<m>", "<m>", " ", "\n ", "in", "𝐀"]);
    }

    /// <summary>CLIP's way: the last character of a word carries a suffix.</summary>
    [Theory]
    [InlineData("llama2")]
    [InlineData("gpt2")]
    public void WordSuffixesGiveTheSameIds(string name)
    {
        JsonObject file = Read(name);
        var vocab = (JsonObject)file["model"]!["vocab"]!;
        foreach (string token in vocab.Select(t => t.Key).Where(t => t.Length < 3).Take(150).ToArray()) vocab[token + "</w>"] = vocab.Count + 100;
        int id = 0;
        foreach (string token in vocab.Select(t => t.Key).ToArray()) vocab[token] = id++;
        file["added_tokens"] = new JsonArray();
        file["post_processor"] = null;
        file["model"]!["end_of_word_suffix"] = "</w>";
        if (name == "llama2") file["pre_tokenizer"] = JsonNode.Parse("""{"type":"Whitespace"}""");
        ((JsonArray)file["model"]!["merges"]!).Insert(0, new JsonArray("l", "o</w>"));
        vocab["lo</w>"] = id;
        if (((JsonArray)file["model"]!["merges"]!)[1] is JsonValue) ((JsonArray)file["model"]!["merges"]!)[0] = "l o</w>";
        Same(file, 2_500);
    }

    /// <summary>Bent files: what we read, the original reads, with the same ids.</summary>
    [Fact]
    public void MutatedFilesAreReadAlikeOrRefused()
    {
        int read = 0, refused = 0;
        var wrong = new List<string>();
        foreach (string name in Names.Select(n => n.Data))
            for (int seed = 0; seed < 40; seed++)
            {
                JsonObject file = Read(name);
                string what = TokenizerMutation.Apply(file, new Random(seed));
                using var folder = new TempFolder();
                File.WriteAllText(folder.File("tokenizer.json"), file.ToJsonString());
                TextTokenizer ours;
                try
                {
                    ours = TextTokenizer.Load(folder.Path);
                }
                catch (LabException)
                {
                    refused++;
                    continue;
                }
                read++;
                using Tokenizer? original = Original(folder.File("tokenizer.json"));
                if (original is null) wrong.Add($"{name}, {what}: read here, refused by the original");
                else wrong.AddRange(Differences(ours, original, 60, $"{name}, {what}").Take(2));
            }
        output.WriteLine($"{read} read alike, {refused} refused");
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.True(read >= 60 && refused >= 40, $"{read} read, {refused} refused");
    }

    private static JsonObject Read(string name) => (JsonObject)JsonNode.Parse(File.ReadAllBytes(Path.Combine(Folder, name + ".json")))!;

    private static void Same(JsonObject file, int texts, string[]? pool = null)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("tokenizer.json"), file.ToJsonString());
        using Tokenizer original = Original(folder.File("tokenizer.json")) ?? throw new InvalidOperationException("the original refuses this file");
        Assert.Empty(Differences(TextTokenizer.Load(folder.Path), original, texts, "", pool));
    }

    private static List<string> Differences(TextTokenizer ours, Tokenizer original, int count, string name, string[]? pool = null)
    {
        var different = new List<string>();
        for (int seed = 0; seed < count && different.Count < 10; seed++)
        {
            var random = new Random(seed);
            string text = pool is null ? Text(random) : string.Concat(Enumerable.Range(0, random.Next(0, 9)).Select(_ => pool[random.Next(pool.Length)]));
            int[] wanted = Array.ConvertAll(original.Encode(text), id => (int)id), found = ours.Encode(text);
            if (!wanted.AsSpan().SequenceEqual(found)) different.Add($"{name} {System.Text.Json.JsonSerializer.Serialize(text)}: {string.Join(' ', wanted)} but {string.Join(' ', found)}");
        }
        return different;
    }
}
