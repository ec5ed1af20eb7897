using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace HeadKvLab.Text;

/// <summary>
/// Rank files of tiktoken: "base64 rank" a line. A word's bytes are merged by the rank of the joined token, leftmost
/// first, unless the word is a token itself. Our own loop: the package's TiktokenTokenizer scans the whole word for every
/// merge, n² for long ones. Pattern and special tokens are not in the file; Llama-3's and Qwen's are known by their size.
/// </summary>
internal static class RankFile
{
    private const string Contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    private const string Rest = @"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Llama-3's pattern: numbers in groups of up to three digits.</summary>
    public const string Llama3Pattern = Contractions + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + Rest;

    /// <summary>Qwen's pattern: each digit on its own.</summary>
    public const string QwenPattern = Contractions + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + Rest;

    /// <summary>Whether data begins like a rank file.</summary>
    public static bool Looks(ReadOnlySpan<byte> data)
    {
        int end = data.IndexOf((byte)'\n');
        ReadOnlySpan<byte> line = (end < 0 ? data : data[..end]).TrimEnd((byte)'\r');
        int blank = line.IndexOf((byte)' ');
        return blank > 0 && Base64.IsValid(line[..blank]) && Utf8Parser.TryParse(line[(blank + 1)..], out int _, out int used) && used == line.Length - blank - 1;
    }

    /// <summary>Reads a rank file whose pattern and special tokens its size tells.</summary>
    public static TextTokenizer ReadKnown(string file, byte[] data)
    {
        int lines = data.AsSpan().Count((byte)'\n') + (data[^1] == '\n' ? 0 : 1);
        return lines switch
        {
            128_000 => Read(file, data, Llama3Pattern, Llama3Special(), "<|begin_of_text|>", "<|end_of_text|>", null),
            151_643 => Read(file, data, QwenPattern, QwenSpecial(), null, "<|endoftext|>", new NfcNormalizer()),
            _ => throw new LabException($"{file}: a rank file of {lines:N0} lines is neither Llama-3's (128,000) nor Qwen's (151,643): " +
                "its pattern and special tokens are not in the file; load it with TextTokenizer.LoadRanks, which takes them."),
        };
    }

