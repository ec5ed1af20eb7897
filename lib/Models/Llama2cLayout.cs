namespace HeadKvLab.Models;

/// <summary>Order and row layout of the arrays in a llama2.c checkpoint, shared by reading and writing.</summary>
internal static class Llama2cLayout
{
    /// <summary>The arrays in file order with their lengths in floats, all layers together.</summary>
    internal static IEnumerable<(string Array, long Length)> Arrays(ModelConfig config)
    {
        long dim = config.HiddenSize, hidden = config.IntermediateSize, layers = config.Layers, kv = (long)config.KvHeads * config.HeadDim;
        yield return ("embedding", config.VocabSize * dim);
        yield return ("attention_norm", layers * dim);
        yield return ("wq", layers * dim * dim);
        yield return ("wk", layers * kv * dim);
        yield return ("wv", layers * kv * dim);
        yield return ("wo", layers * dim * dim);
        yield return ("ffn_norm", layers * dim);
        yield return ("w1", layers * hidden * dim);
        yield return ("w2", layers * dim * hidden);
        yield return ("w3", layers * hidden * dim);
        yield return ("final_norm", dim);
        yield return ("rope_cos", (long)config.MaxPositions * (config.HeadDim / 2));
        yield return ("rope_sin", (long)config.MaxPositions * (config.HeadDim / 2));
        if (!config.TieEmbeddings) yield return ("output", config.VocabSize * dim);
    }

    /// <summary>Array and layer of a Hugging Face name.</summary>
    internal static (string Array, int Layer) ArrayOf(string name)
    {
        switch (name)
        {
            case ModelTensors.Embedding: return ("embedding", 0);
            case ModelTensors.FinalNorm: return ("final_norm", 0);
            case ModelTensors.Output: return ("output", 0);
        }
        var parts = name.Split('.'); // model.layers.3.mlp.up_proj.weight
        return (parts[^2] switch
        {
            "input_layernorm" => "attention_norm",
            "q_proj" => "wq",
            "k_proj" => "wk",
            "v_proj" => "wv",
            "o_proj" => "wo",
            "post_attention_layernorm" => "ffn_norm",
            "gate_proj" => "w1",
            "down_proj" => "w2",
            "up_proj" => "w3",
            _ => throw new LabException($"'{name}' has no place in a llama2.c checkpoint"),
        }, int.Parse(parts[2], System.Globalization.CultureInfo.InvariantCulture));
    }

    /// <summary>Interleaved to half-split: within each head, row i takes old row 2i and row i + dim/2 takes old row 2i + 1.</summary>
    internal static float[] HalfSplitRows(float[] rows, int headDim, int columns) =>
        Permute(rows, columns, row => row / headDim * headDim + (row % headDim < headDim / 2 ? 2 * (row % headDim) : 2 * (row % headDim - headDim / 2) + 1));

    /// <summary>The inverse: old row i to row 2i, old row i + dim/2 to row 2i + 1.</summary>
    internal static float[] InterleavedRows(float[] rows, int headDim, int columns) =>
        Permute(rows, columns, row => row / headDim * headDim + row % headDim / 2 + (row % 2 == 0 ? 0 : headDim / 2));

    private static float[] Permute(float[] rows, int columns, Func<int, int> source)
    {
        var result = new float[rows.Length];
        for (var row = 0; row < rows.Length / columns; row++) rows.AsSpan(source(row) * columns, columns).CopyTo(result.AsSpan(row * columns));
        return result;
    }
}
