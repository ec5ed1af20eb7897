namespace HeadKvLab.Evaluation.Suites;

/// <summary>Lines in LongBench's form: <c>input, context, answers, length, dataset, language, all_classes, _id</c>, and <c>evidence</c> of our own; only context, input and answers must be there.</summary>
public static class LongBenchRecords
{
    /// <summary>Reads a file.</summary>
    /// <param name="path">JSON lines.</param>
    /// <returns>The samples, in order, with the lines they came from.</returns>
    /// <exception cref="LabException">The file is missing, empty or broken, an id stands twice, or a sample has no answer: the message names the line.</exception>
    public static IReadOnlyList<(JsonLine Line, Sample Sample)> Read(string path)
    {
        var records = JsonLines.Read(path).Select(line => (Line: line, Sample: Sample(line))).ToArray();
        if (records.Length == 0) throw new LabException($"{path}: the file holds no sample; each line needs context, input and answers. Get the file again");
        var lines = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (line, sample) in records)
            if (!lines.TryAdd(sample.Id, line.Number)) throw new LabException($"{path}, line {line.Number}: id '{sample.Id}' stands in line {lines[sample.Id]} too; results could not be told apart, leave one of them out");
        return records;
    }

    private static Sample Sample(JsonLine line)
    {
        string[] answers = line.Texts("answers");
        if (answers.Length == 0) throw new LabException($"{line.Path}, line {line.Number}: 'answers' is empty, so that nothing can be scored; leave the line out");
        return new(line.Has("_id") ? line.Text("_id") : $"line-{line.Number}", line.Text("context"), line.Text("input"), answers)
        {
            Classes = line.TextsOrNull("all_classes") ?? [], Evidence = line.TextsOrNull("evidence") ?? [], Length = line.Has("length") ? line.Whole("length") : 0, Language = line.Has("language") ? line.Text("language") : "",
        };
    }
}
