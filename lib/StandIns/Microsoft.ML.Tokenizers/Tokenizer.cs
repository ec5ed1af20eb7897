namespace Microsoft.ML.Tokenizers;

/// <summary>Turns text into token ids and back. Subset of the package's class of the same name.</summary>
public abstract class Tokenizer
{
    /// <summary>Encodes text to token ids.</summary>
    /// <param name="text">The text to encode.</param>
    /// <param name="considerPreTokenization">Whether the text is first cut by the pre-tokenizer.</param>
    /// <param name="considerNormalization">Whether the text is first normalized.</param>
    public abstract IReadOnlyList<int> EncodeToIds(
        string text, bool considerPreTokenization = true, bool considerNormalization = true);

    /// <summary>Encodes text to token ids.</summary>
    /// <param name="text">The text to encode.</param>
    /// <param name="considerPreTokenization">Whether the text is first cut by the pre-tokenizer.</param>
    /// <param name="considerNormalization">Whether the text is first normalized.</param>
    public abstract IReadOnlyList<int> EncodeToIds(
        ReadOnlySpan<char> text, bool considerPreTokenization = true, bool considerNormalization = true);

    /// <summary>Decodes token ids to text; ids outside the vocabulary are left out.</summary>
    public abstract string Decode(IEnumerable<int> ids);
}
