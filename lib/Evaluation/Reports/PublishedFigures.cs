using HeadKvLab.Evaluation.Statistics;
using HeadKvLab.Models;
using HeadKvLab.Tables;

namespace HeadKvLab.Evaluation.Reports;

/// <summary>Published scores beside ours, when the same model ran the same data sets with the same method and KV size.</summary>
public static class PublishedFigures
{
    /// <summary>The model of the published tables that has these sizes; null for any other.</summary>
    public static string? Recognise(ModelConfig config) => (config.Layers, config.HiddenSize, config.QueryHeads, config.KvHeads, config.VocabSize, config.RopeTheta) switch
    {
        (32, 4096, 32, 8, 128256, 500_000) when config.RopeScaling is null => "Llama-3-8B-Instruct",
        (32, 4096, 32, 8, 32000, 1_000_000) => "Mistral-7B-Instruct-v0.2",
        _ => null,
    };

    /// <summary>Our cells with what was published of the same: model, suite, data set or average, method and KV size. One cell may have several.</summary>
    /// <param name="cells">Our results.</param>
    /// <param name="knownAs">The model, as <see cref="Recognise"/> names it; null for any other.</param>
    public static IReadOnlyList<(ScoreCell Ours, PublishedScore Published)> Pairs(IReadOnlyList<ScoreCell> cells, string? knownAs)
    {
        var scores = PublishedScore.All.Where(p => p.Model == knownAs).ToLookup(p => (p.Suite, p.Dataset, p.Method));
        return [.. from part in cells.GroupBy(c => (c.Suite, c.Protocol, c.Seed))
                   let whole = PaperAverage.All.FirstOrDefault(a => a.IsOf(part.Key.Suite, part.Where(c => !c.IsAverage).Select(c => c.Dataset).Distinct()))?.Name
                   from cell in part
                   where cell.Variant.Share == 0 && cell.Variant.Schedule == Compression.Catalogue.Never
                   from published in scores[(cell.Suite, cell.Dataset == ScoreCells.Average && whole is not null ? whole : cell.Dataset, cell.Variant.Method)]
                   where published.KvSize is null || published.KvSize == cell.Variant.KvSize
                   select (cell, published)];
    }

    /// <summary>The pairs in Markdown, with what differs between the two runs, and the sources; empty where nothing was published.</summary>
    /// <param name="cells">Our results.</param>
    /// <param name="knownAs">The model, as <see cref="Recognise"/> names it; null for any other.</param>
    public static string Beside(IReadOnlyList<ScoreCell> cells, string? knownAs)
    {
        var pairs = Pairs(cells, knownAs);
        if (pairs.Count == 0) return "";
        var table = Table.Of("", pairs,
            ("protocol", p => p.Ours.Protocol), ("data set", p => p.Published.Dataset), ("budget", p => p.Ours.Variant.BudgetName), ("method", p => p.Ours.Variant.Method), ("ours", p => ResultReport.Percent(p.Ours.Score)),
            ("published", p => p.Published.Text), ("inside our interval", p => Inside(p.Ours, p.Published)), ("source", p => p.Published.Table.Name), ("theirs differs in", p => Differences(p.Ours, p.Published)));
        var sources = pairs.Select(p => p.Published.Table).Distinct().Select(source => $"- {source.Name}: {source.Source}; {source.About}\n");
        return $"### Beside published scores of {knownAs}\n\n{table.ToMarkdown()}\n{string.Concat(sources)}\n";
    }

    private static string Inside(ScoreCell ours, PublishedScore published) =>
        double.IsNaN(ours.Score.Low) || published.KvSize is null ? "–" : published.Value >= ours.Score.Low && published.Value <= ours.Score.High ? "yes" : "no";

    private static string Differences(ScoreCell ours, PublishedScore published)
    {
        var found = new List<string>();
        if (published.Protocol != ours.Protocol) found.Add($"protocol {published.Protocol}");
        if (!ours.Variant.IsFull && published.Granularity != ours.Variant.Granularity) found.Add($"budget per {published.Granularity.Replace("kv-", "KV ", StringComparison.Ordinal).Replace('-', ' ')}");
        if (published.KvSize is null) found.Add("KV size not stated");
        if (published.Note.Length > 0) found.Add(published.Note);
        return found.Count == 0 ? "–" : string.Join(", ", found);
    }
}
