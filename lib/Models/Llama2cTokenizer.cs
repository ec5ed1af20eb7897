using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace HeadKvLab.Models;

/// <summary>
/// A llama2.c tokenizer file (int32 longest token, then per token float32 score, int32 byte length, bytes) and its rewriting as
/// Hugging Face's <c>tokenizer.json</c>. It is SentencePiece BPE: ids 0 unknown, 1 BOS, 2 EOS, 3 to 258 the bytes, then pieces whose blank is a
/// plain space. The greedy merge by score becomes a list of merges: every way to split a piece into two pieces, highest score first;
/// of equal scores longer parts first, which joins runs of blanks from the left as SentencePiece does.
/// </summary>
public sealed class Llama2cTokenizer
{
    private const int FirstPiece = 259;
    private static readonly UTF8Encoding Strict = new(false, true);
    private readonly string[] pieces; // with U+2581 for the blank
    private readonly float[] scores;

    private Llama2cTokenizer(string[] pieces, float[] scores) => (this.pieces, this.scores) = (pieces, scores);

    /// <summary>Reads the file.</summary>
    /// <param name="path">For example <c>tokenizer.bin</c>.</param>
    /// <param name="vocabulary">Number of tokens the model has.</param>
    /// <exception cref="LabException">The file does not hold exactly that many well-formed tokens.</exception>
    public static Llama2cTokenizer Read(string path, int vocabulary)
    {
        if (!File.Exists(path)) throw new LabException($"{path}: no such file: give the tokenizer.bin that belongs to the checkpoint");
        var bytes = File.ReadAllBytes(path);
        if (vocabulary < FirstPiece) throw new LabException($"{path}: a vocabulary of {vocabulary} has no room for the {FirstPiece} unknown, BOS, EOS and byte tokens");
        var (pieces, scores) = (new string[vocabulary], new float[vocabulary]);
        var ids = new Dictionary<string, int>();
        var at = 4;
        for (var id = 0; id < vocabulary; id++)
        {
            if (at + 8 > bytes.Length) throw new LabException($"{path}: ends within token {id} of {vocabulary}: it belongs to another checkpoint or is incomplete");
            scores[id] = BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(at));
            var length = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + 4));
            at += 8;
            if (length < 0 || length > bytes.Length - at) throw new LabException($"{path}: token {id} claims {length} bytes at byte {at}, the file has {bytes.Length - at} left: not a llama2.c tokenizer");
            pieces[id] = Piece(bytes.AsSpan(at, length), id, path);
            if (!ids.TryAdd(pieces[id], id)) throw new LabException($"{path}: tokens {ids[pieces[id]]} and {id} have the same text: not a llama2.c tokenizer");
            at += length;
        }
        if (at != bytes.Length) throw new LabException($"{path}: {bytes.Length - at} bytes follow token {vocabulary - 1}: the tokenizer has more tokens than the checkpoint");
        return new Llama2cTokenizer(pieces, scores);
    }

    /// <summary>Writes <c>tokenizer.json</c> and <c>tokenizer_config.json</c> into a folder.</summary>
    public void Save(string directory)
    {
        Directory.CreateDirectory(directory);
        using (var stream = File.Create(Path.Combine(directory, "tokenizer.json")))
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            Write(json);
        File.WriteAllText(Path.Combine(directory, "tokenizer_config.json"),
            """{"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_bos_token": true, "add_eos_token": false}""" + "\n");
    }

    private static string Piece(ReadOnlySpan<byte> bytes, int id, string path)
    {
        switch (id)
        {
            case 0: return "<unk>"; // the texts of the first three vary between exporters
            case 1: return "<s>";
            case 2: return "</s>";
            case < FirstPiece: return string.Create(CultureInfo.InvariantCulture, $"<0x{id - 3:X2}>");
        }
        try
        {
            return Strict.GetString(bytes).Replace(' ', '\u2581');
        }
        catch (DecoderFallbackException e)
        {
            throw new LabException($"{path}: token {id} is not valid UTF-8: not a llama2.c tokenizer", e);
        }
    }

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
