using System.Text.Json;
using System.Text.Json.Nodes;
using HeadKvLab.Text;

namespace HeadKvLab.Tests.Text;

/// <summary>Small tokenizer files for tests, and temporary folders to put them in.</summary>
internal static class TinyTokenizer
{
    public const string Llama3Pattern = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Byte-level: id = byte below 256, then the results of the merges, then the added tokens.</summary>
    public static JsonObject ByteLevel(string[] merges, params string[] special)
    {
        var vocab = new JsonObject();
        for (int b = 0; b < 256; b++) vocab[ByteAlphabet.CharOf((byte)b).ToString()] = b;
        foreach (string merge in merges) vocab.TryAdd(merge.Replace(" ", ""), vocab.Count);
        var added = new JsonArray();
        foreach (string token in special) added.Add(Added(vocab.Count + added.Count, token));
        return new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = added,
            ["normalizer"] = null,
            ["pre_tokenizer"] = Parse($$"""
                {"type":"Sequence","pretokenizers":[
                  {"type":"Split","pattern":{"Regex":{{JsonSerializer.Serialize(Llama3Pattern)}}},"behavior":"Isolated","invert":false},
                  {"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]}
                """),
            ["post_processor"] = null,
            ["decoder"] = Parse("""{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true}"""),
            ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocab, ["merges"] = new JsonArray(merges.Select(m => (JsonNode)m).ToArray()) },
        };
    }

    public static JsonObject Added(int id, string content, bool special = true, bool normalized = false, bool lstrip = false, bool rstrip = false, bool word = false) => new()
    {
        ["id"] = id, ["content"] = content, ["special"] = special, ["normalized"] = normalized,
        ["lstrip"] = lstrip, ["rstrip"] = rstrip, ["single_word"] = word,
    };

    public static JsonNode Template(string token, int id) => Parse($$$"""
        {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"{{{token}}}","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
         "pair":[],"special_tokens":{"{{{token}}}":{"id":"{{{token}}}","ids":[{{{id}}}],"tokens":["{{{token}}}"] } } }
        """);

    public static JsonNode Parse(string json) => JsonNode.Parse(json)!;

    /// <summary>Writes a tokenizer.json into a folder of its own and loads it.</summary>
    public static TextTokenizer Load(JsonNode tokenizer) => LoadText(tokenizer.ToJsonString());

    public static TextTokenizer LoadText(string json)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("tokenizer.json"), json);
        return TextTokenizer.Load(folder.Path);
    }
}

/// <summary>A folder that goes away.</summary>
internal sealed class TempFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("headkvlab-").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
