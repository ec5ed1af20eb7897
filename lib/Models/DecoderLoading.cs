using System.Globalization;
using HeadKvLab.Cache;
using HeadKvLab.Kernels;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace HeadKvLab.Models;

/// <summary>From an open model folder to a decoder that can run.</summary>
public static class DecoderLoading
{
    /// <summary>Builds the decoder with the folder's weights, frozen. Norm gains and biases are float32 whatever the matrices are.</summary>
    /// <param name="folder">The model; it may be closed afterwards.</param>
    /// <param name="compute">Type to hold the matrices in and multiply in; null: the stored one. The CPU has no float16 products: there such matrices are multiplied in float32.</param>
    /// <param name="device">Where to put them; null: CPU.</param>
    /// <param name="positions">Positions to allow instead of the config's, to time contexts that the model was not made for; null: the config's.</param>
    /// <exception cref="LabException">A weight is not finite, a file can no longer be read, or converted weights would not fit into this machine.</exception>
    public static Decoder LoadDecoder(this ModelFolder folder, ScalarType? compute = null, Device? device = null, int? positions = null)
    {
        var onCpu = device is null || device.type == DeviceType.CPU;
        var type = compute ?? SafetensorsTypes.Scalar(folder.Tensors[ModelTensors.Embedding].Type);
        if (onCpu) CheckMemory(folder, type);
        var loaded = new List<Parameter>();
        try
        {
            return new Decoder(positions is { } most ? folder.Config with { MaxPositions = most } : folder.Config, Weight, type);
        }
        catch
        {
            foreach (var weight in loaded) weight.Dispose();
            throw;
        }

        Parameter Weight(string name, long[] shape)
        {
            var values = folder.Load(name, shape.Length == 1 ? ScalarType.Float32 : type);
            if (!onCpu) values = values.to(device!, disposeAfter: true);
            loaded.Add(nn.Parameter(values.DetachFromDisposeScope(), requires_grad: false));
            return loaded[^1];
        }
    }

    /// <summary>Refuses a conversion that cannot fit before it begins: Linux ends a process that takes too much, without a word. Weights of the stored type are mapped.</summary>
    private static void CheckMemory(ModelFolder folder, ScalarType type)
    {
        var converted = folder.Tensors.Values.Where(t => t.Shape.Length > 1 && SafetensorsTypes.Scalar(t.Type) != type).ToArray();
        long wanted = converted.Sum(t => t.Count) * type.Format().Bytes(), there = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (wanted <= there) return;
        throw new LabException(string.Create(CultureInfo.InvariantCulture,
            $"{folder.DirectoryName}: its weights as {type} take {wanted / 1e9:F1} GB, this machine has {there / 1e9:F1} GB: take them as they are stored ({converted[0].Type}; --type stored), which needs no memory but the file's own pages, or take a smaller model"));
    }
}
