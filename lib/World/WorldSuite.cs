using System.Text.Encodings.Web;
using System.Text.Json.Serialization;
using System.Text.Json;
using HeadKvLab.Evaluation.Suites;

namespace HeadKvLab.World;

/// <summary>
/// An evaluation suite of the world: contexts with questions, in memory or as JSON lines in LongBench's shape
/// (<c>input, context, answers, length, dataset, language, all_classes, _id</c>, and <c>evidence</c>, the sentences from which the answer follows). A context with several questions is repeated on
/// each of their lines, as the shape wants it; loading joins them again, so that one prefill can serve all.
/// </summary>
/// <param name="Name">Name, e.g. "world-2048-test".</param>
/// <param name="Contexts">Contexts in the order of the file.</param>
public sealed record WorldSuite(string Name, IReadOnlyList<WorldContext> Contexts)
{
    /// <summary>The splits that suites are made of.</summary>
    public static IReadOnlyList<WorldSplit> Splits { get; } = [WorldSplit.Validation, WorldSplit.Test];

    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>All questions with their contexts.</summary>
    public IEnumerable<(WorldContext Context, WorldQuestion Question)> Questions => Contexts.SelectMany(c => c.Questions.Select(q => (c, q)));

    /// <summary>Makes a suite.</summary>
    /// <param name="split">One of <see cref="Splits"/>.</param>
    /// <param name="length">Most tokens of a prompt with its answer.</param>
    /// <param name="questionsPerFamily">Questions of each family; later ones are left out.</param>
    /// <param name="seed">Seed; other seeds give other suites of the same split.</param>
    /// <param name="perContext">Most questions of a family on one context: the fewer, the more contexts, and these are what is independent.</param>
    /// <param name="families">What the contexts hold facts of and are asked; none: <see cref="WorldFamilies.Reported"/>.</param>
    public static WorldSuite Make(WorldSplit split, int length, int questionsPerFamily, int seed = 0, int perContext = int.MaxValue, IReadOnlyList<WorldFamily>? families = null)
    {
        families ??= WorldFamilies.Reported;
        var name = $"world-{length}-{Names<WorldSplit>.Of(split)}";
        var writer = new ContextWriter(families);
        var wanted = families.ToDictionary(f => f, _ => questionsPerFamily);
        var contexts = new List<WorldContext>();
        for (var index = 0L; wanted.Values.Any(n => n > 0); index++)
        {
            // Lengths take disjoint ranges of document numbers, so that no two suites share a context.
            var context = writer.Write(split, seed, ((long)length << 20) + index, length, $"{name}-c{index:D3}");
            var questions = context.Questions.GroupBy(q => q.Family).SelectMany(family => family.Take(perContext)).Where(q => wanted[q.Family]-- > 0).ToHashSet();
            if (questions.Count > 0) contexts.Add(context with { Questions = [.. context.Questions.Where(questions.Contains)] });
        }
        return new WorldSuite(name, contexts);
    }

    /// <summary>The suite as the evaluation takes it: a data set for each family.</summary>
    public SampleSuite ToSamples() => new(Name, [.. Questions.GroupBy(q => q.Question.Family).Select(family => SuiteCatalogue.World(KnownDatasets.Find(Record.Prefix + family.Key.Name()),
        [.. family.Select(q => new Sample(q.Question.Id, q.Context.Text, q.Question.Input, [q.Question.Answer]) { Evidence = q.Question.Evidence })]))]);

    /// <summary>The first contexts with the first questions of each: many contexts with few questions are more independent than few with many.</summary>
    /// <param name="contexts">Most contexts.</param>
    /// <param name="perContext">Most questions of each.</param>
    /// <param name="families">Families to keep; none named: all.</param>
    public WorldSuite Take(int contexts, int perContext = int.MaxValue, params IReadOnlyCollection<WorldFamily> families) => this with
    {
        Contexts = [.. Contexts.Select(c => c with { Questions = [.. c.Questions.Where(q => families.Count == 0 || families.Contains(q.Family)).Take(perContext)] }).Where(c => c.Questions.Count > 0).Take(contexts)],
    };

