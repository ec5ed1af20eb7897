using System.Text.Json;
using System.Text.RegularExpressions;
using HeadKvLab.Text;

namespace HeadKvLab.Tests.Text;

/// <summary>Ids and texts of Hugging Face's own JavaScript library for tokenizers of every supported shape (tests/reference/make_tokenizers.py).</summary>
public sealed class HuggingFaceIdsTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "tests", "fixtures", "tokenizers");
    private static readonly JsonElement Expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "expected.json"))).RootElement;

    /// <summary>The texts; half characters stand in the file as escapes, which a JSON reader refuses to give as a string.</summary>
    private static readonly string[] Texts = [.. Expected.GetProperty("texts").EnumerateArray().Select(text =>
        Regex.Replace(text.GetRawText()[1..^1], @"\\(u[0-9a-fA-F]{4}|.)", m => m.Groups[1].Value switch
        {
            "n" => "\n", "r" => "\r", "t" => "\t", "b" => "\b", "f" => "\f", ['u', .. var hex] => ((char)Convert.ToInt32(hex, 16)).ToString(), var other => other,
        }))];

    public static TheoryData<string> Names => ["llama3", "qwen", "gpt2", "digits", "llama2", "metaspace", "mistral-v0.3-tokenizer.json"];

    [Theory]
    [MemberData(nameof(Names))]
    public void GivesTheSameIdsAndTexts(string name)
    {
        var file = name.EndsWith(".json", StringComparison.Ordinal) ? SharedData.At($"tokenizers/{name}") : Path.Combine(Folder, $"{name}.json");
        TextTokenizer tokenizer = TextTokenizer.Load(file);
        JsonElement[] rows = [.. Expected.GetProperty(name).EnumerateArray()];
        Assert.Equal(Texts.Length, rows.Length);
        var different = new List<string>();
        for (int i = 0; i < rows.Length; i++)
        {
            if (rows[i].ValueKind == JsonValueKind.Null) continue; // a place where the JavaScript library is known to be wrong
            Check("ids", Ids(rows[i], "ids"), tokenizer.Encode(Texts[i]));
            Check("plain", Ids(rows[i], "plain"), tokenizer.Encode(Texts[i], addSpecial: false));
            string decoded = tokenizer.Decode(tokenizer.Encode(Texts[i])), expected = rows[i].GetProperty("decoded").GetString()!;
            if (decoded != expected) different.Add($"{i} decoded: '{expected}' but '{decoded}'");

            void Check(string what, int[] wanted, int[] found)
            {
                if (!wanted.AsSpan().SequenceEqual(found)) different.Add($"{i} {what} of '{Texts[i]}': {string.Join(' ', wanted)} but {string.Join(' ', found)}");
            }
        }
        Assert.True(different.Count == 0, string.Join('\n', different.Select(d => d.Length > 400 ? d[..400] : d)));
    }

    private static int[] Ids(JsonElement row, string name) => [.. row.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];
}
