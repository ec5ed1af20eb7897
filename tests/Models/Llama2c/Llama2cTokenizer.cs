using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace HeadKvLab.Tests.Models.Llama2c;

/// <summary>
/// A llama2.c tokenizer file (int32 longest token, then per token float32 score, int32 byte length, bytes) and its rewriting as
/// Hugging Face's <c>tokenizer.json</c>. It is SentencePiece BPE: ids 0 unknown, 1 BOS, 2 EOS, 3 to 258 the bytes, then pieces whose blank is a
/// plain space. The greedy merge by score becomes a list of merges: every way to split a piece into two pieces, highest score first;
/// of equal scores longer parts first, which joins runs of blanks from the left as SentencePiece does.
/// </summary>
internal sealed class Llama2cTokenizer
{
    private const int FirstPiece = 259;
    private readonly string[] pieces; // with U+2581 for the blank
    private readonly float[] scores;

    private Llama2cTokenizer(string[] pieces, float[] scores) => (this.pieces, this.scores) = (pieces, scores);

    /// <summary>Reads the file of a model with that many tokens.</summary>
    internal static Llama2cTokenizer Read(string path, int vocabulary)
    {
        var bytes = File.ReadAllBytes(path);
        var (pieces, scores, at) = (new string[vocabulary], new float[vocabulary], 4);
        for (var id = 0; id < vocabulary; id++)
        {
            scores[id] = BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(at));
            var length = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + 4));
            pieces[id] = Piece(bytes.AsSpan(at + 8, length), id);
            at += 8 + length;
        }
        Assert.Equal(bytes.Length, at);
        return new Llama2cTokenizer(pieces, scores);
    }

    /// <summary>Writes <c>tokenizer.json</c> and <c>tokenizer_config.json</c> into a folder.</summary>
    internal void Save(string directory)
    {
        Directory.CreateDirectory(directory);
        using (var stream = File.Create(Path.Combine(directory, "tokenizer.json")))
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            Write(json);
        File.WriteAllText(Path.Combine(directory, "tokenizer_config.json"),
            """{"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_bos_token": true, "add_eos_token": false}""" + "\n");
    }

    private static string Piece(ReadOnlySpan<byte> bytes, int id) => id switch
    {
        0 => "<unk>", // the texts of the first three vary between exporters
        1 => "<s>",
        2 => "</s>",
        < FirstPiece => string.Create(CultureInfo.InvariantCulture, $"<0x{id - 3:X2}>"),
        _ => Encoding.UTF8.GetString(bytes).Replace(' ', '\u2581'),
    };

    private IEnumerable<(string Left, string Right)> Merges()
    {
        var ids = Enumerable.Range(FirstPiece, pieces.Length - FirstPiece).ToDictionary(id => pieces[id]);
        return from piece in ids
               from cut in Enumerable.Range(1, Math.Max(piece.Key.Length - 1, 0))
               let left = piece.Key[..cut]
               let right = piece.Key[cut..]
               where ids.ContainsKey(left) && ids.ContainsKey(right)
               orderby scores[piece.Value] descending, left.EnumerateRunes().Count() descending, right.EnumerateRunes().Count() descending, piece.Value
               select (left, right);
    }

    private void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("version", "1.0");
        json.WriteNull("truncation");
        json.WriteNull("padding");
        json.WriteStartArray("added_tokens");
        for (var id = 0; id < 3; id++)
            json.WriteRawValue($$"""{"id": {{id}}, "content": "{{pieces[id]}}", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}""");
        json.WriteEndArray();
        json.WritePropertyName("normalizer");
        json.WriteRawValue("""{"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}""");
        json.WriteNull("pre_tokenizer");
        json.WritePropertyName("post_processor");
        json.WriteRawValue("""{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<s>", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}""");
        json.WritePropertyName("decoder");
        json.WriteRawValue("""{"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}""");
        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        json.WriteNull("dropout");
        json.WriteString("unk_token", "<unk>");
        json.WriteNull("continuing_subword_prefix");
        json.WriteNull("end_of_word_suffix");
        json.WriteBoolean("fuse_unk", true);
        json.WriteBoolean("byte_fallback", true);
        json.WriteBoolean("ignore_merges", false);
        json.WriteStartObject("vocab");
        for (var id = 0; id < pieces.Length; id++) json.WriteNumber(pieces[id], id);
        json.WriteEndObject();
        json.WriteStartArray("merges");
        foreach (var (left, right) in Merges()) json.WriteStringValue($"{left} {right}");
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