    /// <summary>Reads a rank file.</summary>
    public static TextTokenizer Read(string file, byte[] data, string pattern, IEnumerable<KeyValuePair<string, int>> special, string? bos, string? eos, INormalizer? normalizer)
    {
        var own = new Vocabulary(file);
        int line = 0;
        foreach (Range range in Lines(data))
        {
            ReadOnlySpan<byte> text = data.AsSpan(range).TrimEnd((byte)'\r');
            line++;
            if (text.Length == 0) continue;
            int blank = text.IndexOf((byte)' ');
            byte[] token = new byte[Base64.GetMaxDecodedFromUtf8Length(Math.Max(blank, 0))];
            if (blank <= 0 || Base64.DecodeFromUtf8(text[..blank], token, out _, out int length) != System.Buffers.OperationStatus.Done
                || !int.TryParse(text[(blank + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out int rank))
                throw new LabException($"{file}: line {line} is not 'base64 rank': the file is damaged: download it again.");
            own.Add(rank, ByteAlphabet.Write(token[..length]), token[..length]);
        }
        for (int b = 0; b < 256; b++)
            if (!own.TryId(ByteAlphabet.CharOf((byte)b).ToString(), out _))
                throw new LabException($"{file}: no token for the byte 0x{b:X2}: the file is incomplete: download it again.");

        var all = new Vocabulary(file);
        foreach ((string text, int id) in own.Tokens) all.Add(id, text, own.BytesOf(id));
        var added = new List<AddedToken>();
        foreach ((string text, int id) in special)
        {
            all.Add(id, text, Encoding.UTF8.GetBytes(text), special: true);
            added.Add(new AddedToken(id, text));
        }
        TokenizerSettings settings = TokenizerSettings.Beside(file);
        foreach ((int id, AddedToken token, JsonPlace place) in settings.Declared)
            if (!all.TryId(token.Content, out int known) || known != id) throw place.Bad($"adds '{token.Content}' with id {id}, which the rank file beside it does not have: use a folder with a tokenizer.json");
        foreach (AddedToken token in settings.Special)
            if (!all.TryId(token.Content, out _)) throw settings.Config.Bad($"names the special token '{token.Content}', which the rank file beside it does not have: use a folder with a tokenizer.json");
        var cutter = new CodePointRegex($"{file}: the pattern given with it", pattern);
        int? Id(string? token) => token is null ? null : all.TryId(token, out int id) ? id : throw new LabException($"{file}: '{token}' is not among its special tokens.");
        (int[] before, int[] after) = settings.Ends(all, Id(bos) is int first ? [first] : [], []);
        var pipeline = new TextPipeline
        {
            Literal = new AddedTokens(added),
            Normalizer = normalizer,
            PreTokenizer = new SplitPreTokenizer(cutter.Matches, SplitBehavior.Isolated, invert: false),
            Encoder = new RankBpe(own),
            Before = before,
            After = after,
        };
        return new TextTokenizer(file, all, pipeline, Id(bos), Id(eos));
    }

    private static IEnumerable<Range> Lines(byte[] data)
    {
        for (int at = 0; at < data.Length; )
        {
            int end = Array.IndexOf(data, (byte)'\n', at);
            if (end < 0) end = data.Length;
            yield return at..end;
            at = end + 1;
        }
    }

    // Meta's llama3/tokenizer.py; Llama-3.1 gave three of the reserved ones names of their own.
    private static Dictionary<string, int> Llama3Special()
    {
        List<string> names = ["<|begin_of_text|>", "<|end_of_text|>"];
        for (int i = 0; i < 4; i++) names.Add(Reserved(i));
        names.AddRange(["<|start_header_id|>", "<|end_header_id|>", Reserved(4), "<|eot_id|>"]);
        for (int i = 5; i < 251; i++) names.Add(Reserved(i));
        return names.Select((name, i) => (name, i)).ToDictionary(p => p.name, p => 128_000 + p.i);

        static string Reserved(int i) => $"<|reserved_special_token_{i}|>";
    }

    // Qwen's tokenization_qwen.py: three marks and 205 reserved ones.
    private static Dictionary<string, int> QwenSpecial()
    {
        List<string> names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
        for (int i = 0; i < 205; i++) names.Add($"<|extra_{i}|>");
        return names.Select((name, i) => (name, i)).ToDictionary(p => p.name, p => 151_643 + p.i);
    }
}

/// <summary>Merges a word's bytes by rank.</summary>
internal sealed class RankBpe : IWordEncoder
{
    private readonly Vocabulary _vocabulary;
    private readonly MergeTable _merges = new();
    private readonly WordCache _cache = new();

    /// <param name="vocabulary">Tokens in GPT-2's byte alphabet; the id is the rank.</param>
    public RankBpe(Vocabulary vocabulary)
    {
        _vocabulary = vocabulary;
        foreach ((string text, int id) in vocabulary.Tokens)
            for (int cut = 1; cut < text.Length; cut++)
                if (vocabulary.TryId(text.AsSpan(0, cut), out int left) && vocabulary.TryId(text.AsSpan(cut), out int right))
                    _merges.Add(left, right, id, id);
    }

    public void Encode(ReadOnlySpan<char> word, List<int> ids) => ids.AddRange(_cache.Get(word, Merge));

    private int[] Merge(ReadOnlySpan<char> word)
    {
        string letters = ByteAlphabet.Write(word);
        if (_vocabulary.TryId(letters, out int whole)) return [whole];
        int[] symbols = new int[letters.Length];
        for (int i = 0; i < symbols.Length; i++) _vocabulary.TryId(letters.AsSpan(i, 1), out symbols[i]);
        return symbols[.._merges.Apply(symbols)];
    }
}
