using HeadKvLab.Training.World.Families;

namespace HeadKvLab.Training.World;

/// <summary>
/// Writes evaluation contexts: every context holds facts of all six families, so that each question has distractors of its own form
/// and of others; the rest is filler, and the sentences stand in random order. Questions come apart from the context, one prompt each.
/// </summary>
internal sealed class ContextWriter
{
    /// <summary>Tokens left free for the longest question with its answer.</summary>
    public const int QuestionRoom = 32;

    private const double LargestFactShare = 0.45;
    private const int MostFactTokens = 340;
    private static readonly double[] Extra = [1, 3, 1, 1, 1, 1];     // further groups after one of each family

    private readonly WorldTokenizer tokenizer = WorldTokenizer.Shared;
    private readonly Scene scene;

    /// <summary>A writer over the world's tokenizer.</summary>
    public ContextWriter() => scene = new Scene(new CompiledGrammar(tokenizer), new WordDecks(tokenizer));

    /// <summary>Writes one context whose prompts have at most <paramref name="length"/> tokens, answer included.</summary>
    public WorldContext Write(WorldSplit split, int seed, long index, int length, string id)
    {
        if (length < 384) throw new LabException($"context length {length}: facts of all six families need at least 384 tokens");
        var random = WorldRandom.For(split, seed, index);
        scene.Reset(random, new WorldOptions().Overlap, helpers: 0);
        var openers = scene.Grammar.Openers;
        var opener = openers[random.Below(openers.Length)];
        var room = length - QuestionRoom - 1 - opener.Length;
        AddFacts(Math.Min(MostFactTokens, (int)(LargestFactShare * room)));
        scene.Fill(room - scene.ContextSize);
        scene.Shuffle();

        var ids = new TokenBuffer();
        opener.Write(ids, scene.Decks, fact: false);
        foreach (var (first, count) in scene.Units)
            for (var s = first; s < first + count; s++)
                ids.Add(scene.Tokens.Span(scene.Sentences[s].Start, scene.Sentences[s].Length));
        var questions = scene.Questions
            .Where(q => WorldFamilies.Reported.Contains(q.Family))
            .Select((q, n) => new WorldQuestion($"{id}-q{n:D2}", q.Family, Input(q), Answer(q))).ToArray();
        return new WorldContext(id, tokenizer.Decode(ids.Span(0, ids.Count)), questions);
    }

    private void AddFacts(int budget)
    {
        int[] order = [0, 1, 2, 3, 4, 5];
        scene.Random.Shuffle<int>(order);
        foreach (var family in order)
        {
            scene.BeginGroup();
            FactFamilies.All[family].Write(scene);
            scene.KeepGroup(scene.Random.Chance(0.25));
        }
        for (var misses = 0; misses < 4;)
        {
            var draw = scene.Random.Unit() * Extra.Sum();
            var family = 0;
            while (family < Extra.Length - 1 && draw >= Extra[family]) draw -= Extra[family++];
            scene.BeginGroup();
            if (FactFamilies.All[family].Write(scene) && scene.ContextSize <= budget) scene.KeepGroup(scene.Random.Chance(0.25));
            else
            {
                scene.DropGroup();
                misses++;
            }
        }
    }

    private string Input(Question question)
    {
        var text = tokenizer.Decode(scene.Tokens.Span(question.Start, question.Length));
        return text[WorldQuestion.Before.Length..^WorldQuestion.After.Length];
    }

    private string Answer(Question question) => question.Answer.Length == 0
        ? tokenizer.Decode([question.Answer.IdOrStart]).Trim()
        : tokenizer.Decode(scene.Tokens.Span(question.Answer.IdOrStart, question.Answer.Length)).Trim();
}
