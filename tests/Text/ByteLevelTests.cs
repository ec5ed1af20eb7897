using System.Diagnostics;
using System.Text.Json.Nodes;
using HeadKvLab.Text;

namespace HeadKvLab.Tests.Text;

public sealed class ByteLevelTests
{
    // 256 he, 257 ll, 258 hell, 259 hello, 260 Ġhello (from "Ġ hello"), 261 ab, 262 bc
    private static readonly string[] Merges = ["h e", "l l", "he ll", "hell o", "Ġ hello", "a b", "b c"];

    [Fact]
    public void MergesByRankLeftmostFirst()
    {
        TextTokenizer tokenizer = TinyTokenizer.Load(TinyTokenizer.ByteLevel(Merges));
        Assert.Equal([259, 260], tokenizer.Encode("hello hello"));
        Assert.Equal([261, 'c'], tokenizer.Encode("abc"));          // "a b" is more urgent than "b c"
        Assert.Equal([257, 'l'], tokenizer.Encode("lll"));          // leftmost pair first
        Assert.Equal([], tokenizer.Encode(""));
        Assert.Equal(263, tokenizer.VocabSize);
        Assert.Equal("Ġhello", tokenizer.TokenText(260));
        Assert.Equal(260, tokenizer.IdOf("Ġhello"));
        Assert.Null(tokenizer.BosId);
    }

    [Fact]
    public void PairNotationGivesTheSameIds()
    {
        JsonObject file = TinyTokenizer.ByteLevel(Merges);
        file["model"]!["merges"] = new JsonArray(Merges.Select(m => (JsonNode)new JsonArray(m.Split(' ').Select(t => (JsonNode)t).ToArray())).ToArray());
        Assert.Equal([259, 260], TinyTokenizer.Load(file).Encode("hello hello"));
    }

    [Fact]
    public void WholeWordsComeFirstOnlyWithIgnoreMerges()
    {
        JsonObject file = TinyTokenizer.ByteLevel(Merges);
        file["model"]!["vocab"]!["xyz"] = 263;
        Assert.Equal(['x', 'y', 'z'], TinyTokenizer.Load(file).Encode("xyz"));
        file["model"]!["ignore_merges"] = true;
        Assert.Equal([263], TinyTokenizer.Load(file).Encode("xyz"));
    }

    [Fact]
    public void BosComesFromThePostProcessorAndSpecialsAreFoundInText()
    {
        JsonObject file = TinyTokenizer.ByteLevel(Merges, "<|bos|>", "<|eot|>");
        file["post_processor"] = new JsonObject
        {
            ["type"] = "Sequence",
            ["processors"] = new JsonArray(TinyTokenizer.Parse("""{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true}"""), TinyTokenizer.Template("<|bos|>", 263)),
        };
        TextTokenizer tokenizer = TinyTokenizer.Load(file);
        Assert.Equal(263, tokenizer.BosId);
        Assert.Equal([263, 259, 264, 260], tokenizer.Encode("hello<|eot|> hello"));
        Assert.Equal([259, 264], tokenizer.Encode("hello<|eot|>", addSpecial: false));
        Assert.Equal([263], tokenizer.Encode(""));
        Assert.Equal("hello hello", tokenizer.Decode([263, 259, 264, 260]));
        Assert.Equal("<|bos|>hello<|eot|> hello", tokenizer.Decode([263, 259, 264, 260], skipSpecial: false));
        Assert.True(tokenizer.IsSpecial(264));
    }

    [Fact]
    public void AddedTokenFlags()
    {
        JsonObject file = TinyTokenizer.ByteLevel(Merges);
        var added = (JsonArray)file["added_tokens"]!;
        added.Add(TinyTokenizer.Added(263, "<m>", lstrip: true, rstrip: true));
        added.Add(TinyTokenizer.Added(264, "cat", special: false, word: true));
        added.Add(TinyTokenizer.Added(265, "<m>x"));
        TextTokenizer tokenizer = TinyTokenizer.Load(file);
        Assert.Equal(['a', 263, 'b'], tokenizer.Encode("a  <m>\n b"));
        Assert.Equal(['a', ' ', 265], tokenizer.Encode("a <m>x"));                // the longest at a place
        Assert.Equal([264, '-', 264, ' ', 's', 'c', 'a', 't'], tokenizer.Encode("cat-cat scat"));
    }

