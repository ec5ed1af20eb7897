namespace HeadKvLab.World;

/// <summary>The forms of <see cref="Grammar"/> compiled to token ids.</summary>
internal sealed class CompiledGrammar
{
    private readonly WorldTokenizer tokenizer;

    /// <summary>Compiles every form.</summary>
    public CompiledGrammar(WorldTokenizer tokenizer)
    {
        this.tokenizer = tokenizer;
        Phrases = Compile(Grammar.Phrases);
        Passages = Compile(Grammar.Passages);
        Filler = Compile(Grammar.Filler);
        Openers = Compile(Grammar.Openers);
        RoomPhrase = One(Grammar.RoomPhrase);
        Single = Relations(Grammar.Single);
        AskSingle = Relations(Grammar.AskSingle);
        Roles = Grammar.Roles.Select(r => new Role(One(r.Fact), One(r.Who), Relations(r.Ask), r.Key)).ToArray();
        (Holds, AskHolds) = (One(Grammar.Holds), One(Grammar.AskHolds));
        (RoomOf, AskRoomOf, AskRoomOf2) = (One(Grammar.RoomOf), One(Grammar.AskRoomOf), One(Grammar.AskRoomOf2));
        (Labelled, AskLabel) = (One(Grammar.Labelled), One(Grammar.AskLabel));
        (Passage, AskPassage) = (One(Grammar.Passage), One(Grammar.AskPassage));
        (Define, AskCall) = (One(Grammar.Define), One(Grammar.AskCall));
        (Gift, AskGifts, ThingLists) = (One(Grammar.Gift), One(Grammar.AskGifts), Compile(Grammar.ThingLists));
        (Age, AgePhrase, AskAge) = (One(Grammar.Age), One(Grammar.AgePhrase), One(Grammar.AskAge));
        (AskOlder, AskOfOlder) = (Compile(Grammar.AskOlder), Grammar.AskOfOlder.Select(Relations).ToArray());
        (Visit, AskVisits, Times) = (One(Grammar.Visit), One(Grammar.AskVisits), One(Grammar.Times));
        Numbers = WordLists.Of(WordKind.Num).Select(n => tokenizer.Id(" " + n)).ToArray();
        ShortestFiller = Filler.Min(f => f.Length);
        FillerOfLength = Enumerable.Range(0, 2 * ShortestFiller).Select(n => Filler.Where(f => f.Length == n).ToArray()).ToArray();
    }

    /// <summary>How a person is described: the fact, "who is", and the reasoning question per relation.</summary>
    internal sealed record Role(Template Fact, Template Who, Template[] Ask, WordKind Key);

    public Template[] Phrases { get; }
    public Template[] Passages { get; }
    public Template[] Filler { get; }
    public Template[] Openers { get; }
    public Template RoomPhrase { get; }
    public Template[] Single { get; }
    public Template[] AskSingle { get; }
    public Role[] Roles { get; }
    public Template Holds { get; }
    public Template AskHolds { get; }
    public Template RoomOf { get; }
    public Template AskRoomOf { get; }
    public Template AskRoomOf2 { get; }
    public Template Labelled { get; }
    public Template AskLabel { get; }
    public Template Passage { get; }
    public Template AskPassage { get; }
    public Template Define { get; }
    public Template AskCall { get; }
    public Template Gift { get; }
    public Template AskGifts { get; }
    public Template[] ThingLists { get; }
    public Template Age { get; }
    public Template AgePhrase { get; }
    public Template AskAge { get; }
    public Template[] AskOlder { get; }
    public Template[][] AskOfOlder { get; }
    public Template Visit { get; }
    public Template AskVisits { get; }
    public Template Times { get; }

    /// <summary>Ids of the numbers 0 to 99.</summary>
    public int[] Numbers { get; }

    /// <summary>Tokens of the shortest filler sentence.</summary>
    public int ShortestFiller { get; }

    /// <summary>Filler forms by length, for lengths below twice the shortest: they close a document exactly.</summary>
    public Template[][] FillerOfLength { get; }

    private Template One(string form) => new(form, tokenizer);
    private Template[] Compile(string[] forms) => forms.Select(One).ToArray();
    private Template[] Relations(string form) => WordLists.Relations.Select(r => new Template(form, tokenizer, r)).ToArray();
}
