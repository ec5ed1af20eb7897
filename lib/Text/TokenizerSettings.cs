using System.Globalization;
using System.Text.Json;

namespace HeadKvLab.Text;

/// <summary>
/// What stands beside a tokenizer file and changes ids or chat prompts, read as transformers 5 reads it: <c>tokenizer_config.json</c>; and, only when
/// that has no <c>added_tokens_decoder</c>, <c>special_tokens_map.json</c> and <c>added_tokens.json</c>.
/// </summary>
internal sealed class TokenizerSettings
{
    private static readonly string[] Names = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    private readonly string _folder;
    private readonly Dictionary<string, AddedToken?> _named = new(StringComparer.Ordinal);
    private readonly List<AddedToken> _extra = [];

    private TokenizerSettings(string folder, JsonPlace config)
    {
        (_folder, Config) = (folder, config);
        IsLlama = config["tokenizer_class"].TextOr("") is "LlamaTokenizer" or "LlamaTokenizerFast"
            && Optional("config.json")["model_type"].TextOr("llama") is "llama" or "mistral";
        DeclaresTokens = Given(config, "added_tokens_decoder");
        JsonPlace map = !DeclaresTokens ? Optional("special_tokens_map.json") : new JsonPlace("", "", default);
        if (DeclaresTokens) ReadDeclared();
        if (IsLlama)
            foreach ((string name, string text) in (ReadOnlySpan<(string, string)>)[("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>")]) _named[name] = Token(text);
        foreach (JsonPlace source in (ReadOnlySpan<JsonPlace>)[config, map]) ReadSpecial(source);
        if (!DeclaresTokens) ReadAddedTokens();
        if (config["split_special_tokens"].FlagOr(false))
            throw config["split_special_tokens"].Bad("is true: special tokens in a text would be spelled out, which is not supported");
    }

    /// <summary><c>tokenizer_config.json</c>; nothing when the folder has none.</summary>
    public JsonPlace Config { get; }

    /// <summary>Whether transformers makes the pipeline of Llama's tokenizer itself and takes only vocabulary and merges from <c>tokenizer.json</c>.</summary>
    public bool IsLlama { get; }

    /// <summary>Whether the settings hold the added tokens. Older folders do not: a special token named there keeps the flags that the tokenizer's file gives it.</summary>
    public bool DeclaresTokens { get; }

    /// <summary>Tokens of the settings in order of their ids, with the ids they declare.</summary>
    public List<(int Id, AddedToken Token, JsonPlace Place)> Declared { get; } = [];

    /// <summary>Whether the settings say which ids stand before and after a text, whatever the tokenizer's file says.</summary>
    public bool SaysEnds => Given(Config, "add_bos_token") || Given(Config, "add_eos_token");

    /// <summary>Reads what stands beside a tokenizer file.</summary>
    public static TokenizerSettings Beside(string tokenizerFile) =>
        new(Path.GetDirectoryName(Path.GetFullPath(tokenizerFile))!, TokenizerFiles.Config(tokenizerFile));

    /// <summary>Texts of the special tokens that have a name, for chat templates.</summary>
    public IEnumerable<(string Name, string Text)> Named => _named.Where(n => n.Value is not null).Select(n => (n.Key, n.Value!.Content));

    /// <summary>All special tokens, named ones first.</summary>
    public IEnumerable<AddedToken> Special => _named.Values.OfType<AddedToken>().Concat(_extra);

    /// <summary>The id of a named token, or null when the settings name none or the vocabulary lacks it.</summary>
    public int? IdOf(string name, Vocabulary vocabulary) => _named.GetValueOrDefault(name) is AddedToken token && vocabulary.TryId(token.Content, out int id) ? id : null;

    /// <summary>The ids before and after a text: those of the tokenizer's file, unless the settings say others.</summary>
    /// <param name="vocabulary">All tokens.</param>
    /// <param name="before">What the file puts before a text.</param>
    /// <param name="after">What the file puts after a text.</param>
    public (int[] Before, int[] After) Ends(Vocabulary vocabulary, int[] before, int[] after)
    {
        if (!SaysEnds) return (before, after);
        return (End("add_bos_token", "bos_token"), End("add_eos_token", "eos_token"));

        int[] End(string setting, string token) => Config[setting].FlagOr(false) && IdOf(token, vocabulary) is int id ? [id] : [];
    }

    private static bool Given(JsonPlace place, string name) => place.Exists && place.Value.TryGetProperty(name, out _);

    private JsonPlace Optional(string name)
    {
        string file = Path.Combine(_folder, name);
        return File.Exists(file) ? JsonPlace.Read(file) : new JsonPlace(file, "", default);
    }

    private void ReadDeclared()
    {
        foreach ((string id, JsonPlace token) in Config["added_tokens_decoder"].Members())
        {
            if (!int.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out int number)) throw token.Bad($"is no id: '{id}' is not a whole number");
            Declared.Add((number, Flags(token, token["special"].FlagOr(false)) with { Id = number }, token));
        }
        Declared.Sort((a, b) => a.Id.CompareTo(b.Id));
    }

    private void ReadSpecial(JsonPlace source)
    {
        foreach (string name in Names)
            if (Given(source, name)) _named[name] = source[name].Exists ? Token(source[name]) : null;
        foreach (string list in (string[])["additional_special_tokens", "extra_special_tokens"])
        {
            JsonPlace place = source[list];
            if (!place.Exists) continue;
            if (place.Value.ValueKind == JsonValueKind.Object)
                foreach ((string name, JsonPlace token) in place.Members()) _named[name] = Token(token);
            else _extra.AddRange(place.Items().Select(Token));
        }
    }

    private void ReadAddedTokens()
    {
        foreach ((string text, JsonPlace id) in Optional("added_tokens.json").Members())
        {
            bool special = Special.Any(token => token.Content == text);
            Declared.Add((id.Integer(), new AddedToken(id.Integer(), text, special, Normalized: !special), id));
        }
        Declared.Sort((a, b) => a.Id.CompareTo(b.Id));
    }

    private AddedToken Token(JsonPlace place) => place.Value.ValueKind == JsonValueKind.Object && !Declared.Exists(d => d.Token.Content == place["content"].Text())
        ? Flags(place, special: true)
        : Token(place.Value.ValueKind == JsonValueKind.Object ? place["content"].Text() : place.Text());

    // A declared token keeps its flags.
    private AddedToken Token(string text) => (Declared.Find(d => d.Token.Content == text).Token ?? new AddedToken(0, text)) with { Special = true };

    private static AddedToken Flags(JsonPlace token, bool special) => new(0, token["content"].Text(), special, token["single_word"].FlagOr(false),
        token["lstrip"].FlagOr(false), token["rstrip"].FlagOr(false), token["normalized"].FlagOr(!special));
}
