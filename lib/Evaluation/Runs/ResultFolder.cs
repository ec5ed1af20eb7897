using HeadKvLab.Storage;
using System.Text.Json;
using HeadKvLab.Kernels;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>What a results folder is of; <c>run.json</c>.</summary>
public sealed record FolderCard
{
    /// <summary>Version of the folder's files.</summary>
    public int Format { get; init; } = EvalRow.CurrentFormat;

    /// <summary>Version of the program that made it.</summary>
    public string Program { get; init; } = ProgramBuild.Unknown;

    /// <summary>Its commit. Each row tells which build answered it.</summary>
    public string Commit { get; init; } = ProgramBuild.Unknown;

    /// <summary>When it was built.</summary>
    public string Built { get; init; } = ProgramBuild.Unknown;

    /// <summary>Model folder, as it was named.</summary>
    public required string ModelFolder { get; init; }

    /// <summary>Hash of the weights.</summary>
    public required string Model { get; init; }

    /// <summary>Model of the published tables that this one is, by its sizes; null for any other.</summary>
    public string? KnownAs { get; init; }

    /// <summary>Hash of each data set, by suite/dataset.</summary>
    public required SortedDictionary<string, string> Data { get; init; }

    /// <summary>Tables that methods used, by their names: the hash of each with the file it was read from.</summary>
    public SortedDictionary<string, SortedDictionary<string, string>> Tables { get; init; } = [];

    /// <summary>Number type of the run, or <c>protocol</c> where each protocol has its own; null in folders of earlier versions.</summary>
    public string? Type { get; init; }

    /// <summary>Where first tokens come from, or <c>protocol</c>; null in folders of earlier versions.</summary>
    public string? FirstToken { get; init; }

    /// <summary>Hash of the Chinese dictionary, or <c>none</c>; null in folders of earlier versions.</summary>
    public string? Dictionary { get; init; }

    /// <summary>Samples that the whole plan has, over all shards; 0 where it is not known.</summary>
    public int Samples { get; init; }

    /// <summary>Which part of the work is here, <c>2/4</c>; null for all of it.</summary>
    public string? Shard { get; init; }

    /// <summary>Samples of this part.</summary>
    public int ShardSamples { get; init; }

    /// <summary>What a folder of a plan says of itself.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="models">Its model.</param>
    /// <param name="sets">The plan laid out for the model, all shards.</param>
    /// <param name="shard">The part that the folder is for; null for all of it.</param>
    public static FolderCard Of(SweepPlan plan, EvalModels models, IReadOnlyList<EvalSet> sets, Shard? shard = null) => new()
    {
        Program = ProgramBuild.Current.Version, Commit = ProgramBuild.Current.Commit, Built = ProgramBuild.Current.Built, Tables = FolderTables.Of(sets),
        ModelFolder = plan.Model, Model = models.Loaded.Hash, KnownAs = Reports.PublishedFigures.Recognise(models.Loaded.Config), Shard = shard?.ToString(),
        Type = models.IsFixed ? models.Loaded.Type.Name() : plan.Type ?? "protocol", FirstToken = plan.FirstToken ?? "protocol", Dictionary = plan.Dictionary is { } words ? Metrics.Segmenter.HashOf(words) : "none",
        Data = new(sets.SelectMany(s => s.Tasks).GroupBy(t => $"{t.Suite}/{t.Dataset}").ToDictionary(g => g.Key, g => g.First().DataHash), StringComparer.Ordinal),
        Samples = sets.Sum(s => s.Samples), ShardSamples = sets.Sum(s => s.Part(shard).Samples),
    };
}

/// <summary>
/// A results folder: <c>run.json</c> says what it is of, <c>rows.jsonl</c> holds the samples, <c>lock</c> keeps other processes out; tables are
/// made from the rows and replaced as a whole.
/// </summary>
public sealed class ResultFolder : IRowStore, IDisposable
{
    private static readonly JsonSerializerOptions Page = new(EvalRow.Json) { WriteIndented = true };
    private readonly FolderLock _lock;
    private readonly RowJournal _journal;
    private readonly Dictionary<string, EvalRow> _rows;

