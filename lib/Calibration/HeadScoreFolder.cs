using HeadKvLab.Compression;
using HeadKvLab.Models;

namespace HeadKvLab.Calibration;

/// <summary>Head scores as `lab heads score` writes them: beside a model, in <c>MODEL/heads/</c>, or elsewhere.</summary>
public static class HeadScoreFolder
{
    /// <summary>Loads what is there.</summary>
    /// <param name="modelDirectory">The model's folder.</param>
    /// <param name="config">Sizes the scores must fit.</param>
    /// <exception cref="LabException">A file is broken or another model's.</exception>
    public static HeadImportances Load(string modelDirectory, ModelConfig config) => In(Path.Combine(modelDirectory, "heads"), config);

    /// <summary>Opens what <c>--scores</c> names: a folder as `lab heads score` writes it, or one file, whose scores then serve every method.</summary>
    /// <param name="path">File or folder.</param>
    /// <param name="config">Sizes the scores must fit.</param>
    /// <exception cref="LabException">There are no scores, or a file is broken or another model's.</exception>
    public static HeadImportances Open(string path, ModelConfig config)
    {
        if (!Directory.Exists(path)) return HeadImportances.Same(Read(path, config));
        var found = In(path, config);
        return found == new HeadImportances() ? throw new LabException($"{path}: holds none of {string.Join(", ", Kinds.Select(FileOf))}; `lab heads score --out {path}` writes them") : found;
    }

    private static readonly HeadScoreKind[] Kinds = [HeadScoreKind.Retrieval, HeadScoreKind.EnhancedRetrieval, HeadScoreKind.RetrievalReasoning];

    private static string FileOf(HeadScoreKind kind) => Names<HeadScoreKind>.Of(kind) + ".json";

    private static HeadImportances In(string folder, ModelConfig config)
    {
        HeadTable?[] tables = [.. Kinds.Select(FileOf).Select(name => Path.Combine(folder, name)).Select(path => File.Exists(path) ? Read(path, config) : null)];
        return new(tables[0], tables[1], tables[2]);
    }

    private static HeadTable Read(string path, ModelConfig config) => HeadScoreFile.Read(path, config.Layers, config.QueryHeads).Means(path);
}
