using System.Text.Json;
using HeadKvLab.Text;

namespace HeadKvLab.Evaluation.Suites;

/// <summary>
/// SCBench's prompts from a file that the user makes of the official script: a JSON object of its dictionaries of templates under their own names. They are used byte for byte,
/// the doubled word of the choice included; <c>{context}</c>, <c>{input}</c>, <c>{question}</c>, <c>{prefix}</c>, <c>{OPTION_A}</c> to <c>{OPTION_D}</c> and <c>{pre_ans}</c> are filled in.
/// </summary>
public sealed class ScBenchTemplates
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "scbench-templates.json";

    private const string FirstTurn = "multiturn_templates", FollowUp = "multiturn_follow_up_templates", Context = "multiturn_templates_scdq", Answer = "{pre_ans}";
    private readonly string _path;
    private readonly JsonElement _all;

    private ScBenchTemplates(string path, JsonElement all) => (_path, _all) = (path, all);

    /// <summary>Reads the file.</summary>
    /// <exception cref="LabException">It is broken, or a dictionary is missing.</exception>
    public static ScBenchTemplates Read(string path)
    {
        var all = StrictJson.ReadFile(path, "make it anew (docs/benchmarks.md)");
        foreach (var name in (string[])[FirstTurn, FollowUp, Context])
            if (!all.TryGetProperty(name, out var value) || value.ValueKind != JsonValueKind.Object) throw new LabException($"{path}: '{name}' must be an object of templates; make the file anew (docs/benchmarks.md)");
        return new(path, all);
    }

    /// <summary>The prompt of the first turn.</summary>
    /// <exception cref="LabException">There is none for the task, or it does not hold the context.</exception>
    public string First(string task) => Holding("{context}", FirstTurn, task, Text(FirstTurn, task, 0));

    /// <summary>What follows an answer.</summary>
    /// <exception cref="LabException">There is none for the task, or it does not begin with the answer.</exception>
    public string Next(string task)
    {
        var text = Text(FollowUp, task, 0);
        return text.StartsWith(Answer, StringComparison.Ordinal) ? text[Answer.Length..] : throw new LabException($"{_path}, {FollowUp}, {task}: it must begin with {Answer}; make the file anew (docs/benchmarks.md)");
    }

    /// <summary>The official prompt of a request, context and question: in math find with the first question in front.</summary>
    /// <exception cref="LabException">There is none for the task.</exception>
    public string Request(string task)
    {
        var context = Holding("{context}", Context, task, Text(Context, task, 0)).Replace("{prefix}", "{first}", StringComparison.Ordinal);
        return context + (_all.GetProperty(Context).GetProperty(task).ValueKind == JsonValueKind.Array ? Text(Context, task, 1) : Next(task).TrimStart('.', '\n'));
    }

    private string Holding(string part, string dictionary, string task, string text) => text.Contains(part, StringComparison.Ordinal) ? text
        : throw new LabException($"{_path}, {dictionary}, {task}: it must hold {part}; make the file anew (docs/benchmarks.md)");

    /// <summary>A template, or one of a pair, with Python's doubled braces as single ones.</summary>
    private string Text(string dictionary, string task, int index)
    {
        if (!_all.GetProperty(dictionary).TryGetProperty(task, out var value)) throw new LabException($"{_path}, {dictionary}: no template for {task}; make the file anew (docs/benchmarks.md)");
        if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > index) value = value[index];
        return value.ValueKind == JsonValueKind.String ? value.GetString()!.Replace("{{", "{", StringComparison.Ordinal).Replace("}}", "}", StringComparison.Ordinal)
            : throw new LabException($"{_path}, {dictionary}, {task}: it must be a text or a pair of texts; make the file anew (docs/benchmarks.md)");
    }
}
