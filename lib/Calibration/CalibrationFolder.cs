using HeadKvLab.Compression;
using HeadKvLab.Models;

namespace HeadKvLab.Calibration;

/// <summary>Calibration tables as files: head scores as `lab heads score` writes them, beside a model in <c>MODEL/heads/</c> or elsewhere, and tables of others' programs.</summary>
public static class CalibrationFolder
{
    private static readonly TableKind[] Kinds = [.. TableKinds.HeadScores, TableKinds.DuoGates];

    /// <summary>The tables of a model's folder; each is read when it is first asked for.</summary>
    /// <param name="modelDirectory">The model's folder.</param>
    /// <param name="config">Sizes the tables must fit.</param>
    /// <param name="weights">Names the model's weights as <see cref="LanguageModel.Hash"/> does, asked for where a card names those that were measured; null: cards are not looked at.</param>
    public static CalibrationTables Load(string modelDirectory, ModelConfig config, Func<string>? weights = null) => In(Path.Combine(modelDirectory, "heads"), config, weights);

    /// <summary>
    /// Opens what <c>--scores</c> names: a folder, or one file: head scores, which then serve every method that needs some, or with the ending <c>.tsv</c> DuoAttention's gates.
    /// </summary>
    /// <param name="path">File or folder.</param>
    /// <param name="config">Sizes the tables must fit.</param>
    /// <param name="weights">Names the model's weights as <see cref="LanguageModel.Hash"/> does, asked for where a card names those that were measured; null: cards are not looked at.</param>
    /// <exception cref="LabException">There are no tables, or the file is broken or another model's.</exception>
    public static CalibrationTables Open(string path, ModelConfig config, Func<string>? weights = null)
    {
        if (!Directory.Exists(path))
            return GateFile.IsOne(path) ? CalibrationTables.None.With(TableKinds.DuoGates, GateFile.Read(path, config.Layers, config.KvHeads)) : CalibrationTables.HeadScores(HeadScores(path, config, weights));
        return Kinds.Any(kind => File.Exists(Path.Combine(path, kind.File))) ? In(path, config, weights)
            : throw new LabException($"{path}: holds none of {string.Join(", ", Kinds.Select(kind => kind.File))}; `lab heads score --out {path}` writes the head scores");
    }

    private static CalibrationTables In(string folder, ModelConfig config, Func<string>? weights) => new(kind =>
    {
        var path = Path.Combine(folder, kind.File);
        return !File.Exists(path) ? null
            : kind == TableKinds.DuoGates ? GateFile.Read(path, config.Layers, config.KvHeads)
            : TableKinds.HeadScores.Contains(kind) ? HeadScores(path, config, weights)
            : null;
    });

    private static HeadTable HeadScores(string path, ModelConfig config, Func<string>? weights)
    {
        var scores = HeadScoreFile.Read(path, config.Layers, config.QueryHeads);
        if (weights is not null && HeadScoreFile.ReadCard(path) is { ModelHash: { Length: > 0 } scored } && scored != weights())
            throw new LabException($"{path}: its card says that it scores the heads of model {scored}, this model is {weights()} (both are the first digits of the weights' SHA-256): "
                + "compute this model's with `lab heads score`; to use another model's all the same, remove the card beside the file");
        return scores.Means(path);
    }
}
