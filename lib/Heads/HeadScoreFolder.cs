using HeadKvLab.Eviction;
using HeadKvLab.Models;

namespace HeadKvLab.Heads;

/// <summary>The head scores that lie beside a model, in <c>MODEL/heads/</c>, as `lab heads score` writes them.</summary>
public static class HeadScoreFolder
{
    /// <summary>Loads what is there.</summary>
    /// <param name="modelDirectory">The model's folder.</param>
    /// <param name="config">Sizes the scores must fit.</param>
    /// <exception cref="LabException">A file is broken or another model's.</exception>
    public static HeadImportances Load(string modelDirectory, ModelConfig config)
    {
        HeadTable? Read(string name)
        {
            var path = Path.Combine(modelDirectory, "heads", name);
            return File.Exists(path) ? HeadScoreFile.Read(path, config.Layers, config.QueryHeads).Means() : null;
        }
        return new HeadImportances(Read("retrieval.json"), Read("enhanced-retrieval.json"), Read("reasoning.json"));
    }
}
