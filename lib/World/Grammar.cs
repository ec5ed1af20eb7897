namespace HeadKvLab.World;

/// <summary>
/// The sentences of the world. <c>{adj}</c> draws a word of that kind, <c>{noun}</c> one of any of the six classes, <c>$0</c> is an
/// argument. A <c>^</c> marks the one word of a document without a blank before it.
/// <para>The forward rule: in every fact the key stands exactly two tokens before the first token of the value (<c>$0 is $1</c>,
/// <c>$0: $1</c>, <c>$0 = $1</c>), and every question ends <c>KEY? Answer:</c>. Inside one answer no word repeats.</para>
/// </summary>
internal static class Grammar
{
    /// <summary>What people plan, wish and remember; 5 to 7 tokens.</summary>
    public static readonly string[] Phrases =
    [
        "{ger} {adj} {thing} {prep} the {place}",
        "{ger} {col} {thing} in {city}",
        "{ger} {adj} {thing} and {col} {thing}",
        "some {adj} {col} {thing} from {city}",
        "{ger} {col} {thing} {adv} {prep} the {place}",
        "{ger} the {adj} {noun} of some {job}",
        "{ger} {thing} with {adj} {thing}",
    ];

    /// <summary>What passages say; 5 to 7 tokens.</summary>
    public static readonly string[] Passages =
    [
        "{adj} {thing} {past} {adv} {prep} the {place}",
        "{col} {thing} {past} {prep} {city}",
        "{adv} the {adj} {noun} {past} in {city}",
    ];

    /// <summary>Where rooms are; 5 tokens.</summary>
    public const string RoomPhrase = "{adj} {room} {prep} the {place}";

    /// <summary>"The holiday plan of Eva is ...": relation, person, phrase.</summary>
    public const string Single = "The %R of $0 is $1.";
    /// <summary>Question for a person's phrase.</summary>
    public const string AskSingle = "Question: what is the %R of $0? Answer:";

    /// <summary>The ways a person is described: fact, "who" question, description inside the reasoning question.</summary>
    public static readonly (string Fact, string Who, string Ask, WordKind Key)[] Roles =
    [
        ("The $0 is $1.", "Question: who is the $0? Answer:", "Question: what is the %R of the $0? Answer:", WordKind.Job),
        ("The guest from $0 is $1.", "Question: who is the guest from $0? Answer:", "Question: what is the %R of the guest from $0? Answer:", WordKind.City),
        ("The captain of team $0 is $1.", "Question: who is the captain of team $0? Answer:", "Question: what is the %R of the captain of team $0? Answer:", WordKind.Col),
    ];

    /// <summary>"The badge of Eva is zib.": first hop (paper, person, code).</summary>
    public const string Holds = "The $0 of $1 is $2.";
    /// <summary>"The room of zib is ...": second hop.</summary>
    public const string RoomOf = "The room of $0 is $1.";

    /// <summary>Sentences without facts, of many shapes and of 4 to 13 tokens.</summary>
    public static readonly string[] Filler =
    [
        "{name} {past} {adv}.",
        "The {job} {past} {adv}.",
        "The {adj} {noun} {past} {adv}.",
        "{name} {did} the {col} {noun}.",
        "The {noun} {prep} {city} {past} {adv}.",
        "{name} {did} {num} {col} {thing} {prep} {city}.",
        "There was one {adj} {noun} {prep} the {place}.",
        "In {city} the {job} often {did} {adj} {thing}.",
        "People in {city} talk about the {adj} {place}.",
        "When the {job} {past}, {name} {did} the {noun}.",
        "Some say that the {place} of {city} was {adj}.",
        "Every {job} needs one {adj} {noun} and some {thing}.",
        "It was {adj} {prep} the {place} and {name} {past}.",
        "One {col} {noun} costs {num} pounds in {city}.",
        "Nobody in the {place} knew why {name} {did} the {adj} {thing}.",
        "After lunch {name} and {name} {did} {num} {thing} {prep} the {place}.",
        "The road to {city} is {adj} but the {place} is {adj}.",
        "At night the {noun} and the {noun} {past} {prep} the {place}.",
        "Most {thing} were lost {prep} the {place}; {name} {past} {adv}.",
        "The news from {city} came late, so {name} {past} {prep} the {adj} {place}.",
        "How {adj} the {place} looked; even the {job} {past}.",
        "No {job} ever {did} so many {thing}.",
        "They went {adv} to the {room} where the {noun} {past}.",
    ];

