using System.Text.RegularExpressions;
using HeadKvLab.Evaluation.Metrics;

namespace HeadKvLab.Evaluation.Suites;

/// <summary>
/// SCBench (Li et al., arXiv 2412.10319): one long context, several questions. Files in its own form or KVzip's; prompts from a file made of the official script (docs/benchmarks.md).
/// <c>scbench-kv</c> is scored as the official script does, with a corrected score beside it where that has a defect (<see cref="ScBenchMetrics"/>). <c>scbench-kv-official</c>
/// has the official prompts of requests as well: no blank line between context and question, and in math find the first question in front of the context, where it tells the
/// compressor what will be asked. A file of sessions whose turns name families of the world needs no prompts.
/// </summary>
public static partial class ScBench
{
    private const string Source = "download the JSON lines of microsoft/SCBench, make scbench-templates.json (docs/benchmarks.md) and give their folder with --data";
    private const string Prefix = "scbench-", Official = "-official", Mixed = "scbench_";

    /// <summary>Its tasks, with the parts of the mixed ones.</summary>
    public static IReadOnlyList<DatasetInfo> Datasets { get; } =
    [
        new("scbench_kv", "string retrieval", 150, "scbench_contained"), new("scbench_prefix_suffix", "string retrieval", 150, "scbench_contained"), new("scbench_vt", "string retrieval", 30, "scbench_vt_official"),
        new("scbench_repoqa", "semantic retrieval", 1024, "scbench_repoqa"), new("scbench_qa_eng", "semantic retrieval", 40, "scbench_qa_official"), new("scbench_qa_chn", "semantic retrieval", 40, "qa_f1_zh_characters"), new("scbench_choice_eng", "semantic retrieval", 40, "scbench_choice_official"),
        new("scbench_mf", "global information", 5, "scbench_number_official"), new("scbench_many_shot", "global information", 10, "scbench_many_shot_official"), new("scbench_summary", "global information", 200, "rouge_lsum"),
        new("scbench_summary_with_needles.summary", "multi-task", 800, "rouge_lsum"), new("scbench_summary_with_needles.passkey", "multi-task", 15, "scbench_passkey"),
        new("scbench_repoqa_and_kv.repoqa", "multi-task", 1024, "scbench_repoqa"), new("scbench_repoqa_and_kv.kv", "multi-task", 80, "scbench_contained"),
    ];

    /// <summary>Names of files, without <c>.jsonl</c>.</summary>
    public static IReadOnlyList<string> Tasks { get; } = [.. Datasets.Select(d => d.Name.Split('.')[0]).Distinct()];

    /// <summary>Names of suites: <c>scbench-kv</c> and so on.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Tasks.Select(task => Prefix + task[Mixed.Length..].Replace('_', '-'))];

    /// <summary>Whether a suite is called so.</summary>
    public static bool IsName(string name) => Names.Contains(Plain(name));

    /// <summary>Opens a task of a download.</summary>
    /// <param name="name">One of <see cref="Names"/>, alone or with <c>-official</c>.</param>
    /// <param name="folder">The download.</param>
    /// <exception cref="LabException">A file is missing or broken.</exception>
    public static SampleSuite Open(string name, DataFolder folder)
    {
        var task = Tasks[Names.ToList().IndexOf(Plain(name))];
        return Read(name, folder.Need(task + ".jsonl", Source), task, folder);
    }

    /// <summary>Reads a file of sessions.</summary>
    /// <param name="name">Name in results.</param>
    /// <param name="path">JSON lines.</param>
    /// <param name="task">Scored as this task where turns name none; null: they all must.</param>
    /// <param name="folder">Holds the prompts.</param>
    /// <exception cref="LabException">It is broken, or a turn names no task; the message names line and turn.</exception>
    public static SampleSuite Read(string name, string path, string? task, DataFolder folder)
    {
        var records = SessionRecords.Read(path);
        var templates = new Lazy<ScBenchTemplates>(() => ScBenchTemplates.Read(folder.Need(ScBenchTemplates.FileName, Source)));
        var official = name.EndsWith(Official, StringComparison.Ordinal);
        var needles = records.SelectMany(r => r.Turns.Where(t => t.Name.Length > 0).Select(t => (r.Repository, Code: t.OneAnswer()))).ToLookup(p => p.Repository, p => p.Code);
        var made = from record in records
                   from turn in record.Turns.Select((turn, i) => (Value: turn, Number: i + 1))
                   let dataset = DatasetOf(task, turn.Value)
                   select (Dataset: dataset, record.Repacked, Sample: Of(dataset, record, turn.Value, turn.Number, needles));
        return new SampleSuite(name, [.. made.GroupBy(m => (m.Dataset, m.Repacked)).Select(g => Set(g.Key.Dataset, g.Key.Repacked, [.. g.Select(m => m.Sample)], templates, official))]).Checked();
    }

