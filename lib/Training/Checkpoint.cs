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
    internal sealed record Progress(int Step, long Tokens, double Seconds, string Recipe);

    internal IEnumerable<string> Folders() => !Directory.Exists(root) ? []
        : Directory.EnumerateDirectories(root, "step-*").Where(d => !d.EndsWith(".partial", StringComparison.Ordinal)).OrderDescending(StringComparer.Ordinal);

    internal void Save(Progress progress, IReadOnlyDictionary<string, Parameter> weights, params ReadOnlySpan<AdamW> optimizers)
    {
        var target = Path.Combine(root, $"step-{progress.Step:0000000}");
        var partial = target + ".partial";
        if (Directory.Exists(partial)) Directory.Delete(partial, recursive: true);
        Directory.CreateDirectory(partial);
        using (var file = File.Create(Path.Combine(partial, "weights.bin")))
        {
            foreach (var (_, weight) in weights) weight.WriteBytesToStream(file, 1 << 20);
            file.Flush(flushToDisk: true);
        }
        for (var i = 0; i < optimizers.Length; i++) optimizers[i].save_state_dict(Path.Combine(partial, $"optimizer{i}.bin"));
        File.WriteAllText(Path.Combine(partial, "progress.json"), JsonSerializer.Serialize(progress));
        if (Directory.Exists(target)) Directory.Delete(target, recursive: true);
        Directory.Move(partial, target);
        foreach (var old in Folders().Skip(Kept).ToArray()) Directory.Delete(old, recursive: true);
    }

    /// <summary>Loads the newest checkpoint into the weights and optimisers; null when there is none.</summary>
    /// <exception cref="LabException">The checkpoint belongs to another recipe.</exception>
    internal Progress? Load(string recipe, IReadOnlyDictionary<string, Parameter> weights, params ReadOnlySpan<AdamW> optimizers)
    {
        if (Folders().FirstOrDefault() is not { } folder) return null;
        var progress = JsonSerializer.Deserialize<Progress>(File.ReadAllText(Path.Combine(folder, "progress.json")))
            ?? throw new LabException($"{folder}/progress.json: is empty; delete the folder to resume from the checkpoint before it.");
        if (progress.Recipe != recipe)
            throw new LabException($"{folder}: was made by another recipe; give --restart to train afresh, or put the recipe back.");
        using (var quiet = no_grad())
        using (var file = File.OpenRead(Path.Combine(folder, "weights.bin")))
            foreach (var (_, weight) in weights) weight.ReadBytesFromStream(file, 1 << 20);
        for (var i = 0; i < optimizers.Length; i++) optimizers[i].load_state_dict(Path.Combine(folder, $"optimizer{i}.bin"));
        return progress;
    }
}
