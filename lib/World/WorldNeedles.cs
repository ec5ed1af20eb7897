using System.Text.Encodings.Web;
using System.Text.Json;

namespace HeadKvLab.World;

/// <summary>
/// Needles and a haystack for scoring heads, in the fields of the published needle files. Retrieval needles (R) are single facts,
/// retrieval-reasoning needles (R2) two candidates of the same form with the two logic sentences that tell them apart.
/// All needles and the haystack's own facts are written as one scene, so that no key is used twice and any needle fits the haystack.
/// </summary>
/// <param name="Retrieval">R needles.</param>
/// <param name="Reasoning">R2 needles.</param>
/// <param name="Haystack">Text without the needles: filler with some facts of other people.</param>
public sealed record WorldNeedles(IReadOnlyList<WorldNeedle> Retrieval, IReadOnlyList<WorldNeedle> Reasoning, string Haystack)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    /// <summary>Makes a set.</summary>
    /// <param name="retrieval">Number of R needles.</param>
    /// <param name="reasoning">Number of R2 needles.</param>
    /// <param name="haystackTokens">Length of the haystack in tokens.</param>
    /// <param name="seed">Seed of the set.</param>
    /// <exception cref="LabException">There are not enough keys for so many needles.</exception>
    public static WorldNeedles Make(int retrieval = 12, int reasoning = 8, int haystackTokens = 16384, int seed = 0)
    {
        var tokenizer = WorldTokenizer.Shared;
        var scene = new Scene(new CompiledGrammar(tokenizer), new WordDecks(tokenizer));
        scene.Reset(WorldRandom.For(WorldSplit.Needles, seed, 0), new WorldOptions().Overlap, helpers: 0);
        var r = Enumerable.Range(0, retrieval).Select(_ => Needle(WorldFamily.Single)).ToArray();
        var r2 = Enumerable.Range(0, reasoning).Select(_ => Needle(WorldFamily.R2Attr)).ToArray();
        var needleSentences = scene.Sentences.Count;
        for (var group = 0; group < 12; group++)
        {
            scene.BeginGroup();
            if (Families.FactFamilies.All[group % 6].Write(scene)) scene.KeepGroup(false);
            else scene.DropGroup();
        }
        var facts = scene.Sentences.Skip(needleSentences).Sum(s => s.Length);
        scene.Fill(haystackTokens - facts);
        scene.Shuffle();
        var haystack = string.Concat(scene.Units.Select(u => Text(scene.Sentences[u.First])));
        return new WorldNeedles(r, r2, haystack.TrimStart());

        WorldNeedle Needle(WorldFamily family)
        {
            for (var attempt = 0; attempt < 50; attempt++)
            {
                scene.BeginGroup();
                var (first, asked) = (scene.Sentences.Count, scene.Questions.Count);
                if (!Families.FactFamilies.All[(int)family].Write(scene) || scene.Sentences.Count - first is not (1 or 4))
                {
                    scene.DropGroup();
                    continue;
                }
                var question = scene.Questions[asked];
                var correct = question.Needle;
                var order = Enumerable.Range(first, scene.Sentences.Count - first).OrderBy(s => s != correct);
                var text = tokenizer.Decode(scene.Tokens.Span(question.Start, question.Length));
                var answer = tokenizer.Decode(scene.Tokens.Span(question.Answer.IdOrStart, question.Answer.Length)).Trim();
                return new WorldNeedle(
                    string.Concat(order.Select(s => Text(scene.Sentences[s]))).Trim(),
                    text[WorldQuestion.Before.Length..^WorldQuestion.After.Length], answer, answer);
            }
            throw new LabException($"{retrieval} retrieval and {reasoning} reasoning needles need more keys than the world has: ask for fewer");
        }

        string Text(Sentence sentence) => tokenizer.Decode(scene.Tokens.Span(sentence.Start, sentence.Length));
    }

    /// <summary>Writes <c>needles-r.jsonl</c>, <c>needles-r2.jsonl</c>, <c>haystack.txt</c> and <c>prompt.txt</c>.</summary>
    public void Save(string folder)
    {
        Directory.CreateDirectory(folder);
        Write("needles-r.jsonl", Retrieval);
        Write("needles-r2.jsonl", Reasoning);
        File.WriteAllText(Path.Combine(folder, "haystack.txt"), Haystack + "\n");
        File.WriteAllText(Path.Combine(folder, "prompt.txt"), "{context}" + WorldQuestion.Before + "{question}" + WorldQuestion.After + "\n");

        void Write(string name, IReadOnlyList<WorldNeedle> needles) =>
            File.WriteAllText(Path.Combine(folder, name), string.Concat(needles.Select(n => JsonSerializer.Serialize(n, Json) + "\n")));
    }
}

/// <summary>A needle in the fields of the published needle files.</summary>
/// <param name="Needle">Sentences to insert; the one with the answer comes first.</param>
/// <param name="Question">The question.</param>
/// <param name="RealNeedle">The words that count as found.</param>
/// <param name="Answer">The expected response.</param>
public sealed record WorldNeedle(string Needle, string Question, string RealNeedle, string Answer);
