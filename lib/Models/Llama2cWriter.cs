using System.Buffers.Binary;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Models;

/// <summary>Writes a plain Llama as a llama2.c checkpoint (see <see cref="Llama2cFile"/>), so that small C programs can run a model trained here.</summary>
public static class Llama2cWriter
{
    /// <summary>Writes a checkpoint.</summary>
    /// <param name="path">The file.</param>
    /// <param name="config">A Llama with rope base 10,000, epsilon 1e-5, no scaling, no biases and HeadDim = HiddenSize / QueryHeads: the format knows no other.</param>
    /// <param name="load">Gives each weight by its Hugging Face name; disposed here.</param>
    /// <exception cref="LabException">The model does not fit the format, or the disk refuses.</exception>
    public static void Write(string path, ModelConfig config, Func<string, Tensor> load)
    {
        Require(config.Architecture == "LlamaForCausalLM", config.Architecture);
        Require(config.RopeTheta == 10_000 && config.RopeScaling is null, "another rope base or scaling");
        Require(config.NormEpsilon == 1e-5, FormattableString.Invariant($"RMSNorm epsilon {config.NormEpsilon}"));
        Require(!config.AttentionBias && !config.OutputBias && !config.MlpBias, "biases");
        Require(config.HeadDim * config.QueryHeads == config.HiddenSize, "a head dimension of its own");
        try
        {
            OutputFile.Write(path, stream => WriteAll(stream, config, load));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{path}: cannot be written: {e.Message} Free space or choose another folder", e);
        }

        void Require(bool fits, string what)
        {
            if (!fits) throw new LabException($"{path}: llama2.c has no place for {what}: only a plain Llama can be exported");
        }
    }

    private static void WriteAll(Stream stream, ModelConfig config, Func<string, Tensor> load)
    {
        WriteHeader(stream, config);
        var names = ModelTensors.Of(config).Select(tensor => tensor.Name).GroupBy(name => Llama2cLayout.ArrayOf(name).Array).ToDictionary(g => g.Key);
        foreach (var (array, _) in Llama2cLayout.Arrays(config))
        {
            if (array is "rope_cos" or "rope_sin") WriteRope(stream, config, array == "rope_sin");
            else foreach (var name in names[array]) WriteWeight(stream, load(name), array is "wq" or "wk", config);
        }
    }

    private static void WriteHeader(Stream stream, ModelConfig config)
    {
        Span<byte> word = stackalloc byte[4];
        foreach (var value in (ReadOnlySpan<int>)[config.HiddenSize, config.IntermediateSize, config.Layers, config.QueryHeads, config.KvHeads,
            config.TieEmbeddings ? config.VocabSize : -config.VocabSize, config.MaxPositions])
        {
            BinaryPrimitives.WriteInt32LittleEndian(word, value);
            stream.Write(word);
        }
    }

    private static void WriteWeight(Stream stream, Tensor weight, bool interleave, ModelConfig config)
    {
        using var scope = NewDisposeScope();
        var values = weight.detach().to_type(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();
        weight.Dispose();
        if (interleave) values = Llama2cLayout.InterleavedRows(values, config.HeadDim, config.HiddenSize);
        stream.Write(MemoryMarshal.AsBytes(values.AsSpan()));
    }

    /// <summary>Table <c>[position, dim / 2]</c> of cosines or sines.</summary>
    private static void WriteRope(Stream stream, ModelConfig config, bool sines)
    {
        var frequencies = Rope.Frequencies(config);
        var row = new float[frequencies.Length];
        for (var position = 0; position < config.MaxPositions; position++)
        {
            for (var i = 0; i < row.Length; i++) row[i] = sines ? MathF.Sin(position * frequencies[i]) : MathF.Cos(position * frequencies[i]);
            stream.Write(MemoryMarshal.AsBytes(row.AsSpan()));
        }
    }
}
