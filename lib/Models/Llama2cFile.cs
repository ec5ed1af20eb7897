using System.Buffers.Binary;
using System.Runtime.InteropServices;
using HeadKvLab.Text;
using Microsoft.Win32.SafeHandles;
using static TorchSharp.torch;

namespace HeadKvLab.Models;

/// <summary>
/// A llama2.c checkpoint (github.com/karpathy/llama2.c, version 0): seven little-endian int32 (dim, hidden, layers, heads, kvHeads, vocab,
/// maxSeq; vocab negative when the output matrix is untied), then float32 arrays, each for all layers together:
/// embedding, attention norms, Wq, Wk, Wv, Wo, feed-forward norms, W1, W2, W3, final norm, two rope tables (derived, ignored), output matrix.
/// Its rope turns interleaved pairs (2i, 2i+1); Hugging Face's turns (i, i + dim/2), so the rows of Wq and Wk are permuted on the way.
/// </summary>
public sealed class Llama2cFile : IDisposable
{
    private const int HeaderBytes = 28;
    private readonly string file;
    private readonly SafeFileHandle handle;
    private readonly Dictionary<string, long> offsets; // of each array, in floats after the header

    private Llama2cFile(string file, SafeFileHandle handle, ModelConfig config, Dictionary<string, long> offsets)
    {
        this.file = file;
        this.handle = handle;
        this.offsets = offsets;
        Config = config;
    }

    /// <summary>The model: Llama, rope base 10,000, epsilon 1e-5, BOS 1; generation ends at EOS 2 or at a further BOS.</summary>
    public ModelConfig Config { get; }

    /// <summary>Opens a checkpoint and checks its size against its header.</summary>
    /// <exception cref="LabException">Not a llama2.c checkpoint, or an incomplete one.</exception>
    public static Llama2cFile Open(string path)
    {
        SafeFileHandle? handle = null;
        try
        {
            handle = File.OpenHandle(path);
            var config = ReadHeader(handle, path);
            return new Llama2cFile(path, handle, config, Layout(config, RandomAccess.GetLength(handle), path));
        }
        catch (Exception e)
        {
            handle?.Dispose();
            if (e is IOException or UnauthorizedAccessException) throw new LabException($"{path}: cannot be opened: {e.Message}", e);
            throw;
        }
    }

    /// <summary>Reads one weight in Hugging Face's layout.</summary>
    /// <param name="name">Hugging Face name, for example <c>model.layers.0.self_attn.q_proj.weight</c>.</param>
    /// <returns>float32, of the shape that <see cref="ModelTensors"/> gives.</returns>
    public Tensor Load(string name)
    {
        var shape = ModelTensors.Of(Config).First(tensor => tensor.Name == name).Shape;
        var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        var (array, layer) = Llama2cLayout.ArrayOf(name);
        Read(values, offsets[array] + layer * (long)values.Length, name);
        if (array is "wq" or "wk") values = Llama2cLayout.HalfSplitRows(values, Config.HeadDim, Config.HiddenSize);
        return tensor(values, shape);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => handle.Dispose();

    private void Read(float[] values, long first, string name)
    {
        var bytes = MemoryMarshal.AsBytes(values.AsSpan());
        for (var done = 0; done < bytes.Length;)
        {
            var read = RandomAccess.Read(handle, bytes[done..], HeaderBytes + 4 * first + done);
            if (read == 0) throw new LabException($"{file}: the file shrank while it was read: start again when no other program writes it");
            done += read;
        }
        var bad = NonFinite.First(bytes, "F32");
        if (bad >= 0) throw new LabException($"{file}: '{name}' holds NaN or infinity at element {StrictJson.Grouped(bad)}: the checkpoint is damaged");
    }

    private static ModelConfig ReadHeader(SafeFileHandle handle, string file)
    {
        var header = new byte[HeaderBytes];
        if (RandomAccess.Read(handle, header, 0) != HeaderBytes) throw new LabException($"{file}: shorter than the 28 bytes of a llama2.c header: the download is incomplete");
        var n = new int[7];
        for (var i = 0; i < n.Length; i++) n[i] = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(4 * i));
        var (dim, hidden, layers, heads, kvHeads, vocabulary, context) = (n[0], n[1], n[2], n[3], n[4], n[5], n[6]);
        Require(dim is > 0 and <= 1 << 17, "dim", dim);
        Require(hidden is > 0 and <= 1 << 20, "hidden", hidden);
        Require(layers is > 0 and <= 1024, "layers", layers);
        Require(heads is > 0 and <= 1024 && dim % heads == 0 && dim / heads % 2 == 0, "heads", heads);
        Require(kvHeads > 0 && heads % kvHeads == 0, "kvHeads", kvHeads);
        Require(vocabulary is not 0 and > -(1 << 24) and < 1 << 24, "vocab", vocabulary);
        Require(context > 0, "maxSeq", context);
        return new ModelConfig
        {
            Architecture = "LlamaForCausalLM", VocabSize = Math.Abs(vocabulary), HiddenSize = dim, IntermediateSize = hidden, Layers = layers,
            QueryHeads = heads, KvHeads = kvHeads, HeadDim = dim / heads, NormEpsilon = 1e-5, RopeTheta = 10_000, MaxPositions = context,
            TieEmbeddings = vocabulary > 0, BosId = 1, EosIds = [2, 1],
        };

        void Require(bool good, string field, int value)
        {
            if (!good) throw new LabException($"{file}: the header says {field} = {value}, which no llama2.c checkpoint has: is this a version 0 file?");
        }
    }

    private static Dictionary<string, long> Layout(ModelConfig config, long fileLength, string file)
    {
        var offsets = new Dictionary<string, long>();
        var end = 0L;
        foreach (var (name, length) in Llama2cLayout.Arrays(config))
        {
            offsets[name] = end;
            end = checked(end + length);
        }
        return HeaderBytes + 4 * end == fileLength
            ? offsets
            : throw new LabException($"{file}: the header calls for {StrictJson.Grouped(HeaderBytes + 4 * end)} bytes, the file has {StrictJson.Grouped(fileLength)}: the download is incomplete or not a version 0 file");
    }
}
