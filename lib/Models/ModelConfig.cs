using HeadKvLab.Kernels;
using HeadKvLab.Text;

namespace HeadKvLab.Models;

/// <summary>
/// Shape and constants of a decoder: the one place that knows layer and head counts, dimensions and rope. Read from a Hugging Face
/// <c>config.json</c>; covers Llama 1 to 3.2, Mistral v0.1 to v0.3, Qwen2/2.5 and Qwen3. All of them are one decoder whose differences
/// are the flags below: pre-norm RMSNorm, grouped-query attention with rope, SwiGLU.
/// </summary>
public sealed record ModelConfig
{
    /// <summary>Class name as config files spell it, for example <c>LlamaForCausalLM</c>.</summary>
    public required string Architecture { get; init; }

    /// <summary>Number of token ids.</summary>
    public required int VocabSize { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width inside the feed-forward block.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Decoder layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Query heads of a layer.</summary>
    public required int QueryHeads { get; init; }

    /// <summary>Key/value heads of a layer; divides <see cref="QueryHeads"/>.</summary>
    public required int KvHeads { get; init; }

    /// <summary>Dimensions of one head; not always <c>HiddenSize / QueryHeads</c>.</summary>
    public required int HeadDim { get; init; }

    /// <summary>Epsilon of RMSNorm.</summary>
    public double NormEpsilon { get; init; } = 1e-6;

    /// <summary>Base of the rotary frequencies.</summary>
    public double RopeTheta { get; init; } = 10_000;

    /// <summary>Stretching of the rotary frequencies, or null.</summary>
    public RopeScaling? RopeScaling { get; init; }

    /// <summary>Longest context, tokens.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>A sliding layer's query at position p sees keys p - SlidingWindow + 1 to p; null when no layer slides.</summary>
    public int? SlidingWindow { get; init; }

    /// <summary>Which layers slide, <c>[layer]</c>; empty means all of them (when <see cref="SlidingWindow"/> is set).</summary>
    public IReadOnlyList<bool> SlidingLayers { get; init; } = [];

    /// <summary>Biases on the query, key and value projections (Qwen2).</summary>
    public bool AttentionBias { get; init; }

    /// <summary>Bias on the attention's output projection.</summary>
    public bool OutputBias { get; init; }

    /// <summary>Biases in the feed-forward block.</summary>
    public bool MlpBias { get; init; }

    /// <summary>RMSNorm over the dimensions of each query and key head before rope (Qwen3).</summary>
    public bool QkNorm { get; init; }

    /// <summary>The layer whose normalised input each layer's keys and values are projected from, <c>[layer]</c>: itself or an earlier one, which reads itself; empty: each its own.</summary>
    public IReadOnlyList<int> KvInputs { get; init; } = [];

    /// <summary>The output matrix is the embedding.</summary>
    public bool TieEmbeddings { get; init; }

    /// <summary>Id that opens a sequence, if the model has one.</summary>
    public int? BosId { get; init; }

    /// <summary>Ids that end a generation.</summary>
    public IReadOnlyList<int> EosIds { get; init; } = [];

    /// <summary>Number type the config declares for the weights; each tensor's own header decides when reading.</summary>
    public NumberFormat StorageType { get; init; } = NumberFormat.Float32;

    /// <summary>Query heads that share one KV head.</summary>
    public int Group => QueryHeads / KvHeads;

    /// <summary>Factor of the attention logits, 1/sqrt(dim) in all models that are read.</summary>
    public float AttentionScale => 1f / MathF.Sqrt(HeadDim);

    /// <summary>The sliding window of one layer, tokens; null when the layer sees the whole context.</summary>
    public int? WindowOf(int layer) => SlidingLayers.Count == 0 || SlidingLayers[layer] ? SlidingWindow : null;

    /// <summary>The layer whose input a layer's keys and values are projected from.</summary>
    public int KvInputOf(int layer) => KvInputs.Count == 0 ? layer : KvInputs[layer];

    /// <summary>Cache bytes that one token costs over all layers, keys and values, stored once for each KV head.</summary>
    /// <param name="bytesPerNumber">4 for float32, 2 for bfloat16 and float16.</param>
    public long KvBytesPerToken(int bytesPerNumber) => 2L * Layers * KvHeads * HeadDim * bytesPerNumber;

    /// <summary>The same when each query head keeps its own selection and therefore its own copy.</summary>
    /// <param name="bytesPerNumber">4 for float32, 2 for bfloat16 and float16.</param>
    public long KvBytesPerTokenByQueryHead(int bytesPerNumber) => 2L * Layers * QueryHeads * HeadDim * bytesPerNumber;

    /// <summary>Reads <c>config.json</c> of a model folder.</summary>
    /// <param name="directory">The folder.</param>
    /// <exception cref="LabException">The file is missing or broken, or names an architecture, rope rule or activation this lab does not compute.</exception>
    public static ModelConfig Load(string directory) =>
        ModelConfigReader.Read(JsonPlace.Read(Path.Combine(directory, "config.json"), "name a folder in Hugging Face form (config.json, model.safetensors, tokenizer.json)"));

    /// <summary>Reads the text of a <c>config.json</c>.</summary>
    /// <param name="utf8">The file's bytes.</param>
    /// <param name="file">Name used in messages.</param>
    /// <exception cref="LabException">As in <see cref="Load"/>.</exception>
    public static ModelConfig Parse(byte[] utf8, string file = "config.json") => ModelConfigReader.Read(new JsonPlace(file, "", StrictJson.Parse(utf8, file)));

    /// <summary>The configuration as the text of a <c>config.json</c> that Hugging Face's libraries read too.</summary>
    public string ToJson() => ModelConfigWriter.Write(this);

    /// <summary>Writes <c>config.json</c> into a folder, creating the folder.</summary>
    public void Save(string directory)
    {
        Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, "config.json"), ToJson());
    }
}
