using HeadKvLab.Models;
using HeadKvLab.World;

namespace HeadKvLab.Training;

/// <summary>Writes what a run has trained as a plain Hugging Face folder.</summary>
public static class TrainedModel
{
    /// <summary>Writes config.json, model.safetensors (bfloat16), the tokenizer's files and the run's log.</summary>
    /// <param name="trainer">The run.</param>
    /// <param name="folder">The model's folder.</param>
    public static void Write(Trainer trainer, string folder)
    {
        ModelFolder.Save(folder, trainer.Config, name => trainer.Weights[name]);
        HuggingFaceTokenizerFiles.Write(folder, WorldTokenizer.Shared.Vocabulary, WorldTokenizer.Specials, WorldTokenizer.SplitPattern, trainer.Config.MaxPositions);
        if (File.Exists(trainer.LogPath)) File.Copy(trainer.LogPath, Path.Combine(folder, "train-log.csv"), overwrite: true);
    }
}