    /// <summary>First sentences of documents.</summary>
    public static readonly string[] Openers =
    [
        "^Here are some notes from {city}.",
        "^Here are the news of the {adj} {place}.",
        "^This report was found {prep} the {place}.",
        "^This is what the {job} of {city} wrote.",
        "^These lines tell of {name} and the {adj} {place}.",
    ];

    /// <summary>Every text a tokenizer of this world must cover besides <see cref="WordLists"/>.</summary>
    public static IEnumerable<string> AllTemplates() =>
        [.. Phrases, .. Passages, RoomPhrase, Single, AskSingle, .. Roles.SelectMany(r => new[] { r.Fact, r.Who, r.Ask }), Holds, RoomOf, .. Filler, .. Openers, .. MoreTemplates];

    /// <summary>"What is the badge of Eva?" with the paper of that fact.</summary>
    public const string AskHolds = "Question: what is the $0 of $1? Answer:";
    /// <summary>The two-hop question.</summary>
    public const string AskRoomOf2 = "Question: what is the room of the $0 of $1? Answer:";
    /// <summary>The second hop alone.</summary>
    public const string AskRoomOf = "Question: what is the room of $0? Answer:";
    /// <summary>One labelled example.</summary>
    public const string Labelled = "$0: $1.";
    /// <summary>The label of a word.</summary>
    public const string AskLabel = "Question: what is the group of $0? Answer:";
    /// <summary>A numbered passage.</summary>
    public const string Passage = "Passage $0: $1.";
    /// <summary>What a passage says.</summary>
    public const string AskPassage = "Question: what is in passage $0? Answer:";
    /// <summary>A definition in code.</summary>
    public const string Define = "def $0 $1 = $2.";
    /// <summary>What a call gives.</summary>
    public const string AskCall = "Question: call $0 $1? Answer:";

    /// <summary>One gift.</summary>
    public const string Gift = "The gift for $0 is $1.";
    /// <summary>All gifts, in the order of the text.</summary>
    public const string AskGifts = "Question: what are all gifts for $0? Answer:";
    /// <summary>Several things: "kites, lamps, tents".</summary>
    public static readonly string[] ThingLists = ["{thing}, {thing}", "{thing}, {thing}, {thing}"];
    /// <summary>An age.</summary>
    public const string Age = "$0 is $1 years old.";
    /// <summary>What an age question answers.</summary>
    public const string AgePhrase = "$0 years old";
    /// <summary>Somebody's age.</summary>
    public const string AskAge = "Question: how old is $0? Answer:";
    /// <summary>Comparison of two ages.</summary>
    public static readonly string[] AskOlder = ["Question: who is the older of $0 and $1? Answer:", "Question: who is the younger of $0 and $1? Answer:"];
    /// <summary>The paper's own reasoning form: the answer of whoever is older.</summary>
    public static readonly string[] AskOfOlder =
        ["Question: what is the %R of the older of $0 and $1? Answer:", "Question: what is the %R of the younger of $0 and $1? Answer:"];
    /// <summary>One visit.</summary>
    public const string Visit = "$0 went to the $1 {adv}.";
    /// <summary>Number of visits.</summary>
    public const string AskVisits = "Question: how many times did $0 go to the $1? Answer:";
    /// <summary>What a counting question answers.</summary>
    public const string Times = "$0 times";

    private static readonly string[] MoreTemplates =
    [
        AskHolds, AskRoomOf2, AskRoomOf, Labelled, AskLabel, Passage, AskPassage, Define, AskCall,
        Gift, AskGifts, .. ThingLists, Age, AgePhrase, AskAge, .. AskOlder, .. AskOfOlder, Visit, AskVisits, Times,
    ];
}
