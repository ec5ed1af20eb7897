namespace HeadKvLab.Text;

/// <summary>
/// Text to token ids and back, exactly as the model's own tokenizer does it. A text goes one way through five stages:
/// added tokens are found as they are written, each stretch between them is normalized, added tokens are found in the
/// normalized form, the rest is cut into words, and each word is turned into ids by byte-pair merges. A post-processor
/// adds BOS (and EOS). The stages come from <c>tokenizer.json</c>, <c>tokenizer.model</c> or a rank file.
/// Safe for concurrent use. A lone surrogate is encoded as U+FFFD.
/// </summary>
public sealed class TextTokenizer
{
    private readonly Vocabulary _vocabulary;
    private readonly TextPipeline _pipeline;

    internal TextTokenizer(string source, Vocabulary vocabulary, TextPipeline pipeline, int? bosId = null, int? eosId = null)
    {
        Source = source;
        _vocabulary = vocabulary;
        _pipeline = pipeline;
        BosId = bosId ?? (pipeline.Before.Length > 0 ? pipeline.Before[0] : null);
        EosId = eosId ?? (pipeline.After.Length > 0 ? pipeline.After[^1] : null);
    }

    /// <summary>The file the tokenizer was read from.</summary>
    public string Source { get; }

    /// <summary>Begin-of-sequence id: the first id the post-processor puts before a text, else the configured BOS token; null when there is none.</summary>
    public int? BosId { get; }

    /// <summary>End-of-sequence id: the configured EOS token, else the last id the post-processor adds; null when there is none.</summary>
    public int? EosId { get; }

    /// <summary>Largest id plus one, added tokens included. A model's embedding may have more rows.</summary>
    public int VocabSize => _vocabulary.Size;

    /// <summary>
    /// Reads the tokenizer of a model folder: <c>tokenizer.json</c> if present, else <c>tokenizer.model</c>
    /// (SentencePiece protobuf or Llama-3 rank file), else <c>qwen.tiktoken</c>.
    /// </summary>
    /// <param name="modelDirectory">A Hugging Face model folder, or the path of one of these files.</param>
    /// <exception cref="LabException">No such file, a damaged one, or one with a part that is not known exactly.</exception>
    public static TextTokenizer Load(string modelDirectory) => TokenizerFiles.Load(modelDirectory);

    /// <summary>Reads a tiktoken rank file ("base64 rank" a line), whose pattern and special tokens stand elsewhere.</summary>
    /// <param name="file">The rank file.</param>
    /// <param name="pattern">The pattern that cuts a text into words.</param>
    /// <param name="special">Special tokens and their ids.</param>
    /// <param name="bos">The special token put before a text, or null.</param>
    /// <exception cref="LabException">A damaged file, or a pattern that .NET would read differently.</exception>
    public static TextTokenizer LoadRanks(string file, string pattern, IReadOnlyDictionary<string, int> special, string? bos = null) =>
        RankFile.Read(file, TokenizerFiles.Bytes(file), pattern, special, bos, null, null);

    /// <summary>Encodes a text.</summary>
    /// <param name="text">Any text; an empty one gives only the special ids.</param>
    /// <param name="addSpecial">Whether the post-processor's ids (BOS, EOS) are added.</param>
    /// <returns>Token ids in order.</returns>
    public int[] Encode(string text, bool addSpecial = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>(text.Length / 3 + 4);
        if (addSpecial) ids.AddRange(_pipeline.Before);
        _pipeline.Encode(text, ids);
        if (addSpecial) ids.AddRange(_pipeline.After);
        return ids.ToArray();
    }

    /// <summary>Decodes ids to text. Bytes that are not UTF-8 come out as U+FFFD.</summary>
    /// <param name="ids">Token ids.</param>
    /// <param name="skipSpecial">Whether special tokens (BOS, EOS, chat marks) are left out.</param>
    /// <exception cref="LabException">An id has no token.</exception>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecial = true) => _vocabulary.Decode(ids, skipSpecial);

    /// <summary>Decodes what a model generated: as <see cref="Decode"/>, but rows that only pad the model's embedding, ids without a token, give nothing.</summary>
    /// <param name="ids">Generated ids.</param>
    public string DecodeGenerated(ReadOnlySpan<int> ids)
    {
        var known = new List<int>(ids.Length);
        foreach (int id in ids)
            if (HasToken(id)) known.Add(id);
        return Decode(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(known));
    }

    /// <summary>A decoder that takes ids one by one and gives text as soon as its characters are complete.</summary>
    /// <param name="skipSpecial">Whether special tokens are left out.</param>
    /// <param name="continues">Whether the text goes on after other text, so that SentencePiece's first blank is kept.</param>
    public TokenStream Stream(bool skipSpecial = true, bool continues = false) => new(_vocabulary, skipSpecial, continues);

    /// <summary>The id of a token.</summary>
    /// <param name="token">Its text as written in the tokenizer's file: <c>&lt;|eot_id|&gt;</c>, <c>Ġthe</c>, <c>▁the</c>.</param>
    /// <exception cref="LabException">There is no such token.</exception>
    public int IdOf(string token) => _vocabulary.TryId(token, out int id)
        ? id
        : throw new LabException($"{Source}: no token '{token}' among {VocabSize:N0}: write it as it stands in the file (a leading blank is 'Ġ' or '▁').");

    /// <summary>The id of a token, or null when there is none.</summary>
    /// <param name="token">Its text as written in the tokenizer's file.</param>
    public int? TryIdOf(string token) => _vocabulary.TryId(token, out int id) ? id : null;

    /// <summary>A token's text as written in the tokenizer's file.</summary>
    /// <param name="id">Its id.</param>
    /// <exception cref="LabException">The id has no token.</exception>
    public string TokenText(int id) => _vocabulary.TextOf(id);

    /// <summary>Whether an id has a token; rows that only pad a model's embedding have none.</summary>
    /// <param name="id">Any number.</param>
    public bool HasToken(int id) => _vocabulary.Known(id);

    /// <summary>What a token decodes to.</summary>
    internal ReadOnlySpan<byte> BytesOf(int id) => _vocabulary.BytesOf(id);

    /// <summary>Whether a token is special: skipped when decoding text for people.</summary>
    /// <param name="id">Its id.</param>
    public bool IsSpecial(int id) => _vocabulary.IsSpecial(id);
}
