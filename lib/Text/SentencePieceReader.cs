using System.Globalization;
using System.Text;

namespace HeadKvLab.Text;

/// <summary>
/// Builds a tokenizer from a SentencePiece BPE <c>tokenizer.model</c> (Llama-2, Mistral), with SentencePiece's own ids: of
/// all neighbours whose joined text is a piece, the highest score is joined first, leftmost among equals. User-defined
/// pieces are taken first, the longest at a place, and never joined; unused ones are joined and then taken apart again
/// (<see cref="PieceBpe"/>). Our own loop, since the package's LlamaTokenizer does not know the control pieces a chat
/// template writes. Control pieces written in the text are found as Hugging Face finds them (SentencePiece itself would
/// spell them out), and only the beginning of the text gets the dummy blank. Unigram models, character maps and blank
/// removal are refused by name.
/// </summary>
internal static class SentencePieceReader
{
    public static TextTokenizer Read(string file, byte[] data)
    {
        SentencePieceModel model = SentencePieceModel.Read(file, data);
        Refuse(model.ModelType != 2, $"is a {model.ModelType switch { 1 => "unigram", 3 => "word", 4 => "character", _ => "unknown" }} model; only BPE is supported: use a model with another tokenizer");
        Refuse(model.HasCharacterMap, "normalizes characters by a compiled map, which is not supported: convert it to tokenizer.json");
        Refuse(model.RemovesExtraBlanks, "removes extra blanks (remove_extra_whitespaces), which is not supported");
        Refuse(!model.EscapesBlanks, "keeps plain blanks (escape_whitespaces is off), which is not supported");
        Refuse(model.BlankIsSuffix, "writes blanks after words (treat_whitespace_as_suffix), which is not supported");

        var vocabulary = new Vocabulary(file);
        List<AddedToken> control = [], userDefined = [];
        int? unknown = null;
        for (int id = 0; id < model.Pieces.Count; id++)
        {
            SentencePieceModel.Piece piece = model.Pieces[id];
            bool special = piece.Kind is SentencePieceModel.Kind.Control or SentencePieceModel.Kind.Unknown;
            vocabulary.Add(id, piece.Text, Bytes(piece, id), special, piece.Kind == SentencePieceModel.Kind.Byte);
            if (special) control.Add(new AddedToken(id, piece.Text));
            if (piece.Kind == SentencePieceModel.Kind.UserDefined) userDefined.Add(new AddedToken(id, piece.Text));
            if (piece.Kind == SentencePieceModel.Kind.Unknown) unknown = id;
        }

        (MergeTable merges, Dictionary<Rune, int> placeholders) = Merges(model);
        TokenizerSettings settings = TokenizerSettings.Beside(file);
        var added = new AddedVocabulary(vocabulary);
        foreach (AddedToken token in control) added.Add(token, token.Id, settings.Config);
        added.Add(settings);
        var all = new Vocabulary(file) { DropsLeadingBlank = model.AddsDummyPrefix };
        for (int id = 0; id < model.Pieces.Count; id++)
            all.Add(id, model.Pieces[id].Text, vocabulary.BytesOf(id), vocabulary.IsSpecial(id), model.Pieces[id].Kind == SentencePieceModel.Kind.Byte);
        foreach (AddedToken token in added.Tokens)
            all.Add(token.Id, token.Content, vocabulary.Known(token.Id) ? vocabulary.BytesOf(token.Id) : Encoding.UTF8.GetBytes(token.Content), token.Special);
        int? bos = Existing(model.BosId), eos = Existing(model.EosId);
        (int[] before, int[] after) = settings.Ends(all, bos is int first ? [first] : [], []);
        var pipeline = new TextPipeline
        {
            Literal = new AddedTokens([.. added.Sought(normalized: false)]),
            Normalized = new AddedTokens([.. added.Sought(normalized: true)]),
            PreTokenizer = new MetaspacePreTokenizer('▁',
                model.AddsDummyPrefix ? MetaspacePreTokenizer.Prepend.First : MetaspacePreTokenizer.Prepend.Never, split: false) { PrependsToBlanks = true },
            Encoder = new PieceBpe(vocabulary, merges, new PieceBpeOptions
            {
                ByteFallback = model.ByteFallback,
                UnknownId = unknown,
                FusesUnknown = true,
                Placeholders = placeholders.Count == 0 ? null : placeholders,
                PlaceholderRunes = placeholders.ToDictionary(s => s.Value, s => s.Key),
                Whole = userDefined.Count == 0 ? AddedTokens.None : new AddedTokens(userDefined),
                TakenApart = Enumerable.Range(0, model.Pieces.Count).Where(id => model.Pieces[id].Kind == SentencePieceModel.Kind.Unused).ToHashSet(),
            }),
            Before = before,
            After = after,
        };
        return new TextTokenizer(file, all, pipeline, bos ?? settings.IdOf("bos_token", all), eos ?? settings.IdOf("eos_token", all));

        void Refuse(bool wrong, string what)
        {
            if (wrong) throw new LabException($"{file}: the model {what}.");
        }

        int? Existing(long id) => id >= 0 && id < model.Pieces.Count ? (int)id : null;

        byte[] Bytes(SentencePieceModel.Piece piece, int id)
        {
            if (piece.Kind != SentencePieceModel.Kind.Byte) return Encoding.UTF8.GetBytes(piece.Text.Replace('▁', ' '));
            if (piece.Text.Length == 6 && piece.Text.StartsWith("<0x", StringComparison.Ordinal)
                && byte.TryParse(piece.Text.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value)) return [value];
            throw new LabException($"{file}: piece {id} is a byte but reads '{piece.Text}' instead of <0x..>: the file is damaged: download it again.");
        }
    }

    // Every way of cutting a piece into two symbols is a rule; its rank is the rank of the piece's score, so that equal
    // scores stay equal and the leftmost wins. A character that occurs in pieces without being one gets a placeholder id.
    private static (MergeTable Merges, Dictionary<Rune, int> Placeholders) Merges(SentencePieceModel model)
    {
        var symbols = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int id = 0; id < model.Pieces.Count; id++)
            if (model.Pieces[id].Kind is SentencePieceModel.Kind.Normal or SentencePieceModel.Kind.Unused) symbols[model.Pieces[id].Text] = id;
        var placeholders = new Dictionary<Rune, int>();
        foreach (string text in symbols.Keys.ToArray())
            foreach (Rune rune in text.EnumerateRunes())
                if (symbols.TryAdd(rune.ToString(), model.Pieces.Count + placeholders.Count)) placeholders.Add(rune, model.Pieces.Count + placeholders.Count);

        float[] scores = symbols.Values.Where(id => id < model.Pieces.Count).Select(id => model.Pieces[id].Score).Distinct().OrderDescending().ToArray();
        Dictionary<float, int> rankOf = scores.Select((score, rank) => (score, rank)).ToDictionary(p => p.score, p => p.rank);
        var merges = new MergeTable();
        var lookup = symbols.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach ((string text, int id) in symbols)
        {
            for (int cut = 1; cut < text.Length; cut++)
                if (!char.IsLowSurrogate(text[cut]) && lookup.TryGetValue(text.AsSpan(0, cut), out int left) && lookup.TryGetValue(text.AsSpan(cut), out int right))
                    merges.Add(left, right, rankOf[model.Pieces[id].Score], id);
        }
        return (merges, placeholders);
    }
}
