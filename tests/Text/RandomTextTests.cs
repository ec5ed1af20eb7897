using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using HeadKvLab.Text;

namespace HeadKvLab.Tests.Text;

/// <summary>Random merges and random texts against plain second implementations.</summary>
public sealed class RandomTextTests
{
    /// <summary>Joins the pair of lowest rank, leftmost first, looking at every pair again each time.</summary>
    private static List<string> Naive(string word, List<(string Left, string Right)> merges)
    {
        List<string> parts = word.Select(c => c.ToString()).ToList();
        while (true)
        {
            int best = -1, bestRank = int.MaxValue;
            for (int i = 0; i + 1 < parts.Count; i++)
                if (merges.IndexOf((parts[i], parts[i + 1])) is >= 0 and var rank && rank < bestRank) (best, bestRank) = (i, rank);
            if (best < 0) return parts;
            parts[best] += parts[best + 1];
            parts.RemoveAt(best + 1);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void RandomMergesEqualANaiveMerger(bool byteLevel)
    {
        for (int seed = 0; seed < 150; seed++)
        {
            var random = new Random(seed);
            var tokens = new List<string> { "a", "b", "c" };
            var merges = new List<(string Left, string Right)>();
            for (int i = 0; i < 12; i++)
            {
                (string, string) merge = (tokens[random.Next(tokens.Count)], tokens[random.Next(tokens.Count)]);
                if (merges.Contains(merge)) continue;
                merges.Add(merge);
                if (!tokens.Contains(merge.Item1 + merge.Item2)) tokens.Add(merge.Item1 + merge.Item2);
            }
            JsonObject file = TinyTokenizer.ByteLevel(merges.Select(m => $"{m.Left} {m.Right}").ToArray());
            if (!byteLevel)
            {
                file["pre_tokenizer"] = null;
                file["decoder"] = TinyTokenizer.Parse("""{"type":"Fuse"}""");
            }
            TextTokenizer tokenizer = TinyTokenizer.Load(file);
            for (int length = 0; length < 60; length += 7)
            {
                string word = string.Concat(Enumerable.Range(0, length).Select(_ => (char)('a' + random.Next(3))));
                Assert.Equal(Naive(word, merges), tokenizer.Encode(word).Select(tokenizer.TokenText));
            }
        }
    }

    [Fact]
    public void RandomTextsGiveTiktokensIds()
    {
        string file = SharedData.At("tokenizers/llama3-tiktoken.model");
        TextTokenizer tokenizer = TextTokenizer.Load(file);
        var naive = new NaiveRanks(File.ReadAllLines(file), 3);
        string[] pool = ["a", "the", "Z", "é", "e\u0301", "字", "𝐀", "𠀀", "😀", "1", "½", "𝟙", "٣", " ", "  ", "\t", "\n", "\r\n", "\r", "\u00A0", "\u3000", "\u2028", "\u0085",
            "'", "'s", "'LL", "'ſ", "'Re", ".", "!!", "_", "-", "$", "€", "\0", "\u200B", "\uFEFF", "\uE000", "ſ", "İ", "ß", "ﬁ"];
        for (int seed = 0; seed < 2000; seed++)
        {
            var random = new Random(seed);
            string text = string.Concat(Enumerable.Range(0, random.Next(1, 12)).Select(_ => pool[random.Next(pool.Length)]));
            int[] ids = tokenizer.Encode(text, addSpecial: false);
            Assert.Equal(naive.Encode(text), ids);
            Assert.Equal(text, tokenizer.Decode(ids));
        }
    }

    // Expected: tests/reference/make_nfc_hash.py, which draws the same strings.
    [Fact]
    public void FormCEqualsPythons()
    {
        (int Low, int High)[] ranges = [(0x41, 0x7A), (0xC0, 0x24F), (0x300, 0x345), (0x300, 0x36F), (0x900, 0xDDF), (0xF40, 0xFBC), (0x1100, 0x11FF), (0x1E00, 0x1FFF),
            (0x20D0, 0x20F0), (0x2126, 0x212B), (0x3040, 0x30FF), (0xAC00, 0xD7A3), (0xF900, 0xFAD9), (0x110A0, 0x110BA), (0x1D15E, 0x1D172), (0x2F800, 0x2FA1D)];
        JsonObject file = TinyTokenizer.ByteLevel([]);
        file["normalizer"] = TinyTokenizer.Parse("""{"type":"NFC"}""");
        TextTokenizer tokenizer = TinyTokenizer.Load(file);
        uint state = 1;
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (int i = 0; i < 4000; i++)
        {
            var text = new StringBuilder();
            int length = 1 + Draw(12);
            for (int j = 0; j < length; j++)
            {
                (int low, int high) = ranges[Draw(ranges.Length)];
                text.Append(new Rune(low + Draw(high - low + 1)));
            }
            digest.AppendData(Encoding.UTF8.GetBytes(tokenizer.Decode(tokenizer.Encode(text.ToString()))));
        }
        Assert.Equal("2f0c52c725c681856f52274a29410bd88249ec7c6cc1cebc3d860a75cc72062b", Convert.ToHexStringLower(digest.GetHashAndReset()));

        int Draw(int bound)
        {
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF;
            return (int)((state >> 8) % (uint)bound);
        }
    }

    [Fact]
    public void AStreamThatContinuesKeepsSentencePiecesBlank()
    {
        string file = SharedData.At("tokenizers/llama2-sentencepiece.model");
        TextTokenizer tokenizer = TextTokenizer.Load(file);
        int[] ids = tokenizer.Encode("well then 字", addSpecial: false);
        TokenStream alone = tokenizer.Stream(), goesOn = tokenizer.Stream(continues: true);
        Assert.Equal("well then 字", string.Concat(ids.Select(alone.Append)) + alone.Flush());
        Assert.Equal(" well then 字", string.Concat(ids.Select(goesOn.Append)) + goesOn.Flush());
    }
}
