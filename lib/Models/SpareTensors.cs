using static TorchSharp.torch;

namespace HeadKvLab.Models;

/// <summary>
/// Tensors of a checkpoint that follow from the configuration, so that nothing is computed with them: the output matrix of a tied model, and the
/// rotary frequencies that old checkpoints carry. They are compared with what they should be, not passed over.
/// </summary>
internal static class SpareTensors
{
    private const string Frequencies = ".rotary_emb.inv_freq";

    internal static bool Contains(string name) => name == ModelTensors.Output || name.EndsWith(Frequencies, StringComparison.Ordinal);

    /// <summary>The configuration, not tied where the file holds an output matrix of its own: like Hugging Face's library, the weights are believed.</summary>
    internal static ModelConfig Untie(ModelConfig config, ShardedWeights weights) =>
        config.TieEmbeddings && weights.Tensors.ContainsKey(ModelTensors.Output) && weights.Tensors.ContainsKey(ModelTensors.Embedding)
            && !weights.AreEqual(ModelTensors.Embedding, ModelTensors.Output)
            ? config with { TieEmbeddings = false }
            : config;

    /// <summary>Refuses frequencies that are not those of the configuration, scaled or (as older versions stored them) not yet.</summary>
    internal static void CheckFrequencies(ModelConfig config, ShardedWeights weights)
    {
        float[][]? known = null;
        foreach (var name in weights.Tensors.Keys.Where(name => name.EndsWith(Frequencies, StringComparison.Ordinal)))
        {
            known ??= [Rope.Frequencies(config), Rope.Frequencies(config with { RopeScaling = null })];
            var tolerance = weights.Tensors[name].Type switch { "F32" => 1e-4, "F16" => 4e-3, "BF16" => 3e-2, _ => 0 }; // half precision was computed in, not only stored
            using var values = weights.Load(name, ScalarType.Float32);
            var stored = values.data<float>().ToArray();
            if (tolerance > 0 && known.Any(expected => Close(stored, expected, tolerance))) continue;
            throw new LabException($"{weights.FileOf(name)}: tensor '{name}' holds other rotary frequencies than config.json describes (rope_theta, rope_scaling, head_dim): one of the two belongs to another model; correct config.json, or remove the tensor");
        }
    }

    private static bool Close(float[] stored, float[] expected, double tolerance) => stored.Length == expected.Length
        && stored.Zip(expected).All(pair => Math.Abs(pair.First - pair.Second) <= tolerance * pair.Second + 1e-7);
}