    /// <summary>Only the questions of one family.</summary>
    public WorldSuite Only(WorldFamily family) => new(Name.Replace("world-", $"world_{family.Name()}-"), Contexts
        .Select(c => c with { Questions = c.Questions.Where(q => q.Family == family).ToArray() }).Where(c => c.Questions.Count > 0).ToArray());

    /// <summary>Writes the suite as JSON lines.</summary>
    public void Save(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        using var file = new StreamWriter(path) { NewLine = "\n" };
        foreach (var (context, question) in Questions)
            file.WriteLine(JsonSerializer.Serialize(Record.Of(context, question), Json));
    }

    /// <summary>Reads a suite from JSON lines.</summary>
    /// <exception cref="LabException">The file is missing, empty or not of this world; the message names file and line.</exception>
    public static WorldSuite Load(string path)
    {
        if (!File.Exists(path)) throw new LabException($"{path}: no such suite; make it with 'lab world make'");
        var contexts = new List<(string Text, List<WorldQuestion> Questions)>();
        var places = new Dictionary<string, int>();
        var number = 0;
        foreach (var line in File.ReadLines(path))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line)) continue;
            var (context, question) = Parse(path, number, line);
            if (!places.TryGetValue(context, out var place))
            {
                places[context] = place = contexts.Count;
                contexts.Add((context, []));
            }
            contexts[place].Questions.Add(question);
        }
        if (contexts.Count == 0) throw new LabException($"{path}: the file holds no question; make it anew with 'lab world make'");
        return new WorldSuite(Path.GetFileNameWithoutExtension(path), contexts
            .Select(c => new WorldContext(ContextId(c.Questions[0].Id), c.Text, c.Questions)).ToArray());
    }

    /// <summary>"world-512-test-c003" of "world-512-test-c003-q05".</summary>
    private static string ContextId(string questionId) => questionId.LastIndexOf("-q", StringComparison.Ordinal) is > 0 and var end ? questionId[..end] : questionId;

    private static (string Context, WorldQuestion Question) Parse(string path, int number, string line)
    {
        try
        {
            var record = JsonSerializer.Deserialize<Record>(line, Json);
            if (record is { Input: not null, Context: not null, Answers: [not null, ..], Id: not null }
                && WorldFamilies.All.FirstOrDefault(f => Record.Prefix + f.Name() == record.Dataset, (WorldFamily)(-1)) is >= 0 and var family)
                return (record.Context, new WorldQuestion(record.Id, family, record.Input, record.Answers[0]) { Evidence = record.Evidence ?? [] });
        }
        catch (JsonException e)
        {
            throw new LabException($"{path}, line {number}: not a JSON record ({e.Message}); make the suite anew with 'lab world make'", e);
        }
        throw new LabException($"{path}, line {number}: not a question of the world (input, context, answers, _id and one of the datasets {string.Join(", ", WorldFamilies.All.Select(f => Record.Prefix + f.Name()))} are needed)");
    }

    /// <summary>One line of the file.</summary>
    private sealed record Record(
        [property: JsonPropertyName("input")] string Input,
        [property: JsonPropertyName("context")] string Context,
        [property: JsonPropertyName("answers")] string[] Answers,
        [property: JsonPropertyName("length")] int Length,
        [property: JsonPropertyName("dataset")] string Dataset,
        [property: JsonPropertyName("language")] string Language,
        [property: JsonPropertyName("all_classes")] string[]? AllClasses,
        [property: JsonPropertyName("_id")] string Id,
        [property: JsonPropertyName("evidence"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<string>? Evidence = null)
    {
        public const string Prefix = "world_";

        public static Record Of(WorldContext context, WorldQuestion question) => new(
            question.Input, context.Text, [question.Answer], context.Text.Split(' ').Length, Prefix + question.Family.Name(), "en",
            question.Family == WorldFamily.FewShot ? WordLists.Of(WordKind.Label) : null, question.Id, question.Evidence.Count > 0 ? question.Evidence : null);
    }
}
