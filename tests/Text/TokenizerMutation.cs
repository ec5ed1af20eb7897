using System.Text.Json.Nodes;

namespace HeadKvLab.Tests.Text;

/// <summary>Bends one place of a tokenizer.json.</summary>
internal static class TokenizerMutation
{
    /// <summary>Changes the file, and says how.</summary>
    public static string Apply(JsonObject file, Random random)
    {
        var added = (JsonArray)file["added_tokens"]!;
        var merges = (JsonArray)file["model"]!["merges"]!;
        var token = (JsonObject)added[random.Next(added.Count)]!;
        string flag = new[] { "special", "normalized", "lstrip", "rstrip", "single_word" }[random.Next(5)];
        switch (random.Next(10))
        {
            case 0:
                token[flag] = !(bool)token[flag]!;
                return $"{flag} of {token["content"]} turned";
            case 1:
                token.Remove(flag);
                return $"no {flag} of {token["content"]}";
            case 2:
                token["id"] = (int)token["id"]! + random.Next(1, 4);
                return $"another id of {token["content"]}";
            case 3:
                token["content"] = new[] { "", " ", "a", "<new>", "\n", "𝐀" }[random.Next(6)];
                return $"content '{token["content"]}'";
            case 4:
                merges.RemoveAt(random.Next(merges.Count));
                return "a merge less";
            case 5:
                merges.Add(merges[random.Next(merges.Count)]!.DeepClone());
                return "a merge twice";
            case 6:
                added.RemoveAt(random.Next(added.Count));
                return "an added token less";
            case 7:
                (string part, JsonObject owner) = Any(file, random);
                owner.Remove(part);
                return $"no '{part}'";
            case 8:
                (string name, JsonObject at) = Any(file, random);
                at[name] = JsonNode.Parse(new[] { "null", "true", "false", "\"x\"", "7", "[]", "{}" }[random.Next(7)]);
                return $"'{name}' is {at[name]?.ToJsonString() ?? "null"}";
            default:
                string setting = new[] { "ignore_merges", "byte_fallback", "fuse_unk" }[random.Next(3)];
                file["model"]![setting] = random.Next(2) == 0;
                return $"{setting} {file["model"]![setting]}";
        }
    }

    /// <summary>A random member around the model's tables.</summary>
    private static (string Name, JsonObject Owner) Any(JsonObject file, Random random)
    {
        var places = new List<(string, JsonObject)>();
        Collect(file);
        return places[random.Next(places.Count)];

        void Collect(JsonNode? node)
        {
            if (node is JsonArray array) foreach (JsonNode? item in array) Collect(item);
            if (node is not JsonObject owner) return;
            foreach ((string name, JsonNode? value) in owner)
            {
                if (name is "vocab" or "merges" or "added_tokens" or "version" or "special_tokens" or "ids" or "tokens") continue;
                places.Add((name, owner));
                Collect(value);
            }
        }
    }
}
