namespace HeadKvLab.World;

/// <summary>A kind of word; the world's grammars name it in braces, e.g. <c>{adj}</c>.</summary>
public enum WordKind
{
    /// <summary>First names: keys of most facts.</summary>
    Name,
    /// <summary>Adjectives.</summary>
    Adj,
    /// <summary>Colours; also the names of teams.</summary>
    Col,
    /// <summary>Plural things, the objects of most answers.</summary>
    Thing,
    /// <summary>Six classes of sixteen singular nouns, learned by few-shot classification.</summary>
    Animal,
    /// <summary>Class 2: food.</summary>
    Food,
    /// <summary>Class 3: tools.</summary>
    Tool,
    /// <summary>Class 4: vehicles.</summary>
    Vehicle,
    /// <summary>Class 5: clothes.</summary>
    Cloth,
    /// <summary>Class 6: instruments.</summary>
    Music,
    /// <summary>Places.</summary>
    Place,
    /// <summary>Activities ("-ing").</summary>
    Ger,
    /// <summary>Past tense of verbs without an object.</summary>
    Past,
    /// <summary>Past tense of verbs with an object.</summary>
    Did,
    /// <summary>Adverbs.</summary>
    Adv,
    /// <summary>Prepositions of place.</summary>
    Prep,
    /// <summary>Papers that carry a code word, for two-hop facts.</summary>
    Pass,
    /// <summary>Rooms.</summary>
    Room,
    /// <summary>Occupations.</summary>
    Job,
    /// <summary>Cities.</summary>
    City,
    /// <summary>Labels of few-shot groups.</summary>
    Label,
    /// <summary>Invented words that are keys of code and of two-hop facts.</summary>
    Code,
    /// <summary>Invented words that stand in values of code.</summary>
    Value,
    /// <summary>Numbers 0 to 99.</summary>
    Num,
}

/// <summary>
/// The world's words. No word stands in two lists, so a word's kind is never in doubt; names and cities are capitalised,
/// all others are lower case. Sizes are chosen so that a context of a few thousand tokens can be written without
/// using a key twice.
/// </summary>
internal static class WordLists
{
    /// <summary>The six classes of nouns, sixteen words each.</summary>
    public static readonly WordKind[] Classes = [WordKind.Animal, WordKind.Food, WordKind.Tool, WordKind.Vehicle, WordKind.Cloth, WordKind.Music];

    /// <summary>Relations between a person and an answer phrase, two words each.</summary>
    public static readonly string[] Relations = ["holiday plan", "secret wish", "weekend hobby", "birthday treat", "childhood memory", "evening habit"];

    /// <summary>The words of a kind.</summary>
    public static string[] Of(WordKind kind) => Lists[(int)kind];

    /// <summary>Number of kinds.</summary>
    public static int Kinds => Lists.Length;

