using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using HeadKvLab.Evaluation.Suites;

namespace HeadKvLab.World;

/// <summary>
/// Conversations on contexts of the world, as SCBench has them: several questions of different families on one context. Families take the turns by a Latin square, row after row
/// (Williams' order: 0, 1, n-1, 2, n-2, ...), so that over n contexts each family stands in each turn once and, where n is even, follows each other one equally often: an effect
/// of the turn is none of the family. Training documents end in questions with their answers, so that the model has seen such texts.
/// <code>{ "id": "scworld-2048-test-c000", "context": "Here are ...", "multi_turns": [ { "input": "who ...?", "answer": "...", "task": "world_hop" }, ... ] }</code>
/// </summary>
public static class WorldSessions
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Makes conversations.</summary>
    /// <param name="split">One of <see cref="WorldSuite.Splits"/>.</param>
    /// <param name="length">Most tokens of a context with its first question and answer.</param>
    /// <param name="contexts">Contexts; a multiple of the families keeps the square whole.</param>
    /// <param name="turns">Turns of each, at most as many as families.</param>
    /// <param name="seed">Seed; another than a suite's of single questions, so that no context is in both.</param>
    /// <param name="families">What is asked; none: <see cref="WorldFamilies.Reported"/>.</param>
    /// <exception cref="LabException">There are more turns than families, or none.</exception>
    public static WorldSuite Make(WorldSplit split, int length, int contexts = 24, int turns = 5, int seed = 1, IReadOnlyList<WorldFamily>? families = null)
    {
        families ??= WorldFamilies.Reported;
        if (turns < 1 || turns > families.Count) throw new LabException($"{turns} turns: a conversation asks each family once at most, and there are {families.Count}; give 1 to {families.Count}");
        var name = $"scworld-{length}-{Names<WorldSplit>.Of(split)}";
        var writer = new ContextWriter(families);
        var made = new List<WorldContext>();
        for (var index = 0L; made.Count < contexts; index++)
        {
            var context = writer.Write(split, seed, ((long)length << 20) + index, length, string.Create(CultureInfo.InvariantCulture, $"{name}-c{made.Count:D3}"));
            if (families.Any(family => context.Questions.All(q => q.Family != family))) continue;
            var asked = Enumerable.Range(0, turns).Select(turn => families[(made.Count + Williams(turn, families.Count)) % families.Count]);
            made.Add(context with { Questions = [.. asked.Select(family => context.Questions.First(q => q.Family == family)).Select((q, turn) => q with { Id = string.Create(CultureInfo.InvariantCulture, $"{context.Id}-t{turn + 1}") })] });
        }
        return new WorldSuite(name, made);
    }

    /// <summary>The conversations as the evaluation takes them: a data set for each family, questions that know their session and turn.</summary>
    /// <param name="suite">What <see cref="Make"/> made.</param>
    public static SampleSuite ToSessions(this WorldSuite suite) => new(suite.Name, [.. suite.Contexts.SelectMany(c => c.Questions.Select((q, i) => (q.Family, Sample: new Sample(q.Id, c.Text, q.Input, [q.Answer]) { Session = c.Id, Turn = i + 1 })))
        .GroupBy(p => p.Family).Select(g => SuiteCatalogue.World(KnownDatasets.Find($"world_{g.Key.Name()}"), [.. g.Select(p => p.Sample)]))]);

    /// <summary>Writes the conversations as SCBench's JSON lines.</summary>
    /// <param name="suite">What <see cref="Make"/> made.</param>
    /// <param name="path">The file.</param>
    public static void SaveSessions(this WorldSuite suite, string path)
    {
        using var file = new StreamWriter(path) { NewLine = "\n" };
        foreach (var context in suite.Contexts)
            file.WriteLine(JsonSerializer.Serialize(new { id = context.Id, context = context.Text, multi_turns = context.Questions.Select(q => new { input = q.Input, answer = q.Answer, task = $"world_{q.Family.Name()}" }) }, Json));
    }

    private static int Williams(int turn, int families) => turn == 0 ? 0 : turn % 2 == 1 ? (turn + 1) / 2 : families - turn / 2;
}
