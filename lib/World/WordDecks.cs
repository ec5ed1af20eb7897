namespace HeadKvLab.World;

/// <summary>
/// The words of one document, every list shuffled anew and cut in two: facts deal from the first part without repeating a word until
/// it is used up, the filler draws from the second part. So the words of an answer are rare in the filler around it, as the words of
/// a needle are in a natural haystack, and yet no word says by itself that it belongs to a fact.
/// With probability <see cref="Overlap"/> the filler draws from the whole list instead.
/// </summary>
internal sealed class WordDecks
{
    private readonly int[][] source;
    private readonly int[][] cards;
    private readonly int[] dealt;
    private readonly int[] factCount;

    /// <summary>Decks over the world's words.</summary>
    public WordDecks(WorldTokenizer tokenizer)
    {
        source = Enumerable.Range(0, WordLists.Kinds).Select(kind => WordLists.Of((WordKind)kind).Select(w => tokenizer.Id(" " + w)).ToArray()).ToArray();
        cards = source.Select(s => s.ToArray()).ToArray();
        dealt = new int[source.Length];
        factCount = source.Select((words, kind) => (WordKind)kind switch
        {
            WordKind.Name or WordKind.Num or WordKind.Job or WordKind.City => words.Length * 7 / 10,
            WordKind.Code or WordKind.Value or WordKind.Label or WordKind.Pass => words.Length,
            WordKind.Prep => words.Length,
            >= WordKind.Animal and <= WordKind.Music => 10,
            _ => words.Length / 2,
        }).ToArray();
        Random = WorldRandom.For(WorldSplit.Train, 0, 0);
    }

    /// <summary>The document's random numbers.</summary>
    public WorldRandom Random { get; private set; }

    /// <summary>Probability that a word of the filler comes from the whole list.</summary>
    public double Overlap { get; private set; }

    /// <summary>Shuffles every list for a new document.</summary>
    public void Reset(WorldRandom random, double overlap)
    {
        (Random, Overlap) = (random, overlap);
        for (var kind = 0; kind < cards.Length; kind++)
        {
            source[kind].CopyTo(cards[kind], 0);
            random.Shuffle<int>(cards[kind]);
        }
        Array.Clear(dealt);
    }

    /// <summary>How many words of a kind can still be dealt without repeating one.</summary>
    public int Left(WordKind kind) => factCount[(int)kind] - dealt[(int)kind];

    /// <summary>A word for a fact.</summary>
    public int Deal(WordKind kind) => cards[(int)kind][dealt[(int)kind]++ % factCount[(int)kind]];

    /// <summary>A word for the filler.</summary>
    public int Filler(WordKind kind)
    {
        var words = cards[(int)kind];
        var first = factCount[(int)kind];
        return first == words.Length || Random.Chance(Overlap) ? words[Random.Below(words.Length)] : words[first + Random.Below(words.Length - first)];
    }

    /// <summary>Notes how far each list was dealt.</summary>
    public void Save(int[] into) => dealt.CopyTo(into, 0);

    /// <summary>Goes back to a noted state.</summary>
    public void Restore(int[] from) => from.CopyTo(dealt, 0);

    /// <summary>Number of lists.</summary>
    public int Kinds => cards.Length;
}
