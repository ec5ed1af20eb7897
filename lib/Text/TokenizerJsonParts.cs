using System.Text.Json;

namespace HeadKvLab.Text;

/// <summary>Reads the parts of a <c>tokenizer.json</c> around its model; a type not listed here is refused by name.</summary>
internal static class TokenizerJsonParts
{
    /// <summary>GPT-2's pattern, which ByteLevel uses when no other is given.</summary>
    public const string Gpt2Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <summary>What decoding does with a token's text.</summary>
    public sealed record Decoding(bool ByteLevel = false, bool ByteFallback = false, string? Replaced = null, bool DropsLeadingBlank = false);

    /// <summary>Reads the normalizer; null when there is none.</summary>
    public static INormalizer? Normalizer(JsonPlace place)
    {
        if (!place.Exists) return null;
        switch (place["type"].Text())
        {
            case "NFC":
                return new NfcNormalizer();
            case "NFKC":
                return new NfcNormalizer(compatible: true);
            case "Prepend":
                return new PrependNormalizer(place["prepend"].Text());
            case "Replace":
                return Pattern(place["pattern"], out string? text) is CodePointRegex regex
                    ? new ReplacePatternNormalizer(regex, place["content"].Text())
                    : new ReplaceNormalizer(text!, place["content"].Text());
            case "Sequence":
                return new SequenceNormalizer(place["normalizers"].NeededItems().Select(step => Normalizer(step) ?? throw step.Bad("is null")).ToArray());
            case var other:
                throw place.Bad($"is a normalizer of type '{other}'; known are NFC, NFKC, Prepend, Replace and Sequence: use a model with another tokenizer");
        }
    }

    /// <summary>Reads the pre-tokenizer, and whether it ends in bytes.</summary>
    public static (IPreTokenizer? Cutter, bool ByteLevel) PreTokenizer(JsonPlace place)
    {
        var steps = new List<IPreTokenizer>();
        bool byteLevel = false;
        Collect(place);
        return (steps.Count switch { 0 => null, 1 => steps[0], _ => new SequencePreTokenizer(steps) }, byteLevel);

        void Collect(JsonPlace step)
        {
            if (!step.Exists) return;
            string type = step["type"].Text();
            if (byteLevel) throw step.Bad($"is a pre-tokenizer '{type}' after ByteLevel, which is not supported");
            switch (type)
            {
                case "Sequence":
                    foreach (JsonPlace inner in step["pretokenizers"].NeededItems()) Collect(inner);
                    break;
                case "ByteLevel":
                    if (ByteLevelPrefix(step)) steps.Add(new PrefixSpacePreTokenizer());
                    if (step["use_regex"].FlagOr(true)) steps.Add(Cutter(new CodePointRegex(Name(step), Gpt2Pattern).Matches, SplitBehavior.Isolated, false));
                    byteLevel = true;
                    break;
                case "Split":
                    CodePointRegex? regex = Pattern(step["pattern"], out string? text);
                    string behavior = step["behavior"].Text();
                    if (!Enum.TryParse(behavior, out SplitBehavior known) || char.IsDigit(behavior[0])) throw step.Bad($"has the behaviour '{behavior}', which is not known");
                    steps.Add(Cutter(regex is null ? SplitPreTokenizer.Fixed(text!) : regex.Matches, known, step["invert"].Flag()));
                    break;
                case "Digits":
                    string digits = step["individual_digits"].Flag() ? @"\p{N}" : @"\p{N}+";
                    steps.Add(Cutter(new CodePointRegex(Name(step), digits).Matches, SplitBehavior.Isolated, false));
                    break;
                case "Whitespace":
                    steps.Add(Cutter(WordCharacters.Words, SplitBehavior.Removed, true));
                    break;
                case "WhitespaceSplit":
                    steps.Add(Cutter(WordCharacters.Unspaced, SplitBehavior.Removed, true));
                    break;
                case "Metaspace":
                    steps.Add(Metaspace(step));
                    break;
                default:
                    throw step.Bad($"is a pre-tokenizer of type '{type}'; known are ByteLevel, Split, Digits, Metaspace, Whitespace, WhitespaceSplit and Sequence: use a model with another tokenizer");
            }
        }

        static SplitPreTokenizer Cutter(Action<ReadOnlySpan<char>, List<(int, int)>> find, SplitBehavior behavior, bool invert) => new(find, behavior, invert);
    }

    /// <summary>Reads the ids put before and after a text.</summary>
    public static (int[] Before, int[] After) PostProcessor(JsonPlace place, Vocabulary vocabulary)
    {
        if (!place.Exists) return ([], []);
        switch (place["type"].Text())
        {
            case "ByteLevel":
                ByteLevelPrefix(place);
                return ([], []);
            case "Sequence":
                int[] before = [], after = [];
                foreach (JsonPlace step in place["processors"].NeededItems())
                {
                    (int[] stepBefore, int[] stepAfter) = PostProcessor(step, vocabulary);
                    (before, after) = ([.. stepBefore, .. before], [.. after, .. stepAfter]);
                }
                return (before, after);
            case "TemplateProcessing":
                return Template(place, vocabulary);
            case var other:
                throw place.Bad($"is a post-processor of type '{other}'; known are TemplateProcessing, ByteLevel and Sequence: use a model with another tokenizer");
        }
    }

