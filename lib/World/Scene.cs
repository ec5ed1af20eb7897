using System.Runtime.InteropServices;

namespace HeadKvLab.World;

/// <summary>A sentence of the context: tokens [Start, Start + Length) of the scene's buffer.</summary>
internal readonly record struct Sentence(int Start, int Length);

/// <summary>A question and its answer (without full stop), and the sentence that holds the answer.</summary>
internal readonly record struct Question(int Start, int Length, Words Answer, WorldFamily Family, int Needle)
{
    /// <summary>The other sentences from which the answer follows.</summary>
    public int[] Beside { get; init; } = [];
}

/// <summary>
/// A document while it is written. Fact families add groups of sentences and questions; a group that does not fit is taken back.
/// Units are what gets shuffled: single sentences, or whole groups that stay together.
/// </summary>
internal sealed class Scene(CompiledGrammar grammar, WordDecks decks)
{
    private readonly int[] savedDecks = new int[decks.Kinds];
    private (int Tokens, int Sentences, int Questions, int Size, int Labelled) saved;
    private int labelled;       // bit k: class k carries a label

    /// <summary>Compiled sentence forms.</summary>
    public CompiledGrammar Grammar => grammar;
    /// <summary>Words of this document.</summary>
    public WordDecks Decks => decks;
    /// <summary>Random numbers of this document.</summary>
    public WorldRandom Random => decks.Random;
    /// <summary>All tokens written, in the order of writing.</summary>
    public TokenBuffer Tokens { get; } = new();
    /// <summary>Sentences of the context.</summary>
    public List<Sentence> Sentences { get; } = [];
    /// <summary>Questions with answers.</summary>
    public List<Question> Questions { get; } = [];
    /// <summary>What is shuffled: first sentence and number of sentences.</summary>
    public List<(int First, int Count)> Units { get; } = [];
    /// <summary>Probability of a helper question.</summary>
    public double Helpers { get; private set; }
    /// <summary>Tokens of all sentences.</summary>
    public int ContextSize { get; private set; }
    /// <summary>Tokens of all questions and answers.</summary>
    public int QuestionSize => Questions.Sum(CompleteLength);

    /// <summary>Starts a new document.</summary>
    public void Reset(WorldRandom random, double overlap, double helpers)
    {
        decks.Reset(random, overlap);
        Helpers = helpers;
        Tokens.Truncate(0);
        Sentences.Clear();
        Questions.Clear();
        Units.Clear();
        labelled = 0;
        ContextSize = 0;
    }

    /// <summary>Notes the state before a group of facts.</summary>
    public void BeginGroup()
    {
        decks.Save(savedDecks);
        saved = (Tokens.Count, Sentences.Count, Questions.Count, ContextSize, labelled);
    }

    /// <summary>Takes the last group back.</summary>
    public void DropGroup()
    {
        decks.Restore(savedDecks);
        Tokens.Truncate(saved.Tokens);
        Sentences.RemoveRange(saved.Sentences, Sentences.Count - saved.Sentences);
        Questions.RemoveRange(saved.Questions, Questions.Count - saved.Questions);
        ContextSize = saved.Size;
        labelled = saved.Labelled;
    }

    /// <summary>Keeps the last group, in one piece or as single sentences.</summary>
    public void KeepGroup(bool together)
    {
        if (together) Units.Add((saved.Sentences, Sentences.Count - saved.Sentences));
        else for (var s = saved.Sentences; s < Sentences.Count; s++) Units.Add((s, 1));
    }

    /// <summary>Writes words that a sentence and an answer will share.</summary>
    public Words Phrase(Template form, params ReadOnlySpan<Words> arguments)
    {
        var start = Tokens.Count;
        form.Write(Tokens, decks, fact: true, arguments);
        return new Words(start, Tokens.Count - start);
    }

    /// <summary>Writes one of several forms.</summary>
    public Words Phrase(Template[] forms) => Phrase(forms[Random.Below(forms.Length)]);

    /// <summary>Adds a fact; returns its number.</summary>
    public int Fact(Template form, params ReadOnlySpan<Words> arguments) => Add(form, fact: true, arguments);

    /// <summary>Whether a class of nouns already carries a label in this document.</summary>
    public bool IsLabelled(WordKind nouns) => (labelled >> (int)nouns & 1) != 0;

    /// <summary>Notes that a class of nouns carries a label.</summary>
    public void MarkLabelled(WordKind nouns) => labelled |= 1 << (int)nouns;

    /// <summary>Adds filler sentences of exactly this many tokens in all; possible for 0 and from the shortest sentence on.</summary>
    public void Fill(int tokens)
    {
        while (tokens > 0)
        {
            var form = tokens < 2 * grammar.ShortestFiller
                ? grammar.FillerOfLength[tokens][Random.Below(grammar.FillerOfLength[tokens].Length)]
                : grammar.Filler[Random.Below(grammar.Filler.Length)];
            var left = tokens - form.Length;
            if (left != 0 && left < grammar.ShortestFiller) continue;
            Units.Add((Sentences.Count, 1));
            Add(form, fact: false, []);
            tokens = left;
        }
    }

    /// <summary>Adds sentences of 4 to 12 random ids below <paramref name="vocabulary"/>, this many tokens in all (the last may be shorter).</summary>
    public void Babble(int tokens, int vocabulary)
    {
        while (tokens > 0)
        {
            var (start, length) = (Tokens.Count, Math.Min(tokens, 4 + Random.Below(9)));
            for (var i = 0; i < length; i++) Tokens.Add(Random.Below(vocabulary));
            Units.Add((Sentences.Count, 1));
            Sentences.Add(new Sentence(start, length));
            (ContextSize, tokens) = (ContextSize + length, tokens - length);
        }
    }

    /// <summary>Puts the sentences and the questions in random order.</summary>
    public void Shuffle()
    {
        Random.Shuffle(CollectionsMarshal.AsSpan(Units));
        Random.Shuffle(CollectionsMarshal.AsSpan(Questions));
    }

    /// <summary>Adds a question.</summary>
    public void Ask(Template form, WorldFamily family, Words answer, int needle, params ReadOnlySpan<Words> arguments)
    {
        var start = Tokens.Count;
        form.Write(Tokens, decks, fact: true, arguments);
        Questions.Add(new Question(start, Tokens.Count - start, answer, family, needle));
    }

    /// <summary>Names the other sentences from which the answer to the last question follows.</summary>
    public void Follows(params int[] sentences) => Questions[^1] = Questions[^1] with { Beside = sentences };

    /// <summary>Tokens of a question with its answer and full stop.</summary>
    public static int CompleteLength(Question question) => question.Length + Math.Max(1, question.Answer.Length) + 1;

    private int Add(Template form, bool fact, ReadOnlySpan<Words> arguments)
    {
        var start = Tokens.Count;
        form.Write(Tokens, decks, fact, arguments);
        Sentences.Add(new Sentence(start, Tokens.Count - start));
        ContextSize += Tokens.Count - start;
        return Sentences.Count - 1;
    }
}
