using System.Globalization;
using System.Text;
using System.Text.Json;

namespace HeadKvLab.Text;

/// <summary>
/// Reads Hugging Face's <c>tokenizer.json</c> with a BPE model: byte-level (GPT-2, Llama-3, Qwen) or over characters with
/// byte fallback (Llama-2, Mistral). Every part that changes ids is either done exactly or refused by name.
/// </summary>
internal static class TokenizerJson
{
    private const int LargestHole = 1 << 17; // ids without a token that a sound file may have

    public static TextTokenizer Read(string file)
    {
        JsonPlace root = JsonPlace.Read(file);
        JsonPlace model = root["model"];
        if (!model.Exists) throw root.Bad("has no 'model': it is not a tokenizer.json");
        if (model["type"].Given) model["type"].Text();
        if (model["unk_token"].Exists) model["unk_token"].Text();
        if (root["truncation"].Exists) root["truncation"]["max_length"].Integer();
        if (root["padding"].Exists) root["padding"]["pad_id"].Integer();
        string type = model["type"].TextOr(model["merges"].Exists ? "BPE" : "without a type");
        if (type != "BPE") throw model.Bad($"is of type '{type}'; only BPE is supported: use a model with another tokenizer");
        RefuseUnless(model, "dropout", v => v.ValueKind == JsonValueKind.Number && v.TryGetDouble(out double share) && share == 0);
        RefuseUnless(model, "continuing_subword_prefix", v => v.ValueKind == JsonValueKind.String && v.ValueEquals(""));

        TokenizerSettings settings = TokenizerSettings.Beside(file);
        var (preTokenizer, byteLevel) = TokenizerJsonParts.PreTokenizer(root["pre_tokenizer"]);
        INormalizer? normalizer = TokenizerJsonParts.Normalizer(root["normalizer"]);
        if (!root["decoder"].Exists) throw root["decoder"].Bad("is missing: without it tokens cannot be joined to text");
        var decoding = TokenizerJsonParts.Decoder(root["decoder"]);
        if (byteLevel && !decoding.ByteLevel)
            throw root["decoder"].Bad("should be ByteLevel: the pre-tokenizer is, and nothing else can read its tokens");
        if (preTokenizer is SequencePreTokenizer { MarksBeginnings: true } && TokenizerJsonParts.Holds(root["normalizer"], "Prepend"))
            throw root["pre_tokenizer"].Bad("marks the beginning of a text after cutting it, while the normalizer writes something before it: the two are not supported together");
        bool llama = settings.IsLlama && !byteLevel;
        if (llama) (normalizer, preTokenizer, decoding) = Llama(settings.Config);

        var own = new Vocabulary(file);
        int entries = model["vocab"].Count();
        if (entries == 0) throw model["vocab"].Bad("holds no tokens");
        foreach ((string token, JsonPlace id) in model["vocab"].Members())
            AddToken(own, Within(id, entries), token, decoding, special: false);
        AddedVocabulary added = ReadAdded(root, own, settings);

        bool suffix = model["end_of_word_suffix"].TextOr("").Length > 0;
        IWordEncoder encoder = byteLevel && !suffix ? ByteLevel(model, own) : Pieces(model, own, llama) is var pieces && byteLevel ? new ByteLetters(pieces) : pieces;
        var all = new Vocabulary(file) { DropsLeadingBlank = decoding.DropsLeadingBlank };
        foreach ((string token, int id) in own.Tokens) AddToken(all, id, token, decoding, special: false);
        foreach (AddedToken token in added.Tokens) AddToken(all, token.Id, token.Content, decoding, token.Special);

        var (before, after) = TokenizerJsonParts.PostProcessor(root["post_processor"], all);
        (before, after) = settings.Ends(all, before, after);
        var pipeline = new TextPipeline
        {
            Literal = new AddedTokens([.. added.Sought(normalized: false)]),
            Normalizer = normalizer,
            Normalized = new AddedTokens([.. added.Sought(normalized: true).Select(t => normalizer is null ? t : t with { Content = normalizer.Normalize(t.Content) })]),
            PreTokenizer = preTokenizer,
            Encoder = encoder,
            Before = before,
            After = after,
        };
        return new TextTokenizer(file, all, pipeline, before.Length > 0 ? before[0] : settings.IdOf("bos_token", all), settings.IdOf("eos_token", all));
    }

    /// <summary>The pipeline that transformers 5 gives the class LlamaTokenizer, whatever the file says.</summary>
    private static (INormalizer?, IPreTokenizer, TokenizerJsonParts.Decoding) Llama(JsonPlace config)
    {
        bool prefix = config["add_prefix_space"].FlagOr(true);
        var scheme = !prefix ? MetaspacePreTokenizer.Prepend.Never : config["legacy"].FlagOr(false) ? MetaspacePreTokenizer.Prepend.Always : MetaspacePreTokenizer.Prepend.First;
        return (null, new MetaspacePreTokenizer('▁', scheme, split: false), new TokenizerJsonParts.Decoding(ByteFallback: true, Replaced: "▁", DropsLeadingBlank: prefix));
    }

