using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using HeadKvLab.Text;
using HeadKvLab.Training;
using HeadKvLab.World;

namespace HeadKvLab.Tests.Training;

/// <summary>The plainest reader of a byte-level BPE tokenizer.json, independent of the lab's: split, bytes, lowest rank first.</summary>
internal sealed class NaiveBpe
{
    private readonly Dictionary<string, int> vocabulary;
    private readonly List<(string, string)> merges;
    private readonly Regex split;
    private readonly string[] texts;
    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, int[]> words = [];

    private static readonly Lazy<NaiveBpe> Shared = new(() => new NaiveBpe(HuggingFaceTokenizerFiles.Tokenizer(
        WorldTokenizer.Shared.Vocabulary, WorldTokenizer.Specials, WorldTokenizer.SplitPattern)));

    /// <summary>The world's tokenizer read from its own JSON; one reader for all tests, because it is slow.</summary>
    public static NaiveBpe World => Shared.Value;

    public NaiveBpe(JsonObject json)
    {
        var model = json["model"]!;
        vocabulary = model["vocab"]!.AsObject().ToDictionary(p => p.Key, p => (int)p.Value!);
        merges = model["merges"]!.AsArray().Select(m => ((string)m!).Split(' ')).Select(m => (m[0], m[1])).ToList();
        split = new Regex((string)json["pre_tokenizer"]!["pretokenizers"]![0]!["pattern"]!["Regex"]!);
        texts = vocabulary.OrderBy(p => p.Value).Select(p => p.Key).ToArray();
    }

    public int[] Encode(string text) => split.Matches(text).SelectMany(m => Word(m.Value)).ToArray();

    public string Decode(IEnumerable<int> ids) =>
        System.Text.Encoding.UTF8.GetString(ids.Where(i => i < texts.Length).SelectMany(i => ByteAlphabet.Read(texts[i])).ToArray());

    private int[] Word(string word)
    {
        if (words.TryGetValue(word, out var known)) return known;
        var parts = ByteAlphabet.Write(word).Select(c => c.ToString()).ToList();
        foreach (var (left, right) in merges)
            for (var i = 0; i + 1 < parts.Count; i++)
                if (parts[i] == left && parts[i + 1] == right)
                {
                    parts[i] = left + right;
                    parts.RemoveAt(i + 1);
                }
        return words[word] = parts.Select(p => vocabulary[p]).ToArray();
    }
}
