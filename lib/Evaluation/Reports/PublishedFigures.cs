using System.Globalization;
using System.Text;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;
using HeadKvLab.Models;

namespace HeadKvLab.Evaluation.Reports;

/// <summary>
/// Table 1 of the HeadKV paper (<c>FYYFU/HeadKV: performance_table.png</c>), printed beside our figures when the same model runs the same data sets. Its
/// protocol is <c>paper</c>; its beta was chosen on the test data; it prints no intervals.
/// </summary>
public static class PublishedFigures
{
    private static readonly string[] Columns =
    [
        "narrativeqa", "qasper", "multifieldqa_en", "hotpotqa", "2wikimqa", "musique", "comprehension_and_reasoning", "multiple_information_retrieval", "timeline_reorder", "computation",
    ];

    private const string Table = """
        Llama-3-8B-Instruct|FullKV|0|25.56 32.07 39.71 43.57 35.28 21.18 8.73 11.21 0.67 7.43
        Llama-3-8B-Instruct|SnapKV|128|22.11 15.79 31.01 41.12 29.20 19.35 8.36 9.46 0.79 6.56
        Llama-3-8B-Instruct|PyramidKV|128|22.01 17.05 31.52 39.27 28.99 18.34 8.89 9.63 0.61 6.72
        Llama-3-8B-Instruct|Ada-SnapKV|128|22.99 19.95 34.22 42.97 30.82 20.15 9.07 10.3 0.54 6.59
        Llama-3-8B-Instruct|HeadKV-R|128|23.49 25.39 38.15 42.45 32.84 19.95 8.87 10.35 0.78 7.52
        Llama-3-8B-Instruct|HeadKV-R2|128|21.80 29.19 41.89 43.73 35.01 20.40 9.60 11.13 0.67 7.22
        Llama-3-8B-Instruct|SnapKV|1024|25.76 27.50 38.38 43.40 34.81 20.07 9.61 11.34 0.53 7.22
        Llama-3-8B-Instruct|PyramidKV|1024|25.38 26.83 36.90 44.09 34.24 21.49 8.98 11.41 0.53 6.96
        Llama-3-8B-Instruct|Ada-SnapKV|1024|25.79 29.24 38.74 43.93 36.34 19.79 8.65 11.41 0.53 7.71
        Llama-3-8B-Instruct|HeadKV-R|1024|24.85 30.94 39.82 43.52 36.58 20.37 9.20 11.67 0.55 7.71
        Llama-3-8B-Instruct|HeadKV-R2|1024|24.66 30.82 39.56 43.97 36.47 22.24 9.02 11.51 0.47 7.85
        Mistral-7B-Instruct-v0.2|FullKV|0|26.63 32.99 49.34 42.77 27.35 18.78 12.17 15.52 0.49 10.03
        Mistral-7B-Instruct-v0.2|SnapKV|128|21.47 21.95 45.24 33.88 21.83 15.53 10.86 12.24 0.57 8.81
        Mistral-7B-Instruct-v0.2|PyramidKV|128|21.76 21.98 43.72 32.76 22.73 15.59 10.64 11.9 0.47 8.69
        Mistral-7B-Instruct-v0.2|Ada-SnapKV|128|21.57 24.59 46.70 35.74 25.57 14.37 11.14 12.37 0.45 9.57
        Mistral-7B-Instruct-v0.2|HeadKV-R|128|23.97 29.60 48.40 39.66 26.31 18.13 11.43 13.04 0.53 10.26
        Mistral-7B-Instruct-v0.2|HeadKV-R2|128|25.04 27.95 48.48 41.28 27.65 18.05 11.44 13.08 0.63 10.20
        Mistral-7B-Instruct-v0.2|SnapKV|1024|25.38 30.22 49.29 41.84 26.60 18.08 11.69 13.89 0.52 10.54
        Mistral-7B-Instruct-v0.2|PyramidKV|1024|24.28 30.05 49.17 40.49 26.43 18.80 11.77 14.51 0.51 10.19
        Mistral-7B-Instruct-v0.2|Ada-SnapKV|1024|24.82 31.49 48.80 41.18 27.38 18.22 11.96 13.82 0.53 9.92
        Mistral-7B-Instruct-v0.2|HeadKV-R|1024|25.87 31.44 49.55 41.95 27.09 19.88 12.21 14.17 0.50 10.58
        Mistral-7B-Instruct-v0.2|HeadKV-R2|1024|25.64 32.54 50.49 41.80 27.88 18.89 11.94 14.93 0.50 10.49
        """;

    private static readonly Lazy<Dictionary<(string Model, string Method, int KvSize, string Dataset), double>> Figures = new(() =>
        (from line in Table.Split('\n')
         let parts = line.Trim().Split('|')
         from figure in parts[3].Split(' ').Select((text, i) => (Dataset: Columns[i], Value: double.Parse(text, CultureInfo.InvariantCulture)))
         select (Key: (parts[0], parts[1], int.Parse(parts[2], CultureInfo.InvariantCulture), figure.Dataset), figure.Value)).ToDictionary(f => f.Key, f => f.Value));

    /// <summary>The model of the published tables that has these sizes; null for any other.</summary>
    public static string? Recognise(ModelConfig config) => (config.Layers, config.HiddenSize, config.QueryHeads, config.KvHeads, config.VocabSize, config.RopeTheta) switch
    {
        (32, 4096, 32, 8, 128256, 500_000) when config.RopeScaling is null => "Llama-3-8B-Instruct",
        (32, 4096, 32, 8, 32000, 1_000_000) => "Mistral-7B-Instruct-v0.2",
        _ => null,
    };

    /// <summary>The published score, in percent; null where there is none.</summary>
    /// <param name="model">As <see cref="Recognise"/> names it.</param>
    /// <param name="variant">Method and budget.</param>
    /// <param name="dataset">Data set.</param>
    public static double? Of(string model, Variant variant, string dataset) => Figures.Value.TryGetValue((model, variant.Method, variant.KvSize, dataset), out var figure) ? figure : null;

    /// <summary>Ours beside the published ones, in Markdown; empty where nothing was published.</summary>
    /// <param name="cells">Our results.</param>
    /// <param name="knownAs">The model, as <see cref="Recognise"/> names it.</param>
    public static string Beside(IReadOnlyList<ScoreCell> cells, string? knownAs)
    {
        var pairs = knownAs is null ? [] : cells.Select(c => (Cell: c, Published: Of(knownAs, c.Variant, c.Dataset))).Where(p => p.Published is not null).ToArray();
        if (pairs.Length == 0) return "";
        var text = new StringBuilder(string.Create(CultureInfo.InvariantCulture, $"### Beside Table 1 of the HeadKV paper ({knownAs}; its protocol is `paper`)\n\n| protocol | data set | budget | method | ours | published | inside our interval |\n|---|---|---|---|---|---|---|\n"));
        foreach (var (c, published) in pairs)
            text.Append(CultureInfo.InvariantCulture, $"| {c.Protocol} | {c.Dataset} | {c.Variant.BudgetName} | {c.Variant.Method} | {c.Score.Mean:0.00} [{c.Score.Low:0.0}, {c.Score.High:0.0}] | {published:0.00} | {(published >= c.Score.Low && published <= c.Score.High ? "yes" : "no")} |\n");
        return text.Append('\n').ToString();
    }
}
