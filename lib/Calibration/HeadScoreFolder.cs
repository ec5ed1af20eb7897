using HeadKvLab.Compression;
using HeadKvLab.Models;

namespace HeadKvLab.Calibration;

/// <summary>Head scores as `lab heads score` writes them: beside a model, in <c>MODEL/heads/</c>, or elsewhere.</summary>
public static class HeadScoreFolder
{
    /// <summary>Loads what is there.</summary>
    /// <param name="modelDirectory">The model's folder.</param>
    /// <param name="config">Sizes the scores must fit.</param>
    /// <param name="weights">Names the model's weights as <see cref="LanguageModel.Hash"/> does, asked for where a card names those that were scored; null: cards are not looked at.</param>
    /// <exception cref="LabException">A file is broken or another model's.</exception>
    public static HeadImportances Load(string modelDirectory, ModelConfig config, Func<string>? weights = null) => In(Path.Combine(modelDirectory, "heads"), config, weights);

    /// <summary>Opens what <c>--scores</c> names: a folder as `lab heads score` writes it, or one file, whose scores then serve every method.</summary>
    /// <param name="path">File or folder.</param>
    /// <param name="config">Sizes the scores must fit.</param>
    /// <param name="weights">Names the model's weights as <see cref="LanguageModel.Hash"/> does, asked for where a card names those that were scored; null: cards are not looked at.</param>
    /// <exception cref="LabException">There are no scores, or a file is broken or another model's.</exception>
    public static HeadImportances Open(string path, ModelConfig config, Func<string>? weights = null)
    {
        if (!Directory.Exists(path)) return HeadImportances.Same(Read(path, config, weights));
        var found = In(path, config, weights);
        return found == new HeadImportances() ? throw new LabException($"{path}: holds none of {string.Join(", ", Kinds.Select(FileOf))}; `lab heads score --out {path}` writes them") : found;
    }

    private static readonly HeadScoreKind[] Kinds = [HeadScoreKind.Retrieval, HeadScoreKind.EnhancedRetrieval, HeadScoreKind.RetrievalReasoning];

    private static string FileOf(HeadScoreKind kind) => Names<HeadScoreKind>.Of(kind) + ".json";

    private static HeadImportances In(string folder, ModelConfig config, Func<string>? weights)
    {
        HeadTable?[] tables = [.. Kinds.Select(FileOf).Select(name => Path.Combine(folder, name)).Select(path => File.Exists(path) ? Read(path, config, weights) : null)];
        return new(tables[0], tables[1], tables[2]);
    }

    private static HeadTable Read(string path, ModelConfig config, Func<string>? weights)
    {
        var scores = HeadScoreFile.Read(path, config.Layers, config.QueryHeads);
        if (weights is not null && HeadScoreFile.ReadCard(path) is { ModelHash: { Length: > 0 } scored } && scored != weights())
            throw new LabException($"{path}: its card says that it scores the heads of model {scored}, this model is {weights()} (both are the first digits of the weights' SHA-256): "
                + "compute this model's with `lab heads score`; to use another model's all the same, remove the card beside the file");
        return scores.Means(path);
    }
}
