using Microsoft.ML.Tokenizers;

namespace HeadKvLab.Text;

/// <summary>
/// Byte-level BPE of GPT-2, Llama-3 and Qwen, merged by the package's <see cref="BpeTokenizer"/>. It gets one word at a
/// time, its bytes written in the <see cref="ByteAlphabet"/>: added tokens and the pattern are ours, since the package's
/// pre-tokenizer matches UTF-16 units and knows none of the added tokens' flags. With <c>ignore_merges</c> (Llama-3) a word that is a token is taken whole.
/// </summary>
internal sealed class ByteLevelBpe : IWordEncoder
{
    private readonly BpeTokenizer _merger;
    private readonly Vocabulary? _wholeWords;

    /// <param name="vocabulary">The model's vocabulary, without added tokens that are not in it.</param>
    /// <param name="merges">Rules "left right", the most urgent first, all of them over the vocabulary.</param>
    /// <param name="ignoreMerges">Whether a word that is a token is taken whole.</param>
    public ByteLevelBpe(Vocabulary vocabulary, IEnumerable<string> merges, bool ignoreMerges)
    {
        _merger = BpeTokenizer.Create(new BpeOptions(vocabulary.Tokens) { Merges = merges });
        _wholeWords = ignoreMerges ? vocabulary : null;
    }

    public void Encode(ReadOnlySpan<char> word, List<int> ids)
    {
        string letters = ByteAlphabet.Write(word);
        if (_wholeWords is not null && _wholeWords.TryId(letters, out int id)) ids.Add(id);
        else ids.AddRange(_merger.EncodeToIds(letters, considerPreTokenization: false, considerNormalization: false));
    }
}
