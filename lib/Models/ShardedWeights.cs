using System.Text.Json;
using static TorchSharp.torch;
using HeadKvLab.Text;

namespace HeadKvLab.Models;

/// <summary>
/// The weight files of a model folder as one set of tensors: a single <c>model.safetensors</c>, or the shards that
/// <c>model.safetensors.index.json</c> names. Shards must be plain file names inside the folder, and no tensor may stand in two of them.
/// </summary>
internal sealed class ShardedWeights : IDisposable
{
    private const string Single = "model.safetensors", Index = "model.safetensors.index.json";
    private readonly Dictionary<string, SafetensorsFile> fileOf = [];
    private readonly Dictionary<string, SafetensorsEntry> tensors = [];
    private readonly List<SafetensorsFile> files = [];

    private ShardedWeights(string file) => File = file;

    /// <summary>The file that lists the tensors.</summary>
    internal string File { get; }

    internal IReadOnlyDictionary<string, SafetensorsEntry> Tensors => tensors;

    internal string FileOf(string name) => fileOf[name].File;

    /// <summary>Opens the files of a folder.</summary>
    /// <param name="directory">The folder.</param>
    /// <param name="needed">Tensors that the model is made of; an index may name others that no shard holds.</param>
    internal static ShardedWeights Open(string directory, IReadOnlySet<string> needed)
    {
        var single = Path.Combine(directory, Single);
        var index = Path.Combine(directory, Index);
        var weights = new ShardedWeights(System.IO.File.Exists(single) ? single : index);
        try
        {
            if (weights.File == single) weights.Add(SafetensorsFile.Open(single));
            else weights.AddShards(directory, needed);
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    internal Tensor Load(string name, ScalarType? type) => fileOf.TryGetValue(name, out var file)
        ? file.Load(name, type)
        : throw new LabException($"{File}: has no tensor '{name}': the checkpoint belongs to another model or is incomplete");

    /// <summary>True when two tensors have one type, one shape and the same bytes.</summary>
    internal bool AreEqual(string one, string other)
    {
        var (a, b) = (tensors[one], tensors[other]);
        if (a.Type != b.Type || !a.Shape.AsSpan().SequenceEqual(b.Shape)) return false;
        byte[] left = new byte[1 << 20], right = new byte[1 << 20];
        for (var at = 0L; at < a.Length; at += left.Length)
        {
            var count = (int)Math.Min(left.Length, a.Length - at);
            fileOf[one].ReadBytes(a, at, left.AsSpan(0, count));
            fileOf[other].ReadBytes(b, at, right.AsSpan(0, count));
            if (!left.AsSpan(0, count).SequenceEqual(right.AsSpan(0, count))) return false;
        }
        return true;
    }

    public void Dispose()
    {
        foreach (var file in files) file.Dispose();
    }

    private void AddShards(string directory, IReadOnlySet<string> needed)
    {
        var index = JsonPlace.Read(File, $"the folder holds neither {Single} nor its index; download the weights in safetensors form");
        var map = index["weight_map"] is { Exists: true } there ? there : throw index["weight_map"].Bad("is missing: it says which shard holds each tensor; download the index again");
        var wanted = map.Members().Select(item => (item.Name, Shard: item.Value.TextOrNone() ?? throw item.Value.Bad("names no shard: download the index again"))).ToArray();
        foreach (var shard in wanted.Select(item => item.Shard).Distinct()) Add(SafetensorsFile.Open(Locate(directory, shard)));
        foreach (var (name, shard) in wanted)
            if (fileOf.TryGetValue(name, out var file) ? Path.GetFileName(file.File) != shard : needed.Contains(name))
                throw new LabException($"{File}: says that '{shard}' holds '{name}', but it does not: index and shards come from different downloads");
    }

    private string Locate(string directory, string shard)
    {
        if (shard.Length == 0 || shard is "." or ".." || shard.AsSpan().IndexOfAny('/', '\\', '\0') >= 0 || Path.IsPathRooted(shard) || Path.GetFileName(shard) != shard)
            throw new LabException($"{File}: names the shard '{shard}', which is not a plain file name inside the folder: do not use this index");
        var path = Path.Combine(directory, shard);
        return System.IO.File.Exists(path) ? path : throw new LabException($"{File}: names the shard '{shard}', which is not in the folder: download it");
    }

    private void Add(SafetensorsFile file)
    {
        files.Add(file);
        foreach (var (name, entry) in file.Tensors)
        {
            if (!fileOf.TryAdd(name, file)) throw new LabException($"{file.File}: tensor '{name}' also stands in {fileOf[name].File}: keep one of them");
            tensors.Add(name, entry);
        }
    }
}
