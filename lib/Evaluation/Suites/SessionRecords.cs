using System.Text.Json;

namespace HeadKvLab.Evaluation.Suites;

/// <summary>One turn of a conversation as a file holds it.</summary>
/// <param name="Place">File, line and turn, for messages.</param>
/// <param name="Task">The data set it is scored as; null where the file does not say.</param>
/// <param name="Input">The question.</param>
/// <param name="Answer">The reference answer: a text, a number or a list of texts.</param>
/// <param name="Options">Options of a choice; none elsewhere.</param>
/// <param name="Name">Name of the function that is asked for; empty elsewhere.</param>
public sealed record SessionTurn(string Place, string? Task, string Input, JsonElement Answer, IReadOnlyList<string> Options, string Name)
{
    /// <summary>The answer as one text or number.</summary>
    /// <exception cref="LabException">It is a list, or empty.</exception>
    public string OneAnswer() => Answer.ValueKind switch
    {
        JsonValueKind.String when Answer.GetString()!.Length > 0 => Answer.GetString()!,
        JsonValueKind.Number => Answer.GetRawText(),
        JsonValueKind.Array when Answer.GetArrayLength() == 1 && Answer[0].ValueKind is JsonValueKind.String or JsonValueKind.Number => (this with { Answer = Answer[0] }).OneAnswer(),
        _ => throw new LabException($"{Place}: the answer must be one text or number that is not empty; correct it or leave the session out"),
    };

    /// <summary>The answer as a list of texts; one text is a list of one.</summary>
    /// <exception cref="LabException">It is empty, or something of it is.</exception>
    public IReadOnlyList<string> Answers() => Answer.ValueKind == JsonValueKind.Array && Answer.GetArrayLength() > 0
        ? [.. Answer.EnumerateArray().Select(one => (this with { Answer = one }).OneAnswer())] : [OneAnswer()];
}

/// <summary>A conversation as a file holds it.</summary>
/// <param name="Id">Its name, unique in the file.</param>
/// <param name="Context">The shared text.</param>
/// <param name="Turns">Its questions, at least one.</param>
/// <param name="Repacked">Whether context and questions are whole prompts already, as KVzip packs them.</param>
/// <param name="Repository">The repository of the code; empty where there is none.</param>
public sealed record SessionRecord(string Id, string Context, IReadOnlyList<SessionTurn> Turns, bool Repacked, string Repository);

/// <summary>
/// Reads conversations from JSON lines: SCBench's form, <c>id, context</c> (or <c>input</c>)<c>, multi_turns: [{ input, answer, options?, task?, name? }]</c>, or KVzip's re-packed
/// one, <c>prompts</c> (the context, then the questions) and <c>ground_truth</c>. Fields that are not needed are passed over.
/// </summary>
public static class SessionRecords
{
    /// <summary>Turns of a conversation at most: SCBench's own limit.</summary>
    public const int MostTurns = 5;

    /// <summary>Whether a file holds conversations; false for other JSON lines.</summary>
    public static bool Are(string path) => JsonLines.Read(path).Take(1).Any(line => line.Has("multi_turns") || (line.Has("prompts") && line.Has("ground_truth")));

    /// <summary>Reads a file.</summary>
    /// <param name="path">JSON lines.</param>
    /// <exception cref="LabException">It is missing, empty or broken; the message names line and turn.</exception>
    public static IReadOnlyList<SessionRecord> Read(string path)
    {
        var records = JsonLines.Read(path).Select(Record).ToArray();
        if (records.Length == 0) throw new LabException($"{path}: the file holds no session; each line needs context and multi_turns, or prompts and ground_truth. Get the file again");
        var twice = records.CountBy(r => r.Id).FirstOrDefault(c => c.Value > 1);
        return twice.Key is null ? records : throw new LabException($"{path}: id '{twice.Key}' stands {twice.Value} times; results could not be told apart, leave all but one out");
    }

    private static SessionRecord Record(JsonLine line)
    {
        var repacked = !line.Has("multi_turns");
        if (repacked && !(line.Has("prompts") && line.Has("ground_truth"))) throw Wrong(line, "neither multi_turns nor prompts and ground_truth are there; correct the line or leave it out");
        var turns = repacked ? Repacked(line) : Turns(line);
        if (turns.Count == 0) throw Wrong(line, "the session has no question; leave the line out");
        var context = repacked ? line.Texts("prompts")[0] : line.Text(line.Has("context") ? "context" : "input");
        if (string.IsNullOrWhiteSpace(context)) throw Wrong(line, "the context is empty; correct the line or leave it out");
        return new(Id(line), context, [.. turns.Take(MostTurns)], repacked, line.Has("repo") ? line.Text("repo") : "");
    }

    private static string Id(JsonLine line) => !line.Fields.TryGetProperty("id", out var id) ? $"line-{line.Number}" : id.ValueKind switch
    {
        JsonValueKind.String => id.GetString()!,
        JsonValueKind.Number => id.GetRawText(),
        _ => throw Wrong(line, "field 'id' must be a string or a number; correct the line"),
    };

    private static List<SessionTurn> Turns(JsonLine line)
    {
        if (line.Fields.GetProperty("multi_turns") is not { ValueKind: JsonValueKind.Array } list) throw Wrong(line, "field 'multi_turns' must be a list; correct the line or leave it out");
        var turns = new List<SessionTurn>();
        foreach (var turn in list.EnumerateArray())
        {
            var place = $"{line.Path}, line {line.Number}, turn {turns.Count + 1}";
            if (turn.ValueKind != JsonValueKind.Object) throw new LabException($"{place}: a turn is an object of input and answer; correct the line or leave it out");
            var fields = new JsonLine(place, line.Number, turn);
            if (!turn.TryGetProperty("input", out var input) || input.ValueKind != JsonValueKind.String) throw new LabException($"{place}: field 'input' must be a string; correct the line or leave it out");
            if (!turn.TryGetProperty("answer", out var answer)) throw new LabException($"{place}: there is no answer to be scored against; correct the line or leave it out");
            turns.Add(new(place, fields.Has("task") ? fields.Text("task") : null, input.GetString()!, answer, fields.TextsOrNull("options") ?? [], fields.Has("name") ? fields.Text("name") : ""));
        }
        return turns;
    }

    private static List<SessionTurn> Repacked(JsonLine line)
    {
        var prompts = line.Texts("prompts");
        if (line.Fields.GetProperty("ground_truth") is not { ValueKind: JsonValueKind.Array } truth || prompts.Length != truth.GetArrayLength() + 1)
            throw Wrong(line, $"ground_truth must be a list with an answer for each of the {Math.Max(0, prompts.Length - 1)} questions in prompts; correct the line or leave it out");
        return [.. prompts.Skip(1).Select((question, i) => new SessionTurn($"{line.Path}, line {line.Number}, turn {i + 1}", TaskOf(line, i), question, truth[i], [], ""))];
    }

    /// <summary>Mixed tasks name that of each turn.</summary>
    private static string? TaskOf(JsonLine line, int turn) => line.TextsOrNull("task") is { } tasks && turn < tasks.Length ? tasks[turn] : null;

    private static LabException Wrong(JsonLine line, string what) => new($"{line.Path}, line {line.Number}: {what}");
}
