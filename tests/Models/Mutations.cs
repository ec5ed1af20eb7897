using System.Text;
using System.Text.Json.Nodes;

namespace HeadKvLab.Tests.Models;

/// <summary>Damages files at random, each seed in its own way: bytes flipped, removed, doubled or put in, and JSON values exchanged for others.</summary>
internal static class Mutations
{
    private static readonly string[] Pieces =
    [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\ud800", "\\u0000", "null", "true", "-1", "-0", "1e999", "1e400", "0.5", "9223372036854775807", "9223372036854775808", "18446744073709551615",
        "2147483648", "4294967296", "\"F32\"", "\"BF16\"", "data_offsets", "shape", "\u00e9", "\uFEFF", "((((", "{%", "%}", "{{", "}}", "|", "<0x41>", "../x", "/etc/passwd",
    ];

    private static readonly string[] Values =
    [
        "null", "true", "false", "0", "1", "-1", "2", "7", "0.5", "1e400", "-1e-9", "2147483647", "2147483648", "-2147483648", "9223372036854775807", "1000000000", "16777216", "\"\"", "\"x\"", "\"\\u0000\"",
        "\"..\"", "\"LlamaForCausalLM\"", "\"Qwen3ForCausalLM\"", "\"ByteLevel\"", "\"Sequence\"", "\"Split\"", "\"[a-\"", "\"(?:a+)+b\"", "\"\uD83D\uDE00\"", "[]", "[[]]", "[0]", "[-1,1]", "[0,0]", "[\"a\",\"b\"]", "{}", "{\"type\":\"NFC\"}",
        "{\"a\":{\"b\":{}}}", "{\"String\":\"\"}", "{\"Regex\":\"(\"}",
    ];

    /// <summary>One to four damages to the bytes of a file.</summary>
    public static byte[] Bytes(byte[] good, int seed)
    {
        var random = new Random(seed);
        var bytes = new List<byte>(good);
        for (var damage = random.Next(1, 5); damage > 0; damage--)
        {
            var at = random.Next(bytes.Count + 1);
            var length = Math.Min(random.Next(1, 9), bytes.Count - at);
            switch (random.Next(5))
            {
                case 0 when at < bytes.Count: bytes[at] = (byte)random.Next(256); break;
                case 1: bytes.RemoveRange(at, length); break;
                case 2: bytes.InsertRange(at, bytes.GetRange(at, length)); break;
                case 3: bytes.InsertRange(at, Encoding.UTF8.GetBytes(Pieces[random.Next(Pieces.Length)])); break;
                case 4: bytes.RemoveRange(at, random.Next(4) == 0 ? bytes.Count - at : 0); break;
            }
        }
        return [.. bytes];
    }

    /// <summary>One to three values of a JSON object exchanged, removed or moved; the result is JSON.</summary>
    public static byte[] Json(string good, int seed)
    {
        var random = new Random(seed);
        var root = JsonNode.Parse(good)!;
        for (var damage = random.Next(1, 4); damage > 0; damage--)
        {
            var all = Nodes(root).ToArray();
            var (parent, key) = all[random.Next(all.Length)];
            var value = random.Next(3) == 0 ? Child(all[random.Next(all.Length)])?.DeepClone() : JsonNode.Parse(Values[random.Next(Values.Length)]);
            var remove = random.Next(6) == 0;
            if (parent is JsonObject o && remove) o.Remove((string)key);
            else if (parent is JsonObject map) map[(string)key] = value;
            else if (parent is JsonArray a && remove) a.RemoveAt((int)key);
            else ((JsonArray)parent)[(int)key] = value;
        }
        return Encoding.UTF8.GetBytes(root.ToJsonString());
    }

    private static JsonNode? Child((JsonNode Parent, object Key) at) => at.Parent is JsonObject map ? map[(string)at.Key] : at.Parent[(int)at.Key];

    // Of long objects and arrays (vocabularies) only the first members, so that the rest of the file gets its share.
    private static IEnumerable<(JsonNode Parent, object Key)> Nodes(JsonNode? node)
    {
        IEnumerable<(object Key, JsonNode? Value)> members = node switch
        {
            JsonObject map => map.Take(16).Select(m => ((object)m.Key, m.Value)),
            JsonArray list => list.Take(16).Select((item, i) => ((object)i, item)),
            _ => [],
        };
        foreach (var (key, value) in members)
        {
            yield return (node!, key);
            foreach (var inner in Nodes(value)) yield return inner;
        }
    }
}
