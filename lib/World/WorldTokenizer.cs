using System.Text;
using HeadKvLab.Text;

namespace HeadKvLab.World;

/// <summary>
/// The world's tokenizer: a byte-level BPE trained on the world's own words, all with the same weight, so that each word with the
/// blank before it is one token (" Eva", " 42") and the marks . , ? : ; = are tokens of their own.
/// It is an ordinary BPE: <see cref="HuggingFaceTokenizerFiles"/> writes it as <c>tokenizer.json</c>. This class only knows the
/// world's words and is what the generator uses; any text goes through the ordinary loader.
/// </summary>
public sealed class WorldTokenizer
{
    /// <summary>Splits text into words with the blank before them, numbers, runs of marks, and white space.</summary>
    public const string SplitPattern =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+| ?\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Special tokens; their ids follow the vocabulary's.</summary>
    public static readonly IReadOnlyList<string> Specials = ["<|begin_of_text|>", "<|end_of_text|>", "<|pad|>"];

    private static readonly Lazy<WorldTokenizer> Trained = new(() => new WorldTokenizer());
    private readonly string[] decoded;

    private WorldTokenizer()
    {
        Vocabulary = BpeTrainer.Train(PreTokens().Select(word => KeyValuePair.Create(word, 1L)));
        decoded = Vocabulary.Texts.Select(t => Encoding.Latin1.GetString(ByteAlphabet.Read(t))).Concat(Specials).ToArray();
    }

    /// <summary>The tokenizer, trained on first use (about 0.1 s).</summary>
    public static WorldTokenizer Shared => Trained.Value;

    /// <summary>Tokens and merges.</summary>
    public BpeVocabulary Vocabulary { get; }

    /// <summary>Number of ids, specials included.</summary>
    public int Size => decoded.Length;

    /// <summary>Id that begins every document.</summary>
    public int BeginOfText => Vocabulary.Texts.Count;

    /// <summary>Id that ends a text.</summary>
    public int EndOfText => BeginOfText + 1;

    /// <summary>Id that fills a batch.</summary>
    public int Pad => BeginOfText + 2;

    /// <summary>Id of the full stop, which ends every answer.</summary>
    public int Stop => Id(".");

    /// <summary>The id of one pre-token of the world, for instance " Eva" or ".".</summary>
    /// <exception cref="LabException">The text is not a token.</exception>
    public int Id(string preToken) => Vocabulary.Ids.TryGetValue(ByteAlphabet.Write(preToken), out var id)
        ? id
        : throw new LabException($"'{preToken}' is no token of the world's tokenizer: add it to WordLists or Grammar");

    /// <summary>The text of ids; special tokens give nothing.</summary>
    public string Decode(ReadOnlySpan<int> ids)
    {
        var text = new StringBuilder(ids.Length * 6);
        foreach (var id in ids)
            if (id < BeginOfText) text.Append(decoded[id]);
        return text.ToString();
    }

    /// <summary>Every pre-token the world writes: words with a blank, opening words without one, marks.</summary>
    public static IEnumerable<string> PreTokens()
    {
        var words = new SortedSet<string>(StringComparer.Ordinal);
        for (var kind = 0; kind < WordLists.Kinds; kind++)
            foreach (var word in WordLists.Of((WordKind)kind)) words.Add(" " + word);
        foreach (var word in WordLists.Relations.SelectMany(r => r.Split(' '))) words.Add(" " + word);
        foreach (var piece in Grammar.AllTemplates().SelectMany(Template.Pieces))
            if (piece.IsLiteral) words.Add(piece.Text);
        return words;
    }
}
