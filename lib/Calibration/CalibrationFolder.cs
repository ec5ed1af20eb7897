using HeadKvLab.Compression;
using HeadKvLab.Models;

namespace HeadKvLab.Calibration;

/// <summary>Sizes of the model that a table must fit.</summary>
/// <param name="Layers">Layers; null to take what the table has.</param>
/// <param name="KvHeads">KV heads of a layer.</param>
/// <param name="QueryHeads">Query heads of a layer.</param>
public sealed record TableSizes(int? Layers, int KvHeads, int QueryHeads)
{
    /// <summary>Those of a model.</summary>
    public static TableSizes Of(ModelConfig config) => new(config.Layers, config.KvHeads, config.QueryHeads);
}

/// <summary>Calibration tables as files: what `lab heads` writes, beside a model in <c>MODEL/heads/</c> or elsewhere, and tables of others' programs.</summary>
public static class CalibrationFolder
{
    /// <summary>How each kind of file is told by its name or contents, and read. A file that none of the others knows is one of head scores.</summary>
    private static readonly Reader[] Readers =
    [
        new([TableKinds.DuoGates], GateFile.IsOne, (path, model) => GateFile.Read(path, model.Layers, model.KvHeads), ""),
        new([TableKinds.LuKv], UtilityFile.IsRemoval, (path, model) => UtilityFile.ReadRemoval(path, model.Layers, model.KvHeads), "lab heads utility"),
        new([TableKinds.Utility], UtilityFile.IsOne, (path, model) => UtilityFile.Read(path, model.Layers, model.KvHeads), "lab heads utility"),
        new([TableKinds.Prefix], PrefixFile.IsOne, (path, model) => PrefixFile.Read(path, model.Layers), "lab heads prefix"),
        new([TableKinds.Change], HeadChangeFile.IsOne, (path, model) => HeadChangeFile.Read(path, model.Layers, model.QueryHeads).Table(path), "lab heads change"),
        new([TableKinds.Sharing], LayerSharingFile.IsOne, (path, model) => LayerSharingFile.Read(path, model.Layers), "lab heads share"),
        new([TableKinds.Latents], LatentFile.IsOne, (path, model) => LatentFile.Read(path, model.Layers, model.Layers is null ? null : model.KvHeads), "lab heads latent"),
        .. ((TableKind<HeadVectors>[])[TableKinds.Filters, TableKinds.Moments]).Zip(["lab heads qfilters", "lab heads moments"],
            (kind, command) => new Reader([kind], path => HeadVectorFile.IsOne(path, kind), (path, model) => HeadVectorFile.Read(path, kind, model.Layers, model.QueryHeads), command)),
        new(TableKinds.HeadScores, _ => true, (path, model) => HeadScoreFile.Read(path, model.Layers, model.QueryHeads).Means(path), "lab heads score"),
    ];

    /// <param name="Kinds">The kinds that one file serves.</param>
    /// <param name="IsOne">Whether a file is such a one.</param>
    /// <param name="Read">Reads it and refuses what does not fit the model.</param>
    /// <param name="Command">Measures such a table; empty where only others' programs do.</param>
    private sealed record Reader(IReadOnlyList<TableKind> Kinds, Func<string, bool> IsOne, Func<string, TableSizes, ICalibrationTable> Read, string Command)
    {
        internal ICalibrationTable Checked(string path, TableSizes model, Func<string>? weights)
        {
            var table = Read(path, model);
            CardFile.RequireModel(path, weights, Command);
            return table;
        }
    }

    /// <summary>The tables of a model's folder; each is read when it is first asked for.</summary>
    /// <param name="modelDirectory">The model's folder.</param>
    /// <param name="config">Sizes the tables must fit.</param>
    /// <param name="weights">Names the model's weights as <see cref="LanguageModel.Hash"/> does, asked for where a card names those that were measured; null: cards are not looked at.</param>
    public static CalibrationTables Load(string modelDirectory, ModelConfig config, Func<string>? weights = null) => In(Path.Combine(modelDirectory, "heads"), TableSizes.Of(config), weights);

    /// <summary>
    /// Opens what <c>--scores</c> names: a folder, or one file: head scores, which then serve every method that needs some, DuoAttention's gates (ending <c>.tsv</c>),
    /// PrefixKV's shares, utility or removal curves (<c>.npy</c>), the change of heads, vectors of theirs, a layer map, or projections into latent vectors.
    /// </summary>
    /// <param name="path">File or folder.</param>
    /// <param name="config">Sizes the tables must fit.</param>
    /// <param name="weights">Names the model's weights as <see cref="LanguageModel.Hash"/> does, asked for where a card names those that were measured; null: cards are not looked at.</param>
    /// <exception cref="LabException">There are no tables, or the file is broken or another model's.</exception>
    public static CalibrationTables Open(string path, ModelConfig config, Func<string>? weights = null)
    {
        if (!Directory.Exists(path)) return OpenFile(path, TableSizes.Of(config), weights).Tables;
        return TableKinds.All.Any(kind => File.Exists(Path.Combine(path, kind.File))) ? In(path, TableSizes.Of(config), weights)
            : throw new LabException($"{path}: holds none of {string.Join(", ", TableKinds.All.Select(kind => kind.File))}; `lab heads score --out {path}` writes the head scores");
    }

    /// <summary>Opens one file, whatever its kind.</summary>
    /// <param name="path">The file.</param>
    /// <param name="model">Sizes the table must fit.</param>
    /// <param name="weights">As with <see cref="Open"/>.</param>
    /// <returns>The table, and it as the tables of a model.</returns>
    /// <exception cref="LabException">The file is broken or another model's.</exception>
    public static (ICalibrationTable Table, CalibrationTables Tables) OpenFile(string path, TableSizes model, Func<string>? weights = null)
    {
        var reader = Readers.First(one => one.IsOne(path));
        var table = reader.Checked(path, model, weights);
        return (table, new(kind => reader.Kinds.Contains(kind) ? table : null));
    }

    private static CalibrationTables In(string folder, TableSizes model, Func<string>? weights) => new(kind =>
        Path.Combine(folder, kind.File) is var path && File.Exists(path) && Array.Find(Readers, one => one.Kinds.Contains(kind)) is { } reader ? reader.Checked(path, model, weights) : null);
}
