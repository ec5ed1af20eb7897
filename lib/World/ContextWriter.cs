using HeadKvLab.World.Families;

namespace HeadKvLab.World;

/// <summary>
/// Writes evaluation contexts: every context holds facts of all families that are asked for, so that each question has distractors of its own form
/// and of others; the rest is filler, and the sentences stand in random order. Questions come apart from the context, one prompt each.
/// </summary>
internal sealed class ContextWriter(IReadOnlyList<WorldFamily> families)
{
    /// <summary>Tokens left free for the longest question with its answer.</summary>
    public const int QuestionRoom = 32;

    private const double LargestFactShare = 0.45;
    private const int MostFactTokens = 340;

    private readonly WorldTokenizer tokenizer = WorldTokenizer.Shared;
    private readonly Scene scene = new(new CompiledGrammar(WorldTokenizer.Shared), new WordDecks(WorldTokenizer.Shared));
    private readonly IFactFamily[] writers = [.. families.Select(FactFamilies.Of)];
    private readonly double[] extra = [.. families.Select(family => family == WorldFamily.R2Attr ? 3.0 : 1)];     // further groups after one of each family

    /// <summary>Writes one context whose prompts have at most <paramref name="length"/> tokens, answer included.</summary>
    public WorldContext Write(WorldSplit split, int seed, long index, int length, string id)
    {
        if (length < 384) throw new LabException($"context length {length}: facts and questions need at least 384 tokens");
        var random = WorldRandom.For(split, seed, index);
        scene.Reset(random, new WorldOptions().Overlap, helpers: 0);
        var openers = scene.Grammar.Openers;
        var opener = openers[random.Below(openers.Length)];
        var room = length - QuestionRoom - 1 - opener.Length;
        AddFacts(Math.Min(MostFactTokens, (int)(LargestFactShare * room)), room - scene.Grammar.ShortestFiller);
        scene.Fill(room - scene.ContextSize);
        scene.Shuffle();

        var ids = new TokenBuffer();
        opener.Write(ids, scene.Decks, fact: false);
        foreach (var (first, count) in scene.Units)
            for (var s = first; s < first + count; s++)
                ids.Add(scene.Tokens.Span(scene.Sentences[s].Start, scene.Sentences[s].Length));
        var questions = scene.Questions
            .Where(q => families.Contains(q.Family))
            .Select((q, n) => new WorldQuestion($"{id}-q{n:D2}", q.Family, Input(q), Answer(q)) { Evidence = Evidence(q) }).ToArray();
        return new WorldContext(id, tokenizer.Decode(ids.Span(0, ids.Count)), questions);
    }

    /// <summary>Adds a group of each family, of many families as many as there is room for, and more of them within the budget.</summary>
    private void AddFacts(int budget, int room)
    {
        int[] order = [.. Enumerable.Range(0, writers.Length)];
        scene.Random.Shuffle<int>(order);
        foreach (var family in order)
        {
            scene.BeginGroup();
            if (writers[family].Write(scene) && scene.ContextSize <= room) scene.KeepGroup(scene.Random.Chance(0.25) || writers[family].KeepsOrder);
            else scene.DropGroup();
        }
        for (var misses = 0; misses < 4;)
        {
            var draw = scene.Random.Unit() * extra.Sum();
            var family = 0;
            while (family < extra.Length - 1 && draw >= extra[family]) draw -= extra[family++];
            scene.BeginGroup();
            if (writers[family].Write(scene) && scene.ContextSize <= budget) scene.KeepGroup(scene.Random.Chance(0.25) || writers[family].KeepsOrder);
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

    /// <summary>The sentences from which the answer follows, in the order of the text; equal ones once.</summary>
    private string[] Evidence(Question question) => [.. scene.Units.SelectMany(unit => Enumerable.Range(unit.First, unit.Count)).Where(s => s == question.Needle || question.Beside.Contains(s))
        .Select(s => tokenizer.Decode(scene.Tokens.Span(scene.Sentences[s].Start, scene.Sentences[s].Length)).Trim()).Distinct()];

    private string Answer(Question question) => question.Answer.Length == 0
        ? tokenizer.Decode([question.Answer.IdOrStart]).Trim()
        : tokenizer.Decode(scene.Tokens.Span(question.Answer.IdOrStart, question.Answer.Length)).Trim();
}
