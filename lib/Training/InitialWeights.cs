using HeadKvLab.Models;

namespace HeadKvLab.Training;

/// <summary>The weights of a model before its first step, by Hugging Face name: plain arrays, so that a start can be read and changed.</summary>
public sealed class InitialWeights
{
    private readonly Dictionary<string, Matrix> matrices = [];

    /// <summary>One weight: <c>[rows, columns]</c>, row-major; a vector is one row.</summary>
    public sealed class Matrix(int rows, int columns, bool vector)
    {
        /// <summary>Outputs.</summary>
        public int Rows => rows;

        /// <summary>Inputs.</summary>
        public int Columns => columns;

        /// <summary>Sizes as the checkpoint has them.</summary>
        public long[] Shape => vector ? [columns] : [rows, columns];

        /// <summary>The numbers.</summary>
        public float[] Values { get; } = new float[(long)rows * columns];

        /// <summary>One number.</summary>
        public ref float this[int row, int column] => ref Values[(long)row * columns + column];
    }

    /// <summary>All weights by name.</summary>
    public IReadOnlyDictionary<string, Matrix> All => matrices;

    /// <summary>The weight of that name.</summary>
    public Matrix this[string name] => matrices[name];

    /// <summary>
    /// Ordinary start: N(0, 1/fan-in) for queries, keys, values, gate and up; N(0, 1/(2·layers·fan-in)) for what writes into the residual
    /// stream (output, down); embedding N(0, 0.5²), unembedding N(0, 0.05²); norms 1.
    /// </summary>
    /// <param name="config">Sizes; biases and q/k norms are not trained here.</param>
    /// <param name="seed">Equal seeds give equal weights on every machine.</param>
    public static InitialWeights Ordinary(ModelConfig config, ulong seed)
    {
        var start = new InitialWeights();
        var noise = new Gaussian(seed);
        var residual = 1.0 / Math.Sqrt(2.0 * config.Layers);
        start.Random("model.embed_tokens.weight", config.VocabSize, config.HiddenSize, 0.5, noise);
        for (var l = 0; l < config.Layers; l++)
        {
            var at = $"model.layers.{l}";
            var (hidden, queries, keys) = (config.HiddenSize, config.QueryHeads * config.HeadDim, config.KvHeads * config.HeadDim);
            var fan = 1 / Math.Sqrt(hidden);
            start.Ones($"{at}.input_layernorm.weight", hidden);
            start.Random($"{at}.self_attn.q_proj.weight", queries, hidden, fan, noise);
            start.Random($"{at}.self_attn.k_proj.weight", keys, hidden, fan, noise);
            start.Random($"{at}.self_attn.v_proj.weight", keys, hidden, fan, noise);
            start.Random($"{at}.self_attn.o_proj.weight", hidden, queries, residual / Math.Sqrt(queries), noise);
            start.Ones($"{at}.post_attention_layernorm.weight", hidden);
            start.Random($"{at}.mlp.gate_proj.weight", config.IntermediateSize, hidden, fan, noise);
            start.Random($"{at}.mlp.up_proj.weight", config.IntermediateSize, hidden, fan, noise);
            start.Random($"{at}.mlp.down_proj.weight", hidden, config.IntermediateSize, residual / Math.Sqrt(config.IntermediateSize), noise);
        }
        start.Ones("model.norm.weight", config.HiddenSize);
        if (!config.TieEmbeddings) start.Random("lm_head.weight", config.VocabSize, config.HiddenSize, 0.05, noise);
        return start;
    }

    private void Random(string name, int rows, int columns, double deviation, Gaussian noise)
    {
        var matrix = new Matrix(rows, columns, vector: false);
        for (var i = 0; i < matrix.Values.Length; i++) matrix.Values[i] = (float)(noise.Next() * deviation);
        matrices.Add(name, matrix);
    }

    private void Ones(string name, int length)
    {
        var matrix = new Matrix(1, length, vector: true);
        matrix.Values.AsSpan().Fill(1f);
        matrices.Add(name, matrix);
    }

    /// <summary>Normal deviates by Box and Muller over SplitMix64: the same sequence on every platform.</summary>
    private sealed class Gaussian(ulong seed)
    {
        private ulong state = seed;
        private double? spare;

        internal double Next()
        {
            if (spare is { } kept)
            {
                spare = null;
                return kept;
            }
            var radius = Math.Sqrt(-2 * Math.Log(1 - Uniform()));
            var (sine, cosine) = Math.SinCos(2 * Math.PI * Uniform());
            spare = radius * sine;
            return radius * cosine;
        }

        private double Uniform()
        {
            var z = state += 0x9E3779B97F4A7C15;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return ((z ^ (z >> 31)) >> 11) * (1.0 / (1ul << 53));
        }
    }
}