    private static void AddToken(Vocabulary vocabulary, int id, string text, TokenizerJsonParts.Decoding decoding, bool special)
    {
        bool rawByte = decoding.ByteFallback && text.Length == 6 && text.StartsWith("<0x", StringComparison.Ordinal) && text[5] == '>'
            && byte.TryParse(text.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out _);
        byte[] bytes = rawByte ? [byte.Parse(text.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)]
            : decoding.ByteLevel ? ByteAlphabet.Read(text)
            : Encoding.UTF8.GetBytes(decoding.Replaced is string mark ? text.Replace(mark, " ", StringComparison.Ordinal) : text);
        vocabulary.Add(id, text, bytes, special, rawByte);
    }

    /// <summary>An id, refused before anything of its size is allocated when it lies far beyond the tokens there are.</summary>
    private static int Within(JsonPlace place, int tokens)
    {
        int id = place.Integer();
        return id >= 0 && id <= tokens + LargestHole ? id : throw place.Bad($"is {id}; with {tokens:N0} tokens ids run from 0 to little more: the file is damaged: download it again");
    }

    private static AddedVocabulary ReadAdded(JsonPlace root, Vocabulary own, TokenizerSettings settings)
    {
        var added = new AddedVocabulary(own);
        foreach (JsonPlace token in root["added_tokens"].Items())
        {
            var read = new AddedToken(Within(token["id"], own.Size), token["content"].Text(), token["special"].Flag(),
                token["single_word"].Flag(), token["lstrip"].Flag(), token["rstrip"].Flag(), token["normalized"].Flag());
            added.Add(read, read.Id, token);
        }
        added.Add(settings);
        return added;
    }

    private static ByteLevelBpe ByteLevel(JsonPlace model, Vocabulary vocabulary)
    {
        for (int b = 0; b < 256 && model["unk_token"].Exists; b++)
            if (!vocabulary.TryId(ByteAlphabet.CharOf((byte)b).ToString(), out _))
                throw model["vocab"].Bad($"lacks the byte 0x{b:X2} while 'unk_token' is set: a byte-level vocabulary holds all 256 bytes");
        var merges = new List<string>();
        foreach ((string left, string right, _) in Merges(model, vocabulary))
            merges.Add(left.Contains(' ') || right.Contains(' ')
                ? throw model["merges"].Bad($"joins '{left}' and '{right}': no token of a byte-level vocabulary holds a blank")
                : $"{left} {right}");
        return new ByteLevelBpe(vocabulary, merges, model["ignore_merges"].FlagOr(false));
    }

    private static PieceBpe Pieces(JsonPlace model, Vocabulary vocabulary, bool llama)
    {
        var table = new MergeTable();
        int rank = 0;
        foreach ((string left, string right, int result) in Merges(model, vocabulary))
        {
            vocabulary.TryId(left, out int leftId);
            vocabulary.TryId(right, out int rightId);
            table.Add(leftId, rightId, rank++, result);
        }
        int? unknown = null;
        if (model["unk_token"].Exists && !llama)
            unknown = vocabulary.TryId(model["unk_token"].Text(), out int id) ? id
                : throw model["unk_token"].Bad($"names '{model["unk_token"].Text()}', which is not in the vocabulary");
        return new PieceBpe(vocabulary, table, new PieceBpeOptions
        {
            ByteFallback = llama || model["byte_fallback"].FlagOr(false),
            IgnoreMerges = !llama && model["ignore_merges"].FlagOr(false),
            WordSuffix = llama ? "" : model["end_of_word_suffix"].TextOr(""),
            UnknownId = unknown,
            FusesUnknown = llama || model["fuse_unk"].FlagOr(false),
        });
    }

    /// <summary>The merge rules in either notation, "left right" or ["left", "right"], checked against the vocabulary.</summary>
    private static IEnumerable<(string Left, string Right, int Result)> Merges(JsonPlace model, Vocabulary vocabulary)
    {
        var seen = new HashSet<(string, string)>();
        foreach (JsonPlace merge in model["merges"].Items())
        {
            string left, right;
            if (merge.Value.ValueKind == JsonValueKind.Array)
            {
                if (merge.Value.GetArrayLength() != 2) throw merge.Bad("should be a pair");
                left = new JsonPlace(merge.File, merge.Path, merge.Value[0]).Text();
                right = new JsonPlace(merge.File, merge.Path, merge.Value[1]).Text();
            }
            else
            {
                string text = merge.Text();
                int blank = text.IndexOf(' ');
                if (blank <= 0 || blank == text.Length - 1 || text.IndexOf(' ', blank + 1) >= 0)
                    throw merge.Bad($"is '{text}', not two tokens with one blank between them");
                (left, right) = (text[..blank], text[(blank + 1)..]);
            }
            if (left.Length == 0 || right.Length == 0) throw merge.Bad("joins an empty token: the file is damaged: download it again");
            foreach (string token in (string[])[left, right, left + right])
                if (!vocabulary.TryId(token, out _)) throw merge.Bad($"names the token '{token}', which is not in the vocabulary: the file is damaged: download it again");
            if (!seen.Add((left, right))) throw merge.Bad($"repeats the rule '{left} {right}': a rule has one rank");
            vocabulary.TryId(left + right, out int result);
            yield return (left, right, result);
        }
    }

    private static void RefuseUnless(JsonPlace model, string name, Func<JsonElement, bool> harmless)
    {
        JsonPlace value = model[name];
        if (value.Exists && !harmless(value.Value)) throw value.Bad($"is {value.Value.GetRawText()}, which is not supported");
    }
}
