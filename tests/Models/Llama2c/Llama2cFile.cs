using System.Buffers.Binary;
using System.Runtime.InteropServices;
using HeadKvLab.Models;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Models.Llama2c;

/// <summary>
/// A checkpoint of llama2.c (github.com/karpathy/llama2.c, version 0), in which the published tiny models come: seven little-endian int32 (dim, hidden, layers, heads,
/// kvHeads, vocab, maxSeq; vocab negative when the output matrix is untied), then float32 arrays, each for all layers together. Its rope turns interleaved
/// pairs (2i, 2i+1), Hugging Face's turns (i, i + dim/2), so the rows of Wq and Wk are permuted on the way.
/// </summary>
internal sealed class Llama2cFile
{
    private const int HeaderBytes = 28;
    private readonly byte[] bytes;
    private readonly Dictionary<string, long> offsets = []; // of each array, in floats after the header

    internal Llama2cFile(string path)
    {
        bytes = File.ReadAllBytes(path);
        var n = Enumerable.Range(0, 7).Select(i => BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(4 * i))).ToArray();
        Config = new ModelConfig
        {
            Architecture = "LlamaForCausalLM", VocabSize = Math.Abs(n[5]), HiddenSize = n[0], IntermediateSize = n[1], Layers = n[2], QueryHeads = n[3], KvHeads = n[4], HeadDim = n[0] / n[3],
            NormEpsilon = 1e-5, RopeTheta = 10_000, MaxPositions = n[6], TieEmbeddings = n[5] > 0, BosId = 1, EosIds = [2, 1],
        };
        var end = 0L;
        foreach (var (name, length) in Arrays()) (offsets[name], end) = (end, end + length);
        Assert.Equal(bytes.Length, HeaderBytes + 4 * end);
    }

    /// <summary>Llama, rope base 10,000, epsilon 1e-5, BOS 1; generation ends at EOS 2 or at a further BOS.</summary>
    internal ModelConfig Config { get; }

    /// <summary>One weight by its Hugging Face name, in Hugging Face's layout.</summary>
    internal Tensor Load(string name)
    {
        var shape = ModelTensors.Of(Config).First(tensor => tensor.Name == name).Shape;
        var length = (int)shape.Aggregate(1L, (a, b) => a * b);
        var (array, layer) = Place(name);
        var values = MemoryMarshal.Cast<byte, float>(bytes.AsSpan(HeaderBytes)).Slice((int)offsets[array] + layer * length, length).ToArray();
        return tensor(array is "wq" or "wk" ? HalfSplitRows(values) : values, shape);
    }

    private IEnumerable<(string Array, long Length)> Arrays()
    {
        long dim = Config.HiddenSize, hidden = Config.IntermediateSize, layers = Config.Layers, kv = (long)Config.KvHeads * Config.HeadDim, rope = (long)Config.MaxPositions * (Config.HeadDim / 2);
        return
        [
            ("embedding", Config.VocabSize * dim), ("attention_norm", layers * dim), ("wq", layers * dim * dim), ("wk", layers * kv * dim), ("wv", layers * kv * dim), ("wo", layers * dim * dim),
            ("ffn_norm", layers * dim), ("w1", layers * hidden * dim), ("w2", layers * dim * hidden), ("w3", layers * hidden * dim), ("final_norm", dim), ("rope_cos", rope), ("rope_sin", rope),
            .. Config.TieEmbeddings ? (IEnumerable<(string, long)>)[] : [("output", Config.VocabSize * dim)],
        ];
    }

    private static (string Array, int Layer) Place(string name) => name switch
    {
        ModelTensors.Embedding => ("embedding", 0),
        ModelTensors.FinalNorm => ("final_norm", 0),
        ModelTensors.Output => ("output", 0),
        _ => (name.Split('.')[^2] switch // model.layers.3.mlp.up_proj.weight
        {
            "input_layernorm" => "attention_norm", "q_proj" => "wq", "k_proj" => "wk", "v_proj" => "wv", "o_proj" => "wo",
            "post_attention_layernorm" => "ffn_norm", "gate_proj" => "w1", "down_proj" => "w2", _ => "w3",
        }, int.Parse(name.Split('.')[2], System.Globalization.CultureInfo.InvariantCulture)),
    };

    /// <summary>Interleaved to half-split: within each head, row i takes old row 2i and row i + dim/2 takes old row 2i + 1.</summary>
    private float[] HalfSplitRows(float[] rows)
    {
        var (result, columns, dim) = (new float[rows.Length], Config.HiddenSize, Config.HeadDim);
        for (var row = 0; row < rows.Length / columns; row++)
        {
            var source = row / dim * dim + (row % dim < dim / 2 ? 2 * (row % dim) : 2 * (row % dim - dim / 2) + 1);
            rows.AsSpan(source * columns, columns).CopyTo(result.AsSpan(row * columns));
        }
        return result;
    }
}
