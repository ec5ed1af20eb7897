using System.Text.RegularExpressions;

namespace HeadKvLab.Evaluation.Suites;

/// <summary>
/// BABILong (Kuratov et al., arXiv 2406.10149), "reason in a haystack": files <c>LENGTH-TASK.jsonl</c> with <c>input, question, target</c>, or bAbI's own text form
/// (numbered sentences, a question with its answer after a tab) as <c>LENGTH-TASK.txt</c> or under bAbI's file names, which is the length 0k.
/// </summary>
public static partial class BabiLong
{
    private const string Source = "convert RMT-team/babilong to lines of input, question, target, named LENGTH-TASK.jsonl (for example 4k-qa1.jsonl), and give that folder with --data";

    private static readonly string[] Rooms = ["bathroom", "bedroom", "garden", "hallway", "kitchen", "office"];
    private static readonly string[] PeopleAndThings = ["Bill", "Fred", "Jeff", "Mary", "apple", "football", "milk"];

    /// <summary>Every file of the folder, shortest contexts first.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="LabException">There is none, or one is broken.</exception>
    public static SampleSuite Read(DataFolder folder)
    {
        if (!Directory.Exists(folder.Path)) throw new LabException($"{folder.Path}: no such folder; {Source}");
        var sets = new List<(int Length, SampleSet Set)>();
        foreach (var path in Directory.EnumerateFiles(folder.Path).Order(StringComparer.Ordinal))
        {
            var file = Path.GetFileName(path);
            var (name, text) = (LengthAndTask().Match(file), TaskAlone().Match(file));
            if (!name.Success && !text.Success) continue;
            var (task, length) = name.Success ? (name.Groups["task"].Value, name.Groups["length"].Value) : (text.Groups["task"].Value, "0k");
            var lines = file.EndsWith(".jsonl", StringComparison.Ordinal) ? JsonLines.Read(path).Select(l => (l.Number, Context: l.Text("input"), Question: l.Text("question"), Target: string.Join(',', PrintedList.Read(l.Text("target"), $"{path}, line {l.Number}, field 'target'")))).ToArray() : [.. Stories(path)];
            if (lines.Length == 0) throw new LabException($"{path}: the file holds no question; {Source}");
            string[] labels = [.. (task == "qa5" ? PeopleAndThings : Rooms).Concat(lines.SelectMany(l => l.Target.Split(','))).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
            sets.Add((int.Parse(length[..^1], System.Globalization.CultureInfo.InvariantCulture), new SampleSet(KnownDatasets.Find(task) with { Name = $"{task}_{length}" }, BabiLongPrompts.For(task),
                [.. lines.Select(l => new Sample($"line-{l.Number}", l.Context, l.Question.Trim(), [l.Target]) { Classes = labels })])));
        }
        return sets.Count > 0 ? new SampleSuite("babilong", [.. sets.OrderBy(s => s.Length).Select(s => s.Set)]).Checked() : throw new LabException($"{folder.Path}: no file of BABILong here, for example 4k-qa1.jsonl; {Source}");
    }

    /// <summary>bAbI's text form: numbers start again with each story; a question sees the sentences before it.</summary>
    private static IEnumerable<(int Number, string Context, string Question, string Target)> Stories(string path)
    {
        var story = new List<string>();
        var number = 0;
        foreach (var line in File.ReadLines(path).Select(line => line.TrimEnd(' ')))
        {
            number++;
            if (line.Length == 0) continue;
            if (line.Split(' ', 2) is not [var index, var rest] || !int.TryParse(index, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var place))
                throw new LabException($"{path}, line {number}: not of bAbI's form 'NUMBER sentence' or 'NUMBER question TAB answer'; get the file again");
            if (place == 1) story.Clear();
            var parts = rest.Split('\t');
            if (parts.Length == 1) story.Add(rest);
            else if (parts[1].Trim() is { Length: > 0 } target) yield return (number, string.Join(' ', story), parts[0], target);
            else throw new LabException($"{path}, line {number}: the question has no answer after its tab; leave it out");
        }
    }

    [GeneratedRegex(@"^(?<length>\d{1,5}k)-(?<task>qa[1-5])\.(jsonl|txt)$")]
    private static partial Regex LengthAndTask();

    [GeneratedRegex(@"^(?<task>qa[1-5])_.*\.txt$")]
    private static partial Regex TaskAlone();
}
