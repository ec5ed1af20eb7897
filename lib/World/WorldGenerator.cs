using System.Runtime.InteropServices;
using HeadKvLab.World.Families;

namespace HeadKvLab.World;

/// <summary>
/// Writes training documents: groups of facts until their share of the tokens is used, filler up to the exact length, all sentences
/// in random order, then the questions with their answers. Document (split, seed, index) is always the same.
/// Not safe for several threads at once: give every worker its own generator.
/// </summary>
public sealed class WorldGenerator
{
    private readonly CompiledGrammar grammar;
    private readonly Scene scene;
    private readonly WorldTokenizer tokenizer = WorldTokenizer.Shared;
    private readonly int stop;

    /// <summary>A generator over the world's tokenizer.</summary>
    public WorldGenerator()
    {
        stop = tokenizer.Stop;
        grammar = new CompiledGrammar(tokenizer);
        scene = new Scene(grammar, new WordDecks(tokenizer));
    }

    /// <summary>Writes one document.</summary>
    /// <param name="options">Length, filler, families, positions.</param>
    /// <param name="split">Use <see cref="WorldSplit.Train"/> for training.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="index">Number of the document in the run.</param>
    public WorldDocument Document(WorldOptions options, WorldSplit split, int seed, long index)
    {
        options.Checked();
        var random = WorldRandom.For(split, seed, index);
        scene.Reset(random, options.Overlap, options.Helpers);
        var opener = grammar.Openers[random.Below(grammar.Openers.Length)];
        var filler = options.FillerFrom + (options.FillerTo - options.FillerFrom) * random.Unit();
        var opening = 1 + opener.Length;
        if (options.Babble > 0 && random.Chance(options.Babble))
        {
            scene.Babble(options.TokensOnce - opening, options.BabbleWords > 0 ? Math.Min(options.BabbleWords, tokenizer.BeginOfText) : tokenizer.BeginOfText);
            return Lay(options, opener);
        }
        AddFacts(options, options.TokensOnce - opening, (int)(options.TokensOnce * (1 - filler)) - opening);
        scene.Fill(options.TokensOnce - opening - scene.ContextSize - scene.QuestionSize);
        scene.Shuffle();
        return Lay(options, opener);
    }

    /// <summary>Adds groups until four in a row did not fit the budget (facts, questions and answers together).</summary>
    private void AddFacts(WorldOptions options, int room, int budget)
    {
        var weights = options.Mix.Weights();
        var total = weights.Sum();
        var questionSize = 0;
        for (var misses = 0; misses < 4;)
        {
            var draw = scene.Random.Unit() * total;
            var family = 0;
            while (family < weights.Length - 1 && draw >= weights[family]) draw -= weights[family++];

            scene.BeginGroup();
            var asked = scene.Questions.Count;
            var written = FactFamilies.All[family].Write(scene);
            while (scene.Questions.Count > options.MaxQuestions) scene.Questions.RemoveAt(asked + scene.Random.Below(scene.Questions.Count - asked));
            var added = 0;
            for (var q = asked; q < scene.Questions.Count; q++) added += Scene.CompleteLength(scene.Questions[q]);
            var used = scene.ContextSize + questionSize + added;
            var first = asked == 0 && misses < 3;
            if (!written || used > (first ? room : budget) || (used < room && used > room - grammar.ShortestFiller))
            {
                scene.DropGroup();
                misses++;
                continue;
            }
            scene.KeepGroup(scene.Random.Chance(options.Together) || FactFamilies.All[family].KeepsOrder);
            questionSize += added;
            if (scene.Questions.Count >= options.MaxQuestions) break;
        }
    }

    /// <summary>Writes the sentences and questions one after the other and marks the answers.</summary>
    private WorldDocument Lay(WorldOptions options, Template opener)
    {
        var ids = new TokenBuffer();
        var starts = new List<int>(scene.Sentences.Count + scene.Questions.Count + 1);
        var answers = new List<AnswerSpan>(scene.Questions.Count);
        ids.Add(tokenizer.BeginOfText);
        starts.Add(ids.Count);
        opener.Write(ids, scene.Decks, fact: false);
        foreach (var (first, count) in scene.Units)
            for (var s = first; s < first + count; s++)
            {
                starts.Add(ids.Count);
                ids.Add(scene.Tokens.Span(scene.Sentences[s].Start, scene.Sentences[s].Length));
            }
        foreach (var question in scene.Questions)
        {
            starts.Add(ids.Count);
            ids.Add(scene.Tokens.Span(question.Start, question.Length));
            answers.Add(new AnswerSpan(ids.Count, Scene.CompleteLength(question) - question.Length, question.Family));
            if (question.Answer.Length == 0) ids.Add(question.Answer.IdOrStart);
            else ids.Add(scene.Tokens.Span(question.Answer.IdOrStart, question.Answer.Length));
            ids.Add(stop);
        }
        if (options.Echo > 0) Echo(options.Tokens, ids, starts, answers);

        var family = new sbyte[ids.Count];
        var firsts = new byte[ids.Count];
        family.AsSpan().Fill(-1);
        foreach (var answer in answers)
        {
            family.AsSpan(answer.Start, answer.Length).Fill((sbyte)answer.Family);
            firsts[answer.Start] = 1;
        }
        return new WorldDocument
        {
            Ids = ids.Span(0, ids.Count).ToArray(),
            Positions = SkipWisePositions.Draw(scene.Random, options, starts),
            Family = family,
            FirstAnswerToken = firsts,
            SentenceStarts = [.. starts],
            Answers = [.. answers],
        };
    }

    /// <summary>Reads sentences of the context once more, in a new order, until the document has its length; what follows the second token of each counts as an answer.</summary>
    private void Echo(int tokens, TokenBuffer ids, List<int> starts, List<AnswerSpan> answers)
    {
        while (ids.Count < tokens)
        {
            scene.Random.Shuffle(CollectionsMarshal.AsSpan(scene.Units));
            foreach (var (first, count) in scene.Units)
                for (var s = first; s < first + count && ids.Count < tokens; s++)
                {
                    var (start, length) = (ids.Count, Math.Min(scene.Sentences[s].Length, tokens - ids.Count));
                    starts.Add(start);
                    ids.Add(scene.Tokens.Span(scene.Sentences[s].Start, length));
                    if (length > 2) answers.Add(new AnswerSpan(start + 2, length - 2, WorldFamily.Echo));
                }
        }
    }
}
