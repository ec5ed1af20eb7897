using System.Text;

namespace HeadKvLab.Text;

/// <summary>One way of rewriting a stretch of text before it is cut.</summary>
internal interface INormalizer
{
    string Normalize(string text);
}

/// <summary>One way of cutting a stretch of text into words.</summary>
internal interface IPreTokenizer
{
    /// <param name="text">The stretch.</param>
    /// <param name="first">Whether it begins the whole text.</param>
    /// <param name="words">Takes the words in order.</param>
    void Cut(ReadOnlyMemory<char> text, bool first, List<ReadOnlyMemory<char>> words);
}

/// <summary>Turns one word into ids.</summary>
internal interface IWordEncoder
{
    void Encode(ReadOnlySpan<char> word, List<int> ids);
}

/// <summary>The five stages of a tokenizer, in order (see <see cref="TextTokenizer"/>).</summary>
internal sealed class TextPipeline
{
    /// <summary>Tokens found in the text as written.</summary>
    public AddedTokens Literal { get; init; } = AddedTokens.None;

    /// <summary>Rewrites each stretch between them; null leaves it alone.</summary>
    public INormalizer? Normalizer { get; init; }

    /// <summary>Tokens found in the normalized text.</summary>
    public AddedTokens Normalized { get; init; } = AddedTokens.None;

    /// <summary>Cuts what is left into words; null takes it as one word.</summary>
    public IPreTokenizer? PreTokenizer { get; init; }

    /// <summary>Turns a word into ids.</summary>
    public required IWordEncoder Encoder { get; init; }

    /// <summary>Ids put before a text.</summary>
    public int[] Before { get; init; } = [];

    /// <summary>Ids put after a text.</summary>
    public int[] After { get; init; } = [];

    /// <summary>Appends the ids of a text.</summary>
    public void Encode(string text, List<int> ids)
    {
        var words = new List<ReadOnlyMemory<char>>();
        foreach (AddedTokens.Stretch raw in Literal.Cut(WithoutLoneSurrogates(text)))
        {
            if (raw.Id is int literal)
            {
                ids.Add(literal);
                continue;
            }
            string normal = Normalizer is null ? raw.Text : Normalizer.Normalize(raw.Text);
            foreach (AddedTokens.Stretch stretch in Normalized.Cut(normal))
            {
                if (stretch.Id is int id)
                {
                    ids.Add(id);
                    continue;
                }
                words.Clear();
                if (PreTokenizer is null) words.Add(stretch.Text.AsMemory());
                else PreTokenizer.Cut(stretch.Text.AsMemory(), raw.Start == 0 && stretch.Start == 0, words);
                foreach (ReadOnlyMemory<char> word in words) Encoder.Encode(word.Span, ids);
            }
        }
    }

    private static string WithoutLoneSurrogates(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i])) continue;
            if (i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1])) i++;
            else return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
        }
        return text;
    }
}