    /// <summary>Reads the decoder.</summary>
    public static Decoding Decoder(JsonPlace place)
    {
        if (!place.Exists) return new Decoding();
        switch (place["type"].Text())
        {
            case "ByteLevel":
                ByteLevelPrefix(place);
                return new Decoding(ByteLevel: true);
            case "ByteFallback":
                return new Decoding(ByteFallback: true);
            case "Fuse":
                return new Decoding();
            case "Metaspace":
                return new Decoding(Replaced: place["replacement"].TextOr("▁"), DropsLeadingBlank: Scheme(place) != MetaspacePreTokenizer.Prepend.Never);
            case "Replace" when place["pattern"]["String"].Exists && place["content"].Text() == " ":
                return new Decoding(Replaced: place["pattern"]["String"].Text());
            case "Strip" when place["content"].Text() == " " && place["start"].Integer() == 1 && place["stop"].Integer() == 0:
                return new Decoding(DropsLeadingBlank: true);
            case "Sequence":
                var whole = new Decoding();
                bool fused = false;
                foreach (JsonPlace step in place["decoders"].NeededItems())
                {
                    string type = step["type"].Text();
                    if (type == "Strip" && !fused) throw step.Bad("strips every token: only 'Strip' after 'Fuse' is supported");
                    if (whole.ByteLevel || (fused && type != "Strip")) throw step.Bad($"is a decoder '{type}' where none can stand");
                    Decoding one = Decoder(step);
                    fused |= type == "Fuse";
                    whole = new Decoding(whole.ByteLevel || one.ByteLevel, whole.ByteFallback || one.ByteFallback,
                        one.Replaced ?? whole.Replaced, whole.DropsLeadingBlank || one.DropsLeadingBlank);
                }
                return whole;
            case var other:
                throw place.Bad($"is a decoder '{other}' in a form that is not supported; known are ByteLevel, Metaspace and the sequence Replace, ByteFallback, Fuse, Strip");
        }
    }

    private static MetaspacePreTokenizer Metaspace(JsonPlace place)
    {
        string replacement = place["replacement"].Text();
        if (replacement.Length != 1) throw place["replacement"].Bad($"is '{replacement}', not one character");
        return new MetaspacePreTokenizer(replacement[0], Scheme(place), place["split"].FlagOr(true));
    }

    private static MetaspacePreTokenizer.Prepend Scheme(JsonPlace place) => place["prepend_scheme"].TextOr(place["add_prefix_space"].FlagOr(true) ? "always" : "never") switch
    {
        "always" => MetaspacePreTokenizer.Prepend.Always,
        "first" => MetaspacePreTokenizer.Prepend.First,
        "never" => MetaspacePreTokenizer.Prepend.Never,
        string other => throw place["prepend_scheme"].Bad($"is '{other}'; known are always, first and never"),
    };

    private static (int[] Before, int[] After) Template(JsonPlace place, Vocabulary vocabulary)
    {
        var before = new List<int>();
        var after = new List<int>();
        bool seen = false;
        foreach (string form in (string[])["single", "pair"])
            foreach (JsonPlace part in place[form].NeededItems())
                Piece(part);
        foreach (JsonPlace part in place["single"].Items())
        {
            if (part["Sequence"].Exists)
            {
                if (seen || part["Sequence"]["id"].Text() != "A") throw part.Bad("should hold the text 'A' once");
                seen = true;
                continue;
            }
            JsonPlace token = part["SpecialToken"];
            if (!token.Exists) throw part.Bad("is neither a Sequence nor a SpecialToken");
            JsonPlace ids = place["special_tokens"][token["id"].Text()]["ids"];
            if (!ids.Exists) throw token.Bad($"names '{token["id"].Text()}', which special_tokens does not list");
            foreach (JsonPlace id in ids.Items())
            {
                try
                {
                    vocabulary.TextOf(id.Integer());
                }
                catch (LabException error)
                {
                    throw new LabException(id.Bad($"is {id.Integer()}, the id of no token: the file is damaged: download it again").Message, error);
                }
                (seen ? after : before).Add(id.Integer());
            }
        }
        if (!seen) throw place["single"].Bad("does not hold the text 'A'");
        return (before.ToArray(), after.ToArray());
    }

    // A piece is {"Sequence": {"id": "A", "type_id": 0}} or the same as "SpecialToken".
    private static void Piece(JsonPlace part)
    {
        (string Name, JsonPlace Value)[] members = [.. part.Members()];
        if (members.Length != 1 || members[0].Name is not ("Sequence" or "SpecialToken")) throw part.Bad("is neither a Sequence nor a SpecialToken");
        JsonPlace inner = members[0].Value;
        if (inner["type_id"].Integer() < 0) throw inner["type_id"].Bad("is below 0");
        if (inner["id"].Text() is not ("A" or "B") && members[0].Name == "Sequence") throw inner["id"].Bad("is neither 'A' nor 'B'");
    }

    private static bool ByteLevelPrefix(JsonPlace place)
    {
        place["trim_offsets"].Flag();
        if (place["use_regex"].Given) place["use_regex"].Flag();
        return place["add_prefix_space"].Flag();
    }

    /// <summary>Whether a part, or one inside it, is of a type.</summary>
    public static bool Holds(JsonPlace place, string type) => place.Exists && (place["type"].Text() == type || place["normalizers"].Items().Any(inner => Holds(inner, type)));

    private static CodePointRegex? Pattern(JsonPlace place, out string? text)
    {
        text = place["String"].Exists ? place["String"].Text() : null;
        if (text is { Length: 0 }) throw place.Bad("is empty");
        if (text is not null) return null;
        return place["Regex"].Exists ? new CodePointRegex(Name(place), place["Regex"].Text()) : throw place.Bad("should hold a String or a Regex");
    }

    private static string Name(JsonPlace place) => $"{place.File}: {place.Path.TrimStart('.')}";
}
