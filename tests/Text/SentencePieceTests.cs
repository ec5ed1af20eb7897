using System.Text;
using System.Text.Json;
using HeadKvLab.Text;

namespace HeadKvLab.Tests.Text;

/// <summary>Small SentencePiece models written here: user-defined and unused pieces, by hand and against the original library.</summary>
public sealed class SentencePieceTests
{
    private const byte Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5;

    /// <summary>A model file of BPE without byte fallback and with the dummy blank; ids are places.</summary>
    private static TextTokenizer Model(params (string Text, float Score, byte Kind)[] pieces)
    {
        using var folder = new TempFolder();
        var file = new List<byte>();
        foreach (var (text, score, kind) in pieces)
        {
            byte[] utf8 = Encoding.UTF8.GetBytes(text);
            file.AddRange([0x0A, (byte)(utf8.Length + 9), 0x0A, (byte)utf8.Length, .. utf8, 0x15, .. BitConverter.GetBytes(score), 0x18, kind]);
        }
        file.AddRange([0x12, 2, 0x18, 2, 0x1A, 2, 0x20, 0]); // model_type BPE; remove_extra_whitespaces off
        File.WriteAllBytes(folder.File("tokenizer.model"), file.ToArray());
        return TextTokenizer.Load(folder.Path);
    }

    /// <summary>
    /// 0 unknown, 1 bos, 2 eos, 3 ▁, 4 a, 5 b, 6 c, 7 ab (best), 8 bc, 9 ▁a; user-defined: 10 bc!, 11 bc!!, 12 ▁▁, 13 ca.
    /// </summary>
    private static TextTokenizer WithSymbols() => Model(("<unk>", 0, Unknown), ("<s>", 0, Control), ("</s>", 0, Control),
        ("▁", -9, Normal), ("a", -9, Normal), ("b", -9, Normal), ("c", -9, Normal), ("ab", -1, Normal), ("bc", -2, Normal), ("▁a", -3, Normal),
        ("bc!", 0, UserDefined), ("bc!!", 0, UserDefined), ("▁▁", 0, UserDefined), ("ca", 0, UserDefined));

    [Theory]
    [InlineData("abc", 3, 7, 6)]            // ▁ ab c: no user-defined piece in it
    [InlineData("abc!", 9, 10)]             // bc! is taken first, so a has no b to join with
    [InlineData("abc!!!", 9, 11, 0)]        // the longest at a place; the third ! is unknown
    [InlineData("bcab", 3, 5, 13, 5)]       // ca is taken: neither bc nor ab
    [InlineData(" b", 12, 5)]               // the dummy blank and the text's own are one piece
    [InlineData("a  b", 9, 12, 5)]
    [InlineData("a   b", 9, 12, 3, 5)]      // leftmost first
    [InlineData("caca", 3, 13, 13)]
    [InlineData("!ca!!ca", 3, 0, 13, 0, 13)] // neighbouring unknown characters share an id, across a piece they do not
    public void UserDefinedPiecesComeFirstTheLongestAtAPlaceAndAreNeverJoined(string text, params int[] ids)
    {
        var tokenizer = WithSymbols();
        Assert.Equal(ids, tokenizer.Encode(text, addSpecial: false));
        if (!ids.Contains(0)) Assert.Equal(text, tokenizer.Decode(ids));
    }

    [Fact]
    public void UserDefinedPiecesAreTextAndNotSkippedWhenDecoding()
    {
        var tokenizer = WithSymbols();
        Assert.False(tokenizer.IsSpecial(10));
        Assert.Equal("abc!", tokenizer.Decode(tokenizer.Encode("abc!"), skipSpecial: true));
        Assert.True(tokenizer.IsSpecial(1));
    }

    /// <summary>abc is unused: a + bc and ab + c both make it. Merging passes through it and takes it apart as it was last considered.</summary>
    [Theory]
    [InlineData("abc", 3, 7, 6)]       // ab, then ab + c = abc: back to ab c
    [InlineData("abcd", 3, 10)]        // on to abcd, which is used
    [InlineData("a", 3, 4)]
    public void UnusedPiecesAreJoinedAndTakenApartAgain(string text, params int[] ids) =>
        Assert.Equal(ids, Model(("<unk>", 0, Unknown), ("<s>", 0, Control), ("</s>", 0, Control),
            ("▁", -9, Normal), ("a", -9, Normal), ("b", -9, Normal), ("c", -9, Normal), ("ab", -1, Normal), ("bc", -2, Normal),
            ("abc", -3, Unused), ("abcd", -4, Normal), ("d", -9, Normal)).Encode(text, addSpecial: false));

    /// <summary>d stands inside a piece without being one, e nowhere: beside each other they are one unknown.</summary>
    [Theory]
    [InlineData("de", 3, 0)]
    [InlineData("ede", 3, 0)]
    [InlineData("dade", 3, 0, 5, 0)]
    [InlineData("ad", 3, 5)]
    public void UnknownNeighboursShareAnIdHoweverTheyAreUnknown(string text, params int[] ids) =>
        Assert.Equal(ids, Model(("<unk>", 0, Unknown), ("<s>", 0, Control), ("</s>", 0, Control), ("▁", -9, Normal), ("a", -9, Normal), ("ad", -1, Normal)).Encode(text, addSpecial: false));

    /// <summary>Sixteen random models, 36 texts each; made by tests/reference/make_sentencepiece_pieces.py.</summary>
    [Fact]
    public void RandomModelsGiveTheOriginalLibrarysIds()
    {
        int texts = 0;
        foreach (JsonElement model in JsonDocument.Parse(File.ReadAllBytes(Repository.Path("tests", "fixtures", "tokenizers", "sentencepiece-pieces.json"))).RootElement.EnumerateArray())
        {
            using var folder = new TempFolder();
            File.WriteAllBytes(folder.File("tokenizer.model"), model.GetProperty("model").GetBytesFromBase64());
            TextTokenizer tokenizer = TextTokenizer.Load(folder.Path);
            foreach (JsonElement sample in model.GetProperty("texts").EnumerateArray())
            {
                string text = sample.GetProperty("text").GetString()!;
                if (text.Length == 0) continue; // the library gives nothing, a tokenizer here the dummy blank
                int[] expected = [.. sample.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())], ids = tokenizer.Encode(text, addSpecial: false);
                Assert.True(expected.SequenceEqual(ids), $"model {texts / 35}, '{text}': {string.Join(' ', ids.Select(tokenizer.TokenText))}, not {string.Join(' ', expected.Select(tokenizer.TokenText))}");
                texts++;
            }
        }
        Assert.Equal(16 * 35, texts);
    }
}
