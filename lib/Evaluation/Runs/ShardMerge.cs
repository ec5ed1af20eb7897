using HeadKvLab.Storage;
using System.Text.Json;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>Joins the shards of a results folder: <c>shard-1-of-4</c> to <c>shard-4-of-4</c> become its <c>rows.jsonl</c>.</summary>
public static class ShardMerge
{
    /// <summary>Joins what the shards hold; rows that are in the folder already stay, the shards are left as they are.</summary>
    /// <param name="path">The results folder.</param>
    /// <param name="partial">Whether missing shards and samples are accepted.</param>
    /// <returns>The rows of the folder after joining, and its card.</returns>
    /// <exception cref="LabException">There are no shards, some are missing, unfinished or of another run, or a sample has two different results.</exception>
    public static (IReadOnlyList<EvalRow> Rows, FolderCard Card) Join(string path, bool partial = false)
    {
        var shards = Shards(path);
        var of = shards[0].Shard.Of;
        if (shards.Any(s => s.Shard.Of != of)) throw new LabException($"{path}: shards of different divisions ({string.Join(", ", shards.Select(s => s.Shard.Folder))}); keep those of one division");
        var absent = Enumerable.Range(1, of).Except(shards.Select(s => s.Shard.Index)).ToArray();
        if (absent.Length > 0 && !partial) throw new LabException($"{path}: shard {string.Join(", ", absent)} of {of} is missing; run it with --shard {absent[0]}/{of}, or give --partial");

        var all = new List<EvalRow>();
        foreach (var (shard, folder, card) in shards)
        {
            using var held = FolderLock.Take(folder);
            var rows = RowJournal.Read(Path.Combine(folder, "rows.jsonl"));
            if (rows.Count < card.ShardSamples && !partial)
                throw new LabException($"{folder}: {rows.Count} of {card.ShardSamples} samples are there; run --shard {shard} again to go on, or give --partial");
            all.AddRange(rows);
        }
        var first = shards[0].Card;
        if (shards.FirstOrDefault(s => s.Card.Format != EvalRow.CurrentFormat) is { Card: { } old } other)
            throw new LabException($"{other.Folder}: results of format {old.Format}, to which nothing is added; join them with the version that wrote them");
        var joined = first with { Shard = null, ShardSamples = first.Samples };
        foreach (var (_, folder, card) in shards)
            if (card.Model != first.Model || !card.Data.SequenceEqual(first.Data) || (card.Type, card.FirstToken, card.Dictionary) != (first.Type, first.FirstToken, first.Dictionary) || !SameTables(card, first))
                throw new LabException($"{folder}: of another model, number type, first-token rule, dictionary, other data or other head scores than {shards[0].Folder}; join only shards of one run");
        using var into = ResultFolder.Open(path, joined);
        foreach (var row in ResultFolder.Ordered(all))
            if (!into.Has(row.Key)) into.Add(row);
        return (Checked(path, into.Rows, all), joined);
    }

    private static IReadOnlyList<EvalRow> Checked(string path, IReadOnlyList<EvalRow> joined, List<EvalRow> parts)
    {
        var results = joined.ToDictionary(r => r.Key);
        foreach (var row in parts)
            if ((results[row.Key].Prediction, results[row.Key].Score) != (row.Prediction, row.Score))
                throw new LabException($"{path}: the sample {row.Dataset} {row.Question} of {row.Variant.Key} has two different results; one shard is of another run");
        return joined;
    }

    private static bool SameTables(FolderCard one, FolderCard other) =>
        one.Tables.Keys.SequenceEqual(other.Tables.Keys) && one.Tables.All(table => table.Value.Keys.SequenceEqual(other.Tables[table.Key].Keys));

    private static List<(Shard Shard, string Folder, FolderCard Card)> Shards(string path)
    {
        if (!Directory.Exists(path)) throw new LabException($"{path}: no such results folder");
        var found = new List<(Shard, string, FolderCard)>();
        foreach (var folder in Directory.EnumerateDirectories(path, "shard-*-of-*").Order(StringComparer.Ordinal))
        {
            var card = ResultFolder.ReadCard(folder) ?? throw new LabException($"{folder}: run.json is missing; run this shard again");
            found.Add((Shard.Parse(card.Shard ?? throw new LabException($"{folder}: run.json names no shard; it was not made with --shard")), folder, card));
        }
        return found.Count > 0 ? found : throw new LabException($"{path}: there are no shards; they are made by `lab eval` or `lab sweep` with --shard i/n and the same --out");
    }
}
