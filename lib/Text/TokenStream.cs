using System.Text;

namespace HeadKvLab.Text;

/// <summary>
/// Decodes a growing sequence of ids. A character whose UTF-8 bytes are spread over several tokens is held back until
/// the last of them arrives, so no half character is ever shown: joined, the pieces are the text of the whole sequence.
/// (Only a run of byte-fallback tokens that never becomes valid UTF-8 may show fewer U+FFFD than
/// <see cref="TextTokenizer.Decode(ReadOnlySpan{int}, bool)"/>.) Not safe for concurrent use.
/// </summary>
public sealed class TokenStream
{
    private readonly Vocabulary _vocabulary;
    private readonly bool _skipSpecial;
    private readonly Decoder _utf8 = new UTF8Encoding(false).GetDecoder();
    private bool _begun;

    internal TokenStream(Vocabulary vocabulary, bool skipSpecial, bool continues)
    {
        _begun = continues;
        _vocabulary = vocabulary;
        _skipSpecial = skipSpecial;
    }

    /// <summary>Takes the next id and gives the characters it completes, possibly none.</summary>
    /// <param name="id">The next token id.</param>
    /// <exception cref="LabException">The id has no token.</exception>
    public string Append(int id)
    {
        byte[] bytes = _vocabulary.BytesOf(id);
        return _skipSpecial && _vocabulary.IsSpecial(id) ? "" : Take(bytes, false);
    }

    /// <summary>Ends the sequence: an incomplete character comes out as U+FFFD.</summary>
    public string Flush() => Take([], true);

    private string Take(byte[] bytes, bool flush)
    {
        char[] chars = new char[_utf8.GetCharCount(bytes, flush)];
        int count = _utf8.GetChars(bytes, chars, flush);
        if (count == 0) return "";
        int from = !_begun && _vocabulary.DropsLeadingBlank && chars[0] == ' ' ? 1 : 0;
        _begun = true;
        return new string(chars, from, count - from);
    }
}
