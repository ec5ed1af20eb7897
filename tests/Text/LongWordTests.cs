using System.Diagnostics;
using System.Text.Json.Nodes;
using HeadKvLab.Text;

namespace HeadKvLab.Tests.Text;

/// <summary>Texts of a megabyte without a place to cut, in both kinds of tokenizer: what is linear takes a second, what is quadratic would take hours.</summary>
public sealed class LongWordTests(ITestOutputHelper output)
{
    private const int Million = 1 << 20;

    public static TheoryData<string> Texts => ["one letter", "two letters", "marks", "blanks", "beginnings of a special token", "line ends", "emoji", "an unknown character"];

    private static string Text(string name) => name switch
    {
        "one letter" => new string('a', Million),
        "two letters" => string.Concat(Enumerable.Repeat("ab", Million / 2)),
        "marks" => "a" + string.Concat(Enumerable.Repeat("\u0301\u0323", Million / 2)),
        "blanks" => new string(' ', Million) + "a",
        "beginnings of a special token" => string.Concat(Enumerable.Repeat("<|bo", Million / 4)),
        "line ends" => string.Concat(Enumerable.Repeat(" \n", Million / 2)),
        "emoji" => string.Concat(Enumerable.Repeat("👩‍👩", Million / 5)),
        _ => new string('字', Million),
    };

    /// <summary>a, aa, aaaa, ... and ab, abab, ...: long runs merge in many rounds.</summary>
    private static readonly string[] Merges = ["a a", "a b", "aa aa", "ab ab", "aaaa aaaa", "abab abab", "aaaaaaaa aaaaaaaa"];

    [Theory]
    [MemberData(nameof(Texts))]
    public void ByteLevel(string name)
    {
        JsonObject file = TinyTokenizer.ByteLevel(Merges, "<|bos|>");
        if (name == "marks") file["normalizer"] = TinyTokenizer.Parse("""{"type":"NFC"}""");
        string text = Text(name);
        int[] ids = Timed(TinyTokenizer.Load(file), text, out TextTokenizer tokenizer);
        if (name != "marks") Assert.Equal(text, tokenizer.Decode(ids));
        if (name == "one letter") Assert.Equal(Enumerable.Repeat(tokenizer.IdOf("aaaaaaaaaaaaaaaa"), Million / 16), ids);
    }

    [Theory]
    [MemberData(nameof(Texts))]
    public void Pieces(string name)
    {
        JsonObject file = TinyTokenizer.ByteLevel(Merges, "<|bos|>");
        file["pre_tokenizer"] = null;
        file["decoder"] = TinyTokenizer.Parse("""{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Fuse"}]}""");
        var vocab = (JsonObject)file["model"]!["vocab"]!;
        for (int b = 0; b < 256; b++) vocab[$"<0x{b:X2}>"] = vocab.Count;
        file["added_tokens"]![0]!["id"] = vocab.Count;
        file["model"]!["byte_fallback"] = true;
        string text = Text(name);
        int[] ids = Timed(TinyTokenizer.Load(file), text, out TextTokenizer tokenizer);
        Assert.Equal(text, tokenizer.Decode(ids));
    }

    /// <summary>The two mergers of byte-level words, the package's and ours for long ones, are one: words around the limit and random short ones.</summary>
    [Fact]
    public void Both_mergers_give_the_same_ids()
    {
        TextTokenizer tokenizer = TinyTokenizer.Load(TinyTokenizer.ByteLevel(Merges, "<|bos|>"));
        var vocabulary = new Vocabulary("test");
        for (int b = 0; b < 256; b++) vocabulary.Add(b, ByteAlphabet.Write([(byte)b]), [(byte)b]);
        foreach (string merge in Merges) vocabulary.Add(vocabulary.Size, merge.Replace(" ", ""), System.Text.Encoding.ASCII.GetBytes(merge.Replace(" ", "")));
        var merger = new ByteLevelBpe(vocabulary, Merges, ignoreMerges: false);
        var random = new Random(3);
        int[] lengths = [.. Enumerable.Range(1, 60), 1000, ByteLevelBpe.LongestForPackage];
        foreach (int length in lengths)
        {
            string word = string.Concat(Enumerable.Range(0, length).Select(_ => "aaab"[random.Next(4)]));
            List<int> package = [], ours = [];
            merger.Encode(word, package);
            merger.MergeLong(ByteAlphabet.Write(word), ours);
            Assert.Equal(package, ours);
        }
    }

    private int[] Timed(TextTokenizer loaded, string text, out TextTokenizer tokenizer)
    {
        tokenizer = loaded;
        var watch = Stopwatch.StartNew();
        int[] ids = tokenizer.Encode(text);
        output.WriteLine($"{text.Length:N0} characters, {ids.Length:N0} tokens in {watch.Elapsed.TotalSeconds:F2} s");
        Assert.True(watch.Elapsed.TotalSeconds < 30, $"took {watch.Elapsed.TotalSeconds:F1} s");
        return ids;
    }
}
