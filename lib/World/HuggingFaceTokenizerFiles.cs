using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace HeadKvLab.World;

/// <summary>
/// Writes a byte-level BPE in the form every Hugging Face loader reads: <c>tokenizer.json</c> (vocabulary, merges, split pattern,
/// BOS added by the post-processor), <c>tokenizer_config.json</c> and <c>generation_config.json</c>.
/// Special tokens follow the vocabulary, in the order given; the first begins a text, the second ends it, the third pads.
/// </summary>
public static class HuggingFaceTokenizerFiles
{
    private static readonly JsonSerializerOptions Style = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Writes the three files into a folder, which is made if needed.</summary>
    /// <param name="folder">Model folder.</param>
    /// <param name="vocabulary">Tokens and merges.</param>
    /// <param name="specials">Begin, end and padding token.</param>
    /// <param name="splitPattern">Regular expression that cuts text into pre-tokens.</param>
    /// <param name="maxLength">Longest context of the model, in tokens.</param>
    public static void Write(string folder, BpeVocabulary vocabulary, IReadOnlyList<string> specials, string splitPattern, int maxLength)
    {
        Directory.CreateDirectory(folder);
        var first = vocabulary.Texts.Count;
        Save("tokenizer.json", Tokenizer(vocabulary, specials, splitPattern));
        Save("tokenizer_config.json", new JsonObject
        {
            ["added_tokens_decoder"] = new JsonObject(specials.Select((s, i) => KeyValuePair.Create($"{first + i}", (JsonNode?)Added(s)))),
            ["bos_token"] = specials[0],
            ["eos_token"] = specials[1],
            ["pad_token"] = specials[2],
            ["clean_up_tokenization_spaces"] = false,
            ["model_max_length"] = maxLength,
            ["tokenizer_class"] = "PreTrainedTokenizerFast",
        });
        Save("generation_config.json", new JsonObject
        {
            ["bos_token_id"] = first,
            ["eos_token_id"] = first + 1,
            ["pad_token_id"] = first + 2,
            ["do_sample"] = false,
        });

        void Save(string name, JsonObject json) => File.WriteAllText(Path.Combine(folder, name), json.ToJsonString(Style) + "\n");
    }

    /// <summary>The content of <c>tokenizer.json</c>.</summary>
    public static JsonObject Tokenizer(BpeVocabulary vocabulary, IReadOnlyList<string> specials, string splitPattern)
    {
        var first = vocabulary.Texts.Count;
        return new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = new JsonArray(specials.Select((text, i) =>
            {
                var token = Added(text);
                token.Insert(0, "id", first + i);
                return (JsonNode)token;
            }).ToArray()),
            ["normalizer"] = null,
            ["pre_tokenizer"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["pretokenizers"] = new JsonArray(
                    new JsonObject { ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = splitPattern }, ["behavior"] = "Isolated", ["invert"] = false },
                    ByteLevel(addPrefixSpace: false, trimOffsets: true, useRegex: false)),
            },
            ["post_processor"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["processors"] = new JsonArray(ByteLevel(addPrefixSpace: true, trimOffsets: false, useRegex: true), Template(specials[0], first)),
            },
            ["decoder"] = ByteLevel(addPrefixSpace: true, trimOffsets: true, useRegex: true),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["dropout"] = null,
                ["unk_token"] = null,
                ["continuing_subword_prefix"] = null,
                ["end_of_word_suffix"] = null,
                ["fuse_unk"] = false,
                ["byte_fallback"] = false,
                ["ignore_merges"] = false,
                ["vocab"] = new JsonObject(vocabulary.Texts.Select((text, id) => KeyValuePair.Create(text, (JsonNode?)id))),
                ["merges"] = new JsonArray(vocabulary.Merges.Select(m => (JsonNode)$"{m.Left} {m.Right}").ToArray()),
            },
        };
    }

    private static JsonObject Added(string text) => new()
    {
        ["content"] = text,
        ["single_word"] = false,
        ["lstrip"] = false,
        ["rstrip"] = false,
        ["normalized"] = false,
        ["special"] = true,
    };

    private static JsonObject ByteLevel(bool addPrefixSpace, bool trimOffsets, bool useRegex) => new()
    {
        ["type"] = "ByteLevel",
        ["add_prefix_space"] = addPrefixSpace,
        ["trim_offsets"] = trimOffsets,
        ["use_regex"] = useRegex,
    };

    private static JsonObject Template(string begin, int id) => new()
    {
        ["type"] = "TemplateProcessing",
        ["single"] = new JsonArray(Special(begin, 0), Sequence("A", 0)),
        ["pair"] = new JsonArray(Special(begin, 0), Sequence("A", 0), Special(begin, 1), Sequence("B", 1)),
        ["special_tokens"] = new JsonObject
        {
            [begin] = new JsonObject { ["id"] = begin, ["ids"] = new JsonArray(id), ["tokens"] = new JsonArray(begin) },
        },
    };

    private static JsonObject Special(string token, int type) => new() { ["SpecialToken"] = new JsonObject { ["id"] = token, ["type_id"] = type } };

    private static JsonObject Sequence(string which, int type) => new() { ["Sequence"] = new JsonObject { ["id"] = which, ["type_id"] = type } };
}
