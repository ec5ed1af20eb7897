using System.Text.Json;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace HeadKvLab.Training;

/// <summary>
/// Checkpoints of a run: <c>ROOT/step-0001200/</c> with the weights in float32, both optimisers' states and the progress. A folder is written under
/// another name and renamed when it is whole and on disk, so whatever kills the run leaves the last good one; older ones are removed afterwards.
/// </summary>
internal sealed class Checkpoint(string root)
{
    private const int Kept = 2;

    /// <summary>What is stored beside the tensors.</summary>
    internal sealed record Progress(int Step, long Tokens, double Seconds, string Recipe, StepFigures.Sums? SinceReport = null);

    internal IEnumerable<string> Folders() => !Directory.Exists(root) ? []
        : Directory.EnumerateDirectories(root, "step-*").Where(d => !d.EndsWith(".partial", StringComparison.Ordinal)).OrderDescending(StringComparer.Ordinal);

    internal void Save(Progress progress, IReadOnlyDictionary<string, Parameter> weights, params ReadOnlySpan<AdamW> optimizers)
    {
        var target = Path.Combine(root, $"step-{progress.Step:0000000}");
        var partial = target + ".partial";
        try
        {
            Write(partial, progress, weights, optimizers);
            if (Directory.Exists(target)) Directory.Delete(target, recursive: true);
            Directory.Move(partial, target);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (Directory.Exists(partial)) Directory.Delete(partial, recursive: true);
            var last = Folders().FirstOrDefault();
            throw new LabException($"{target}: the checkpoint could not be written ({e.Message}). "
                + (last is null ? "There is none before it" : $"{last} is whole") + "; make room and give the same command again, it goes on from there.", e);
        }
        foreach (var old in Folders().Skip(Kept).ToArray()) Directory.Delete(old, recursive: true);
    }

    private static void Write(string partial, Progress progress, IReadOnlyDictionary<string, Parameter> weights, ReadOnlySpan<AdamW> optimizers)
    {
        if (Directory.Exists(partial)) Directory.Delete(partial, recursive: true);
        Directory.CreateDirectory(partial);
        using (var file = File.Create(Path.Combine(partial, "weights.bin")))
        {
            foreach (var (_, weight) in weights)
            {
                using var scope = NewDisposeScope();
                weight.cpu().WriteBytesToStream(file, 1 << 20);
            }
            file.Flush(flushToDisk: true);
        }
        for (var i = 0; i < optimizers.Length; i++) optimizers[i].save_state_dict(Path.Combine(partial, $"optimizer{i}.bin"));
        File.WriteAllText(Path.Combine(partial, "progress.json"), JsonSerializer.Serialize(progress));
    }

    /// <summary>Loads the newest checkpoint into the weights and optimisers; null when there is none.</summary>
    /// <exception cref="LabException">The steps up to the checkpoint are not those of this recipe.</exception>
    internal Progress? Load(TrainingRecipe recipe, IReadOnlyDictionary<string, Parameter> weights, params ReadOnlySpan<AdamW> optimizers)
    {
        if (Folders().FirstOrDefault() is not { } folder) return null;
        var progress = JsonSerializer.Deserialize<Progress>(File.ReadAllText(Path.Combine(folder, "progress.json")))
            ?? throw new LabException($"{folder}/progress.json: is empty; delete the folder to resume from the checkpoint before it.");
        if (!recipe.SameUntil(progress.Step, TrainingRecipe.Parse(progress.Recipe, folder)))
            throw new LabException($"{folder}: was made by another recipe (its first {progress.Step} steps differ); give --restart to train afresh, or put the recipe back.");
        using (var quiet = no_grad())
        using (var file = File.OpenRead(Path.Combine(folder, "weights.bin")))
            foreach (var (_, weight) in weights)
            {
                using var read = empty(weight.shape);
                read.ReadBytesFromStream(file, 1 << 20);
                weight.copy_(read);
            }
        for (var i = 0; i < optimizers.Length; i++) optimizers[i].load_state_dict(Path.Combine(folder, $"optimizer{i}.bin"));
        return progress;
    }
}