    private ResultFolder(string path, FolderLock held, RowJournal journal)
    {
        (Path, _lock, _journal) = (path, held, journal);
        _rows = journal.Rows.ToDictionary(r => r.Key);
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>All rows, in the order of their names, which does not depend on the order in which they came.</summary>
    public IReadOnlyList<EvalRow> Rows => Ordered(_rows.Values);

    /// <summary>Opens or makes a folder for one process.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="card">What is to be run; must agree with what is there.</param>
    /// <param name="owner">Who asks; null: this process.</param>
    /// <exception cref="LabException">Another process is in it, it is of another model, of other data or of another version, or cannot be written.</exception>
    public static ResultFolder Open(string path, FolderCard card, LockOwner? owner = null)
    {
        try
        {
            Directory.CreateDirectory(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{path}: the results folder cannot be made: {e.Message}; give another --out", e);
        }
        var held = FolderLock.Take(path, owner);
        try
        {
            Agree(path, card);
            return new ResultFolder(path, held, RowJournal.Open(System.IO.Path.Combine(path, "rows.jsonl")));
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>Reads <c>run.json</c>; null where there is none.</summary>
    /// <exception cref="LabException">It is broken or of another version.</exception>
    public static FolderCard? ReadCard(string path)
    {
        var file = System.IO.Path.Combine(path, "run.json");
        if (!File.Exists(file)) return null;
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(file));
            var format = json.RootElement.TryGetProperty("format", out var value) && value.TryGetInt32(out var found) ? found : 0;
            if (format is not (FormatOne.Number or EvalRow.CurrentFormat))
                throw new LabException($"{file}: results of format {format}; this version reads formats {FormatOne.Number} and {EvalRow.CurrentFormat}: give another --out, or use the version that wrote them");
            return json.Deserialize<FolderCard>(EvalRow.Json);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new LabException($"{file}: broken ({e.Message}); restore it, or give another --out", e);
        }
    }

    /// <inheritdoc/>
    public bool Has(string key) => _rows.ContainsKey(key);

    /// <summary>Adds a finished sample; it is on the disk when this returns.</summary>
    /// <exception cref="LabException">The disk refuses; what was there is whole.</exception>
    public void Add(EvalRow row)
    {
        if (_rows.ContainsKey(row.Key)) throw new InvalidOperationException($"the sample is there already: {row.Key.ReplaceLineEndings(" ")}");
        _journal.Add(row);
        _rows[row.Key] = row;
    }

    /// <summary>Replaces a file of the folder as a whole: a reader sees the old one or the new one.</summary>
    /// <exception cref="LabException">The disk refuses; the old file is whole.</exception>
    public void Replace(string name, string text) => Replace(Path, name, text);

    /// <summary>Gives the folder back.</summary>
    public void Dispose()
    {
        _journal.Dispose();
        _lock.Dispose();
    }

    /// <summary>Whether an exception is the disk's: full, read-only, or a limit on the size of files, which .NET reports as an argument out of range.</summary>
    internal static bool DiskRefuses(Exception e) => e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException;

    internal static IReadOnlyList<EvalRow> Ordered(IEnumerable<EvalRow> rows) => [.. rows.OrderBy(r => r.Key, StringComparer.Ordinal)];

    internal static void Replace(string folder, string name, string text)
    {
        var path = System.IO.Path.Combine(folder, name);
        try
        {
            OutputFile.Write(path, file => file.Write(System.Text.Encoding.UTF8.GetBytes(text)));
        }
        catch (Exception e) when (DiskRefuses(e))
        {
            throw new LabException($"{path}: cannot be written: {e.Message}; the samples are whole: give the same command again when the folder can be written and the disk has room", e);
        }
    }

    private static void Agree(string path, FolderCard card)
    {
        var merged = card;
        if (ReadCard(path) is { } there)
        {
            if (there.Format != EvalRow.CurrentFormat)
                throw new LabException($"{path}: results of format {there.Format}, which does not say what head scores were used: `lab report` reads them, and nothing is added to them; give another --out");
            Same(path, "model", there.Model, card.Model);
            Same(path, "shard", there.Shard ?? "all", card.Shard ?? "all");
            Same(path, "number type", there.Type ?? card.Type ?? "", card.Type ?? there.Type ?? "");
            Same(path, "first-token rule", there.FirstToken ?? card.FirstToken ?? "", card.FirstToken ?? there.FirstToken ?? "");
            Same(path, "Chinese dictionary", there.Dictionary ?? card.Dictionary ?? "", card.Dictionary ?? there.Dictionary ?? "");
            foreach (var (suite, hash) in card.Data)
                if (there.Data.TryGetValue(suite, out var old)) Same(path, $"data of {suite}", old, hash);
            var data = new SortedDictionary<string, string>(there.Data, StringComparer.Ordinal);
            foreach (var (suite, hash) in card.Data) data[suite] = hash;
            merged = card with { Data = data, ModelFolder = there.ModelFolder, Program = there.Program, Commit = there.Commit, Built = there.Built, Tables = FolderTables.Joined(path, there.Tables, card.Tables) };
            if (JsonSerializer.Serialize(merged, Page) == JsonSerializer.Serialize(there, Page)) return;
        }
        else if (File.Exists(System.IO.Path.Combine(path, "rows.jsonl")) && new FileInfo(System.IO.Path.Combine(path, "rows.jsonl")).Length > 0)
        {
            throw new LabException($"{path}: there are rows but no run.json that says of what; give another --out");
        }
        Replace(path, "run.json", JsonSerializer.Serialize(merged, Page) + "\n");
    }

    private static void Same(string path, string what, string there, string wanted)
    {
        if (there != wanted) throw new LabException($"{path}: results of another {what} ({there}, not {wanted}); give another --out, or move that folder away");
    }
}
