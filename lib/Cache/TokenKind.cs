namespace HeadKvLab.Cache;

/// <summary>What a token is to a method that treats marks apart from words.</summary>
public enum TokenKind : byte
{
    /// <summary>Anything else: words, numbers, white space.</summary>
    Ordinary,

    /// <summary>A token that the tokenizer marks special (begin of text, end of turn), or part of a chat template's mark such as [INST].</summary>
    Special,

    /// <summary>ASCII punctuation, with white space or without.</summary>
    Punctuation,
}