    private static string Plain(string name) => name.EndsWith(Official, StringComparison.Ordinal) ? name[..^Official.Length] : name;

    private static DatasetInfo DatasetOf(string? task, SessionTurn turn)
    {
        var name = turn.Task is null ? task : task is null || task == turn.Task || turn.Task.StartsWith("world_", StringComparison.Ordinal) ? turn.Task : $"{task}.{turn.Task[(turn.Task.StartsWith(Mixed, StringComparison.Ordinal) ? Mixed.Length : 0)..]}";
        if (name is null || Tasks.Contains(name) && Datasets.All(d => d.Name != name))
            throw new LabException($"{turn.Place}: it does not say by which task it is scored; name it in the field 'task', or call the file as SCBench does, for example scbench_kv.jsonl");
        return Datasets.FirstOrDefault(d => d.Name == name) ?? (name.StartsWith("world_", StringComparison.Ordinal) ? KnownDatasets.Find(name) : throw new LabException($"{turn.Place}: task '{name}' is unknown; use one of {string.Join(", ", Datasets.Select(d => d.Name))}, or a family of the world"));
    }

    private static Sample Of(DatasetInfo dataset, SessionRecord record, SessionTurn turn, int number, ILookup<string, string> needles)
    {
        var list = dataset.Metric is "scbench_vt_official" or "scbench_qa_official" or "qa_f1_zh_characters";
        IReadOnlyList<string> answers = list ? turn.Answers() : [turn.OneAnswer()];
        var (reply, fields) = (string.Join(", ", answers), new Dictionary<string, string>());
        if (dataset.Group != "world") fields["question"] = turn.Input;
        if (dataset.Name == "scbench_choice_eng")
        {
            if (turn.Options.Count != 4) throw new LabException($"{turn.Place}: a choice needs 4 options, there are {turn.Options.Count}{(record.Repacked ? "; this form does not keep them, use SCBench's own file" : "; correct the line or leave it out")}");
            var index = turn.Options.ToList().IndexOf(answers[0]);
            if (index < 0) throw new LabException($"{turn.Place}: the answer '{answers[0]}' is none of the options; correct the line or leave it out");
            answers = [answers[0], "ABCD"[index].ToString()];
            for (var i = 0; i < 4; i++) fields[$"OPTION_{"ABCD"[i]}"] = turn.Options[i];
        }
        if (dataset.Name == "scbench_mf")
        {
            ScBenchMetrics.CheckNumber(turn.Place, answers[0]);
            if (!record.Repacked) (fields["prefix"], fields["first"]) = (Asked(turn), record.Turns[0].Input);
        }
        if (dataset.Metric == "scbench_repoqa" && turn.Name.Length == 0) throw new LabException($"{turn.Place}: the function's name is missing (field 'name'), without which the code it is compared with is not known; use SCBench's own file");
        return new Sample($"{record.Id}-t{number}", record.Context, turn.Input, answers)
        {
            Session = record.Id, Turn = number, Reply = reply, Fields = fields, Classes = dataset.Metric == "scbench_repoqa" ? [.. needles[record.Repository].Distinct()] : [],
        };
    }

    /// <summary>"The largest number in the list is" is asked as "What is the largest number in the list?", as the official script writes it.</summary>
    private static string Asked(SessionTurn turn) => Wanted().Match(turn.Input) is { Success: true } match ? $"What is {match.Value.ToLowerInvariant()[..^3]}?"
        : throw new LabException($"{turn.Place}: a question of math find holds 'The ... is', from which its instruction is made; correct the line or leave it out");

    private static SampleSet Set(DatasetInfo dataset, bool repacked, IReadOnlyList<Sample> samples, Lazy<ScBenchTemplates> templates, bool official)
    {
        if (dataset.Group == "world") return SuiteCatalogue.World(dataset, samples);
        if (repacked) return new(dataset, "{context}\n\n{input}", samples);
        var task = dataset.Name.Split('.')[0];
        var (first, next) = (templates.Value.First(task), templates.Value.Next(task));
        var request = official ? templates.Value.Request(task) : task == "scbench_mf" ? "{context}" + next : null;
        return new(dataset, first, samples) { Next = next, Request = request };
    }

    [GeneratedRegex("The .+ is")]
    private static partial Regex Wanted();
}