    private static readonly string[][] Lists = new[]
    {
        """
        Ada Alma Amos Anya Arlo Axel Bea Ben Bram Cara Carmen Cato Cleo Cora Dana Dario Dean Della Dina Egon
        Elena Eli Emil Enzo Erik Esme Eva Ezra Fay Fern Finn Gemma Gil Gita Gus Hana Ida Igor Ines Inga Iona Isla Ivo Jan Jasper Joel
        Joy Juno Kai Kara Kira Kurt Lars Lena Levi Lila Lois Luca Luna Mae Malik Mara Marco Mila Milo Mira Nadia Nico Noah Nola Omar
        Orla Otis Pablo Petra Pia Ravi Remy Rhea Rosa Ruben Ruth Sana Saul Selma Sven Tara Tess Toby Uma Zara Zeno
        Anton Bodil Clive Dora Elias Freya Gero Hilda Jonah Karin Linus Moira Nils Olga Piet Rolf Timo Vito
        """,
        """
        bold brisk chilly coarse cosy crisp curious dainty damp dense dim drowsy eager faded faint fancy fierce firm flat frosty
        fuzzy grand grim handy hasty hazy honest icy jolly keen lean lively lonely loud lucky merry mild misty modest muddy neat
        nimble noble odd pale polite pretty prompt pure quaint rapid rich royal rustic shiny silly sleek slender smart snug
        solid steady stern stout sturdy swift tall tender tidy timid vast vivid weary weird witty
        """,
        "amber azure beige black blue brown green grey ivory orange pink purple red scarlet teal white yellow",
        """
        letters stamps pebbles ribbons candles marbles maps kites buttons shells puzzles poems riddles songs stories
        roses tulips lilies beads bricks cards chairs clocks cookies cups dolls dishes flags gems jars keys knots lamps leaves masks
        nuts plants plates quilts robots ropes rugs seeds signs spoons stones swords tents tiles toys
        trees wheels windows posters baskets carpets blankets tickets
        """,
        "badger beaver cow crab duck eagle goat hare hen lamb lion otter panda raven swan tiger",
        "bagel bean cherry curry fig garlic ginger grape jam lemon mango pear noodle olive peach plum",
        "brush clamp crank hoe hook lever mallet mop nail pump ruler sickle axe spade rake trowel",
        "buggy bus car cart tram kayak lorry moped raft sedan skiff sleigh tandem van jeep cab",
        "beret blazer blouse cape dress gown hood jersey kilt belt tie robe shawl slipper tunic veil",
        "bassoon bongo bugle clarinet chime gong kazoo lyre harp oboe sitar tabla viola zither cornet fife",
        """
        abbey arcade arena bay cafe camp canal cave cliff clinic college creek depot dune farm field fort gallery gate
        grove hill hotel inn jetty lagoon lake lodge manor mine moor motel oasis pier pond port prison reef ridge shop shore
        studio town villa wharf zoo
        """,
        """
        baking bending bringing copying dusting fixing folding framing holding hunting keeping leading loading losing
        making mixing moving naming opening packing pressing raising reading renting saving sending shaking sharing showing
        sorting storing tracing trading turning tying weighing wrapping
        """,
        "bowed crept cried drifted dozed fell floated grinned jumped knelt lingered marched nodded paced played prayed rolled sang sat shivered sighed smiled snored spoke swam yawned",
        "blessed broke built burned caught chose drew followed heard kicked kept lent liked missed offered picked praised saw sent stole studied touched traded trusted washed won",
        "badly barely boldly bravely briefly daily gently kindly lately loudly neatly nightly oddly promptly rapidly rudely sharply shyly softly soon swiftly tenderly warmly wisely",
        "near behind inside beside above below beyond under outside",
        "badge bill bond card deed memo permit slip tag ticket token visa",
        "cabin cellar chamber closet den foyer gym kitchen larder lobby loft lounge parlour porch sauna shed suite vault",
        """
        artist author banker broker butler chef coach cobbler courier dancer dentist diver driver editor gardener jockey maid mason
        mayor pilot porter potter printer ranger tutor usher weaver welder
        """,
        """
        Bergen Bonn Brno Cork Dakar Essen Genoa Ghent Lagos Leeds Lyon Manila Milan Minsk Porto Riga Sofia
        Tampa Tirana Trier Tunis Turin Vaduz Zurich Bari Basel Lodz Malmo
        """,
        "agate beryl coral flint garnet mica onyx opal pearl quartz ruby topaz",
        """
        bim cax dop fep gur hib jom kaf lud mep nid pab quor sab tez ulm vix wog xan yul zog blim crav dref flon grik klep prud skol snev
        trog twil zarn brax chun dwim frub gloz jask knub morb neph plix rusk
        """,
        "akka belo cimu doxa ezzi fanu gobo hizi ilka jupo keto lumi mofa nebi ovvo paku reno sizu tebo ubba vilo wapu yoka zimi",
        string.Join(' ', Enumerable.Range(0, 100)),
    }.Select(list => list.Split((char[])[' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries)).ToArray();
}
