namespace Microsoft.ML.Tokenizers;

/// <summary>What a <see cref="BpeTokenizer"/> is made of. Subset of the package's class of the same name.</summary>
public sealed class BpeOptions
{
    /// <summary>Starts from a vocabulary: token text to id.</summary>
    public BpeOptions(IEnumerable<KeyValuePair<string, int>> vocabulary)
    {
        ArgumentNullException.ThrowIfNull(vocabulary);
        Vocabulary = vocabulary;
    }

    internal IEnumerable<KeyValuePair<string, int>> Vocabulary { get; }

    /// <summary>Merge rules "left right", the most urgent first.</summary>
    public IEnumerable<string>? Merges { get; set; }
}
