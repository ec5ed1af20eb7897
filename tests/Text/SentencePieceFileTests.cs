using System.Text;
using HeadKvLab.Text;

namespace HeadKvLab.Tests.Text;

/// <summary>SentencePiece files field by field: begin and end, bytes, blanks, and what is refused word for word.</summary>
public sealed class SentencePieceFileTests : FolderTests
{
    private static readonly byte[] Bpe = [0x18, 2], KeepsBlanks = [0x20, 0];
    private static readonly (string, byte)[] Plain = [("<unk>", 2), ("<s>", 3), ("</s>", 3), ("▁", 1), ("a", 1)];

    private static byte[] Message(byte key, params byte[] content) => [key, (byte)content.Length, .. content];

    private static byte[] Piece(byte[] text, byte kind, float score = 0) => Message(0x0A, [0x0A, (byte)text.Length, .. text, 0x15, .. BitConverter.GetBytes(score), 0x18, kind]);

    private static byte[] Pieces(params (string Text, byte Kind)[] pieces) => [.. pieces.SelectMany(piece => Piece(Encoding.UTF8.GetBytes(piece.Text), piece.Kind))];

    private TextTokenizer Load(params byte[][] parts)
    {
        File.WriteAllBytes(Inside("tokenizer.model"), [.. parts.SelectMany(part => part)]);
        return TextTokenizer.Load(Folder);
    }

    private TextTokenizer Load(byte[] trainer, byte[] normalizer, params (string, byte)[] pieces) => Load(Pieces(pieces), Message(0x12, trainer), Message(0x1A, normalizer));

    private void Refused(string message, Func<object?> load) => Assert.Equal($"{Inside("tokenizer.model")}: {message}", Assert.Throws<LabException>(load).Message);

    [Fact]
    public void Begin_and_end_are_the_trainers_where_the_pieces_have_them()
    {
        var tokenizer = Load(Bpe, KeepsBlanks, Plain);
        Assert.Equal((1, 2), (tokenizer.BosId, tokenizer.EosId));
        Assert.Equal([1, 3, 4], tokenizer.Encode("a"));
        tokenizer = Load([.. Bpe, 0xC8, 2, 2, 0xD0, 2, 0], KeepsBlanks, Plain);                    // bos_id 2, eos_id 0
        Assert.Equal((2, 0), (tokenizer.BosId, tokenizer.EosId));
        Assert.Equal([2, 3, 4], tokenizer.Encode("a"));
        byte[] none = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1];                   // -1
        tokenizer = Load([.. Bpe, 0xC8, 2, .. none, 0xD0, 2, 5], KeepsBlanks, Plain);              // and one behind the last piece
        Assert.Equal((null, null), (tokenizer.BosId, tokenizer.EosId));
        Assert.Equal([3, 4], tokenizer.Encode("a"));
        File.WriteAllText(Inside("tokenizer_config.json"), """{"bos_token":"</s>","eos_token":"<s>"}""");
        tokenizer = Load([.. Bpe, 0xC8, 2, .. none, 0xD0, 2, .. none], KeepsBlanks, Plain);        // then those of the settings
        Assert.Equal((2, 1), (tokenizer.BosId, tokenizer.EosId));
        tokenizer = Load(Bpe, KeepsBlanks, Plain);                                                 // which come second
        Assert.Equal((1, 2), (tokenizer.BosId, tokenizer.EosId));
    }

    [Fact]
    public void Control_pieces_are_found_in_the_text_and_the_blank_stands_at_its_beginning()
    {
        Assert.Equal([1, 3, 4, 2, 4], Load(Bpe, KeepsBlanks, Plain).Encode("a</s>a"));
        Assert.Equal([1, 4, 3, 4], Load(Bpe, [0x18, 0, 0x20, 0], Plain).Encode("a a"));            // add_dummy_prefix off
        Assert.Equal(" a", Load(Bpe, [0x18, 0, 0x20, 0], Plain).Decode([3, 4]));
        Assert.Equal("a", Load(Bpe, [0x12, 0, 0x20, 0], Plain).Decode([3, 4]));                    // an empty character map is none
    }

    [Fact]
    public void Bytes_spell_what_no_piece_has()
    {
        var tokenizer = Load([.. Bpe, 0x98, 2, 1], KeepsBlanks, [.. Plain, .. Enumerable.Range(0, 256).Select(b => ($"<0x{b:X2}>", (byte)6))]);
        Assert.Equal([1, 3, 4, 5 + 0xC3, 5 + 0xA9], tokenizer.Encode("aé"));
        Assert.Equal(("aé", "a\uFFFD"), (tokenizer.Decode([3, 4, 5 + 0xC3, 5 + 0xA9]), tokenizer.Decode([3, 4, 5 + 0xC3])));
        foreach (var bad in (string[])["<0xZZ>", "<0x4>", "<1x41>", "0x0041"])
            Refused($"piece 5 is a byte but reads '{bad}' instead of <0x..>: the file is damaged: download it again.", () => Load(Bpe, KeepsBlanks, [.. Plain, (bad, 6)]));
    }

    [Fact]
    public void What_is_not_supported_is_refused_by_name()
    {
        Refused("the model is a unknown model; only BPE is supported: use a model with another tokenizer.", () => Load([0x18, 9], KeepsBlanks, Plain));
        Refused("the model normalizes characters by a compiled map, which is not supported: convert it to tokenizer.json.", () => Load(Bpe, [0x12, 1, 65, 0x20, 0], Plain));
        Refused("the model removes extra blanks (remove_extra_whitespaces), which is not supported.", () => Load(Bpe, [0x18, 1], Plain));
        Refused("the model keeps plain blanks (escape_whitespaces is off), which is not supported.", () => Load(Bpe, [0x20, 0, 0x28, 0], Plain));
        Refused("the model writes blanks after words (treat_whitespace_as_suffix), which is not supported.", () => Load([.. Bpe, 0xC0, 1, 1], KeepsBlanks, Plain));
    }

    [Fact]
    public void Damage_is_told_with_its_place()
    {
        Refused("holds no pieces: it is not a SentencePiece model.", () => Load(Message(0x12, Bpe)));
        Refused("piece 1 ('a') is of type 99, which is not known.", () => Load(Pieces(("<unk>", 2), ("a", 99))));
        Refused("the score of piece 0 ('a') is not a number: the file is damaged: download it again.", () => Load(Piece("a"u8.ToArray(), 1, float.NaN)));
        Refused("the text of piece 0 is not UTF-8: the file is damaged: download it again.", () => Load(Piece([0xFF], 1)));
        foreach (var (bytes, place, at) in ((byte[], string, int)[])[([0x0B], "the file", 1), ([0x00, 1], "the file", 2), ([0x0A, 5, 1], "the file", 2), ([0x0A, 2, 0x08, 1], "piece 0", 2), ([0x0A, 3, 0x12, 1, 65], "piece 0", 2),
            ([0x12, 1, 0x18], "trainer_spec", 1), ([0x1A, 1, 0x20], "normalizer_spec", 1), ([0x09, 1, 2], "the file", 1), ([0x0D, 1, 2], "the file", 1)])
            Refused($"{place} breaks off or is no protobuf at its byte {at}: the download is incomplete: fetch the file again.", () => Load(bytes));
    }
}
