namespace HeadKvLab.Text;

/// <summary>Writes the bytes of a word in GPT-2's byte alphabet before they are merged: byte-level vocabularies whose words carry a suffix (CLIP).</summary>
/// <param name="inner">Merges the letters.</param>
internal sealed class ByteLetters(PieceBpe inner) : IWordEncoder
{
    public void Encode(ReadOnlySpan<char> word, List<int> ids) => inner.Encode(ByteAlphabet.Write(word), ids);
}