    [Fact]
    public void LettersBeyondTheBasicPlaneAreLetters()
    {
        // 𝐀𝐁 are two letters: with \p{L}+ they are one word, so the last byte of 𝐀 may merge with the first of 𝐁.
        byte[] utf8 = "𝐀𝐁"u8.ToArray();
        string merge = $"{ByteAlphabet.CharOf(utf8[3])} {ByteAlphabet.CharOf(utf8[4])}";
        TextTokenizer tokenizer = TinyTokenizer.Load(TinyTokenizer.ByteLevel([merge]));
        Assert.Equal([utf8[0], utf8[1], utf8[2], 256, utf8[5], utf8[6], utf8[7]], tokenizer.Encode("𝐀𝐁"));
        // an emoji is none: "𝐀😀" are two words, and no merge crosses
        byte[] mixed = "𝐀😀"u8.ToArray();
        string across = $"{ByteAlphabet.CharOf(mixed[3])} {ByteAlphabet.CharOf(mixed[4])}";
        Assert.Equal(mixed.Select(b => (int)b), TinyTokenizer.Load(TinyTokenizer.ByteLevel([across])).Encode("𝐀😀"));
    }

    [Fact]
    public void ContractionsFoldTheLongS()
    {
        // Oniguruma folds U+017F to s: "'ſ" is a contraction, so "xſ" never forms across it. Bytes of ſ: C5 BF.
        TextTokenizer tokenizer = TinyTokenizer.Load(TinyTokenizer.ByteLevel(["¿ a"]));   // BF joined with 'a'
        Assert.Equal([0x27, 0xC5, 0xBF, 'a'], tokenizer.Encode("'ſa"));
        Assert.Equal(['x', 0xC5, 256], tokenizer.Encode("xſa"));
    }

    public static TheoryData<string> Corpus => new(TextCorpus.All);

    [Theory]
    [MemberData(nameof(Corpus))]
    public void RoundTripAndStreamingAgree(string text)
    {
        TextTokenizer tokenizer = TinyTokenizer.Load(TinyTokenizer.ByteLevel(Merges, "<|bos|>"));
        int[] ids = tokenizer.Encode(text);
        string expected = System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(text));  // lone surrogates: U+FFFD
        Assert.Equal(expected, tokenizer.Decode(ids, skipSpecial: false));
        TokenStream stream = tokenizer.Stream(skipSpecial: false);
        string[] pieces = ids.Select(stream.Append).ToArray();
        Assert.Equal(expected, string.Concat(pieces) + stream.Flush());
        Assert.DoesNotContain(pieces, p => p.Length > 0 && (char.IsHighSurrogate(p[^1]) || char.IsLowSurrogate(p[0])));
    }

    [Fact]
    public void IncompleteCharactersAreHeldBackThenReplaced()
    {
        TextTokenizer tokenizer = TinyTokenizer.Load(TinyTokenizer.ByteLevel(Merges));
        TokenStream stream = tokenizer.Stream();
        Assert.Equal("", stream.Append(0xF0));
        Assert.Equal("", stream.Append(0x9F));
        Assert.Equal("\uFFFD", stream.Flush());
        Assert.Equal("\uFFFDa", tokenizer.Decode([0xF0, 0x9F, 'a']));
    }

    [Fact]
    public void AMegabyteWordIsNotQuadratic()
    {
        TextTokenizer tokenizer = TinyTokenizer.Load(TinyTokenizer.ByteLevel(["a a", "aa aa", "aaaa aaaa", "a b"]));
        string word = new('a', 1 << 20);
        var watch = Stopwatch.StartNew();
        Assert.Equal(1 << 17, tokenizer.Encode(word).Length);
        Assert.True(watch.Elapsed.TotalSeconds < 120, $"took {watch.Elapsed}");
    }

    [Fact]
    public void NfcComposesBeforeMerging()
    {
        JsonObject file = TinyTokenizer.ByteLevel([]);
        file["normalizer"] = TinyTokenizer.Parse("""{"type":"NFC"}""");
        TextTokenizer tokenizer = TinyTokenizer.Load(file);
        Assert.Equal(tokenizer.Encode("é한Ḉ"), tokenizer.Encode("e\u0301\u1112\u1161\u11ABC\u0301\u0327"));
        Assert.Equal([0xE7, 0xA5, 0x9E], tokenizer.Encode("\uFA19"));        // a singleton: 神
    }
}
