using Microsoft.ML.Tokenizers;

namespace HeadKvLab.Text;

/// <summary>
/// Byte-level BPE of GPT-2, Llama-3 and Qwen, merged by the package's <see cref="BpeTokenizer"/>. It gets one word at a
/// time, its bytes written in the <see cref="ByteAlphabet"/>: added tokens and the pattern are ours, since the package's
/// pre-tokenizer matches UTF-16 units and knows none of the added tokens' flags. With <c>ignore_merges</c> (Llama-3) a word that is a token is taken whole.
/// Words above <see cref="LongestForPackage"/> bytes go to our <see cref="MergeTable"/>: the package takes time and memory quadratic in a word's length,
/// minutes and gigabytes for a megabyte.
/// </summary>
internal sealed class ByteLevelBpe : IWordEncoder
{
    /// <summary>Bytes of the longest word that the package merges.</summary>
    internal const int LongestForPackage = 4096;

    private readonly BpeTokenizer _merger;
    private readonly Lazy<MergeTable> _long;
    private readonly Vocabulary _vocabulary;
    private readonly bool _ignoreMerges;

    /// <param name="vocabulary">The model's vocabulary, without added tokens that are not in it.</param>
    /// <param name="merges">Rules "left right", the most urgent first, all of them over the vocabulary.</param>
    /// <param name="ignoreMerges">Whether a word that is a token is taken whole.</param>
    public ByteLevelBpe(Vocabulary vocabulary, IEnumerable<string> merges, bool ignoreMerges)
    {
        string[] rules = [.. merges];
        _merger = BpeTokenizer.Create(new BpeOptions(vocabulary.Tokens) { Merges = rules });
        (_vocabulary, _ignoreMerges, _long) = (vocabulary, ignoreMerges, new(() => Table(vocabulary, rules)));
    }

    public void Encode(ReadOnlySpan<char> word, List<int> ids)
    {
        string letters = ByteAlphabet.Write(word);
        if (_ignoreMerges && _vocabulary.TryId(letters, out int id)) ids.Add(id);
        else if (letters.Length > LongestForPackage) MergeLong(letters, ids);
        else ids.AddRange(_merger.EncodeToIds(letters, considerPreTokenization: false, considerNormalization: false));
    }

    /// <summary>The same merges without the package; letters outside the vocabulary are dropped, as it drops them.</summary>
    internal void MergeLong(string letters, List<int> ids)
    {
        int[] symbols = new int[letters.Length];
        int count = 0;
        foreach (char letter in letters)
            if (_vocabulary.TryId(letter.ToString(), out int id)) symbols[count++] = id;
        count = _long.Value.Apply(symbols.AsSpan(0, count));
        ids.AddRange(symbols.AsSpan(0, count));
    }

    private static MergeTable Table(Vocabulary vocabulary, string[] merges)
    {
        var table = new MergeTable();
        for (int rank = 0; rank < merges.Length; rank++)
        {
            string[] pair = merges[rank].Split(' ');
            if (vocabulary.TryId(pair[0], out int left) && vocabulary.TryId(pair[1], out int right) && vocabulary.TryId(pair[0] + pair[1], out int joined)) table.Add(left, right, rank, joined);
        }
        return table;
    }
}
