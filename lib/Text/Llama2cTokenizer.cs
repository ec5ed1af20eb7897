using System.Buffers.Binary;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace HeadKvLab.Text;

/// <summary>
/// Turns a llama2.c <c>tokenizer.bin</c> into a Hugging Face <c>tokenizer.json</c>. The file holds an int32 (longest token),
/// then per token float32 score, int32 length, bytes; ids 0, 1, 2 are unknown, BOS, EOS, 3..258 the bytes; a blank is a
/// plain space. The merge rules are all cuts of every token into two others, best score first (ties as Hugging Face's own
/// SentencePiece converter breaks them: longer parts first).
/// </summary>
public static class Llama2cTokenizer
{
    private const int FirstPiece = 259;
    private static readonly JsonSerializerOptions Style = new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes <c>tokenizer.json</c> and <c>tokenizer_config.json</c>.</summary>
    /// <param name="binPath">The tokenizer.bin.</param>
    /// <param name="outDir">The model folder, made if needed.</param>
    /// <returns>The number of tokens, which must be the model's vocabulary size.</returns>
    /// <exception cref="LabException">The file is damaged.</exception>
    public static int ToHuggingFace(string binPath, string outDir)
    {
        List<(string Text, float Score)> tokens = Read(binPath);
        JsonObject tokenizer = Tokenizer(tokens);
        Directory.CreateDirectory(outDir);
        File.WriteAllText(Path.Combine(outDir, "tokenizer.json"), tokenizer.ToJsonString(Style) + "\n");
        var config = new JsonObject
        {
            ["add_bos_token"] = true,
            ["add_eos_token"] = false,
            ["bos_token"] = "<s>",
            ["eos_token"] = "</s>",
            ["unk_token"] = "<unk>",
            ["clean_up_tokenization_spaces"] = false,
            ["tokenizer_class"] = "LlamaTokenizerFast",
        };
        File.WriteAllText(Path.Combine(outDir, "tokenizer_config.json"), config.ToJsonString(Style) + "\n");
        return tokens.Count;
    }

    private static List<(string Text, float Score)> Read(string file)
    {
        byte[] data = TokenizerFiles.Bytes(file);
        var tokens = new List<(string Text, float Score)>();
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int at = 4; at < data.Length; )
        {
            int id = tokens.Count;
            int length = data.Length - at < 8 ? -1 : BinaryPrimitives.ReadInt32LittleEndian(data.AsSpan(at + 4));
            if (length < 0 || length > data.Length - at - 8)
                throw new LabException($"{file}: token {id} breaks off at byte {at:N0} of {data.Length:N0}: it is no llama2.c tokenizer, or the download is incomplete.");
            float score = BinaryPrimitives.ReadSingleLittleEndian(data.AsSpan(at));
            ReadOnlySpan<byte> bytes = data.AsSpan(at + 8, length);
            at += 8 + length;
            if (float.IsNaN(score)) throw new LabException($"{file}: the score of token {id} is not a number: the file is damaged.");
            if (!System.Text.Unicode.Utf8.IsValid(bytes)) throw new LabException($"{file}: the text of token {id} is not UTF-8: the file is damaged.");
            string text = id switch
            {
                0 => "<unk>",
                1 => "<s>",
                2 => "</s>",
                _ => Encoding.UTF8.GetString(bytes).Replace(' ', '▁'),
            };
            if (id is >= 3 and < FirstPiece && text != $"<0x{id - 3:X2}>")
                throw new LabException($"{file}: token {id} should be the byte <0x{id - 3:X2}> and is '{text}': it is no llama2.c tokenizer with byte fallback.");
            if (!seen.TryAdd(text, id)) throw new LabException($"{file}: the tokens {seen[text]} and {id} are both '{text}': the file is damaged.");
            tokens.Add((text, score));
        }
        if (tokens.Count < FirstPiece)
            throw new LabException($"{file}: {tokens.Count} tokens, at least {FirstPiece} are needed (3 special, 256 bytes): it is no llama2.c tokenizer.");
        return tokens;
    }

    private static JsonObject Tokenizer(List<(string Text, float Score)> tokens)
    {
        var ids = tokens.Select((token, id) => (token.Text, id)).ToDictionary(p => p.Text, p => p.id, StringComparer.Ordinal);
        var merges = new List<(string Left, string Right, float Score, int LeftRunes, int RightRunes)>();
        for (int id = FirstPiece; id < tokens.Count; id++)
        {
            (string text, float score) = tokens[id];
            int before = 0;
            foreach (Rune rune in text.EnumerateRunes())
            {
                before += rune.Utf16SequenceLength;
                if (before < text.Length && ids.ContainsKey(text[..before]) && ids.ContainsKey(text[before..]))
                    merges.Add((text[..before], text[before..], score, text[..before].EnumerateRunes().Count(), text[before..].EnumerateRunes().Count()));
            }
        }
        IEnumerable<JsonNode> ordered = merges.OrderByDescending(m => m.Score).ThenByDescending(m => m.LeftRunes).ThenByDescending(m => m.RightRunes)
            .Select(m => (JsonNode)$"{m.Left} {m.Right}");

        return new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = new JsonArray(Special(0, "<unk>"), Special(1, "<s>"), Special(2, "</s>")),
            ["normalizer"] = JsonNode.Parse("""
                {"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}
                """),
            ["pre_tokenizer"] = null,
            ["post_processor"] = JsonNode.Parse("""
                {"type":"TemplateProcessing",
                 "single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
                 "pair":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"<s>","type_id":1}},{"Sequence":{"id":"B","type_id":1}}],
                 "special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]}}}
                """),
            ["decoder"] = JsonNode.Parse("""
                {"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},
                 {"type":"Strip","content":" ","start":1,"stop":0}]}
                """),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["dropout"] = null,
                ["unk_token"] = "<unk>",
                ["continuing_subword_prefix"] = null,
                ["end_of_word_suffix"] = null,
                ["fuse_unk"] = true,
                ["byte_fallback"] = true,
                ["ignore_merges"] = false,
                ["vocab"] = new JsonObject(tokens.Select((token, id) => KeyValuePair.Create(token.Text, (JsonNode?)id))),
                ["merges"] = new JsonArray(ordered.ToArray()),
            },
        };
    }

    private static JsonObject Special(int id, string text) => new()
    {
        ["id"] = id,
        ["content"] = text,
        ["single_word"] = false,
        ["lstrip"] = false,
        ["rstrip"] = false,
        ["normalized"] = false,
        ["special"] = true,
    };
}
