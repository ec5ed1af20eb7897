using System.Globalization;
using System.Text.Json;
using HeadKvLab.Evaluation.Statistics;

namespace HeadKvLab.Evaluation.Reports;

/// <summary>A table of another program's scores.</summary>
/// <param name="File">Its file in <c>data/published</c>.</param>
/// <param name="Name">Its name in our tables.</param>
/// <param name="Source">Where it was printed.</param>
/// <param name="About">What a reader must know.</param>
public sealed record PublishedTable(string File, string Name, string Source, string About);

/// <summary>One published score. The files of <c>data/published</c> travel inside the program, so that it finds them from any directory.</summary>
/// <param name="Table">The table it stands in.</param>
/// <param name="Model">The model.</param>
/// <param name="Method">The method, as our catalogue names it where it has it.</param>
/// <param name="KvSize">Entries per head; 0 for the full cache, null where the source does not say.</param>
/// <param name="Granularity">Whose entries these are, <c>query-head</c> or <c>kv-head</c>.</param>
/// <param name="Protocol">How prompts were made.</param>
/// <param name="Note">What a reader must know of this line; empty for nothing.</param>
/// <param name="Dataset">The data set, or a <see cref="PaperAverage"/>.</param>
/// <param name="Text">The score as it was printed, percent.</param>
public sealed record PublishedScore(PublishedTable Table, string Model, string Method, int? KvSize, string Granularity, string Protocol, string Note, string Dataset, string Text)
{
    private const int Leading = 6;      // columns before the data sets

    private static readonly Lazy<IReadOnlyList<PublishedScore>> Read = new(() =>
        [.. JsonSerializer.Deserialize<PublishedTable[]>(Resource("tables.json"), JsonSerializerOptions.Web)!.SelectMany(Scores)]);

    /// <summary>Every score of every table.</summary>
    public static IReadOnlyList<PublishedScore> All => Read.Value;

    /// <summary>The score, percent.</summary>
    public double Value => double.Parse(Text, CultureInfo.InvariantCulture);

    /// <summary>The suite of the data set: LooGLE's where it is one of its types, else LongBench's.</summary>
    public string Suite { get; } = PaperAverage.All.First(a => a.Name == Dataset || a.Datasets.Contains(Dataset) || a.Suite == "longbench" && Suites.LongBench.Datasets.Any(d => d.Name == Dataset)).Suite;

    private static IEnumerable<PublishedScore> Scores(PublishedTable table)
    {
        var lines = Resource(table.File).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(',')).ToArray();
        return from cells in lines[1..]
               from score in cells.Zip(lines[0]).Skip(Leading)
               select new PublishedScore(table, cells[0], cells[1], cells[2] switch { "full" => 0, "" => null, var size => int.Parse(size, CultureInfo.InvariantCulture) }, cells[3], cells[4], cells[5], score.Second, score.First);
    }

    private static string Resource(string file)
    {
        using var stream = typeof(PublishedScore).Assembly.GetManifestResourceStream("published/" + file) ?? throw new InvalidOperationException($"data/published/{file} is not in the program");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
