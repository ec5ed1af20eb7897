using HeadKvLab.Cache;
using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Profiling.Decode;

/// <summary>A model to be timed: a folder's weights, or random ones where only a config is at hand. Its positions reach as far as the timing does.</summary>
public sealed class TimedModel : IDisposable
{
    private readonly string? _folder;
    private string? _written;

    private TimedModel(string name, Decoder decoder, ScalarType stored, string? folder) => (Name, Decoder, Stored, _folder) = (name, decoder, stored, folder);

    /// <summary>Name of the folder or the config.</summary>
    public string Name { get; }

    /// <summary>The model.</summary>
    public Decoder Decoder { get; }

    /// <summary>Type of the matrices in the checkpoint; whatever they are loaded in, decoding reads no more bytes than that.</summary>
    public ScalarType Stored { get; }

    /// <summary>Opens a model.</summary>
    /// <param name="path">A model folder, or a config.json of which a model with random weights is made.</param>
    /// <param name="positions">Longest context that will be timed, tokens.</param>
    /// <param name="type">Type of the matrices in memory.</param>
    /// <param name="device">Where the weights go; null: CPU.</param>
    /// <exception cref="LabException">There is neither, or it is broken.</exception>
    public static TimedModel Open(string path, int positions, ScalarType type = ScalarType.Float32, Device? device = null)
    {
        if (Directory.Exists(path))
        {
            using var folder = ModelFolder.Open(path);
            return new(Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path))), folder.LoadDecoder(type, device, Math.Max(positions, folder.Config.MaxPositions)),
                SafetensorsTypes.Scalar(folder.Tensors[ModelTensors.Embedding].Type), path);
        }
        if (!File.Exists(path)) throw new LabException($"{path}: no such model folder or config file; data/configs has some of the latter");
        var config = ModelConfig.Parse(File.ReadAllBytes(path), path);
        return new(Path.GetFileNameWithoutExtension(path), RandomModel.Create(config with { MaxPositions = Math.Max(positions, config.MaxPositions) }, type: type, device: device), config.StorageType.Scalar(), null);
    }

    /// <summary>A Hugging Face folder of the same weights, for other programs; written to the temporary folder if there was only a config.</summary>
    public string Folder()
    {
        if (_folder is not null) return _folder;
        if (_written is null)
        {
            _written = Directory.CreateTempSubdirectory("headkvlab-").FullName;
            RandomModel.Write(Decoder.Config, _written);
        }
        return _written;
    }

    /// <summary>Releases the weights and deletes what was written.</summary>
    public void Dispose()
    {
        Decoder.Dispose();
        if (_written is not null) Directory.Delete(_written, recursive: true);
    }
}
