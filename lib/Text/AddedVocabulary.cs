namespace HeadKvLab.Text;

/// <summary>
/// Tokens added to a model's vocabulary, numbered as the original library numbers them: a token of the model keeps its id, any other gets the next
/// free one. A file that declares another id is refused, since the library would silently use its own.
/// </summary>
/// <param name="model">The model's own tokens.</param>
internal sealed class AddedVocabulary(Vocabulary model)
{
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly Dictionary<int, AddedToken> _byId = [];
    private readonly List<AddedToken> _special = [], _classic = [];
    private readonly HashSet<string> _specialTexts = new(StringComparer.Ordinal);
    private readonly int _modelSize = model.Tokens.Count();

    /// <summary>The added tokens by id, with the flags given last.</summary>
    public IReadOnlyCollection<AddedToken> Tokens => _byId.Values;

    /// <summary>Adds a token, or gives a known one other flags.</summary>
    /// <param name="token">The token; its id does not matter.</param>
    /// <param name="declared">The id that the file gives it, or null.</param>
    /// <param name="place">Where it stands, named when it is refused.</param>
    public void Add(AddedToken token, int? declared, JsonPlace place)
    {
        if (token.Content.Length == 0)
        {
            if (declared is not null) throw place.Bad("has no content: the file is damaged: download it again");
            return;
        }
        if (token.Special && _specialTexts.Add(token.Content)) _special.Add(token);
        int id = _ids.TryGetValue(token.Content, out int known) || model.TryId(token.Content, out known) ? known
            : _ids.Count == 0 || _ids.Values.Max() is var last && last < _modelSize ? _modelSize : last + 1;
        if (declared is int other && other != id)
            throw place.Bad($"gives '{token.Content}' the id {other}; the tokenizers library gives it {id}, the next after the tokens before it: the file contradicts itself: download it again");
        if (_byId.TryGetValue(id, out AddedToken? before) && before == token with { Id = id }) return;
        _ids[token.Content] = id;
        _byId[id] = token with { Id = id };
        if (!_specialTexts.Contains(token.Content)) _classic.Add(token);
    }

    /// <summary>Adds what stands beside the tokenizer's file.</summary>
    public void Add(TokenizerSettings settings)
    {
        foreach ((int id, AddedToken token, JsonPlace place) in settings.Declared) Add(token, id, place);
        foreach (AddedToken token in settings.Special)
            Add(!settings.DeclaresTokens && _ids.TryGetValue(token.Content, out int known) ? _byId[known] with { Special = true } : token, null, settings.Config);
    }

    /// <summary>The tokens found in a text as written, or after normalization. A token may be sought in both: when it is made special only later.</summary>
    /// <param name="normalized">Whether those that are sought in the normalized text are meant.</param>
    public IEnumerable<AddedToken> Sought(bool normalized) => _special.Concat(_classic).Where(t => t.Normalized == normalized).Select(t => _byId[_ids[t.Content]]);
}
