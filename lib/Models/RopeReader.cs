using System.Text.Json;
using HeadKvLab.Text;

namespace HeadKvLab.Models;

/// <summary>
/// Rope keys of a <c>config.json</c>, with the precedence of Hugging Face's library: <c>rope_scaling</c>, unless it is null or empty, before
/// <c>rope_parameters</c>; within the object, <c>rope_type</c> before <c>type</c>, and its <c>rope_theta</c> before that of the top level.
/// The object may hold one rule, or one for each layer type; the lab computes one rule, so those of the layers must be equal.
/// </summary>
internal static class RopeReader
{
    private const string Full = "full_attention", Sliding = "sliding_attention";

    /// <summary>The configuration with its rope.</summary>
    /// <param name="json">The file.</param>
    /// <param name="config">What else is known: which layers slide, and the longest context.</param>
    internal static ModelConfig Apply(JsonPlace json, ModelConfig config)
    {
        RefusePartial(json);
        var rope = json["rope_scaling"].Count() > 0 ? json["rope_scaling"] : json["rope_parameters"];
        if (!rope.Exists) return config with { RopeTheta = Theta(json, json) };
        if (!rope.Members().Any(IsOfLayers)) return Rule(json, rope, config);
        if (rope.Members().FirstOrDefault(item => item.Name is not (Full or Sliding)).Name is { } other)
            throw rope[other].Bad($"stands where rules for {Full} or {Sliding} layers are expected: this lab does not know what it means there; correct the file");
        var rules = Enumerable.Range(0, config.Layers).Select(layer => config.WindowOf(layer) is null ? Full : Sliding).Distinct()
            .Select(type => Rule(json, rope[type].Exists ? rope[type] : throw rope[type].Bad("has no rope rule, but layers of this type exist: add it"), config)).ToArray();
        return rules is [var first, .. var others] && others.All(rule => rule == first)
            ? first
            : throw rope[Sliding].Bad($"differs from the rule of {Full} layers: this lab computes one rope rule for all layers");
    }

    private static bool IsOfLayers((string Name, JsonPlace Place) item) => item.Name is Full or Sliding || item.Place.Value.ValueKind == JsonValueKind.Object;

    private static ModelConfig Rule(JsonPlace json, JsonPlace rope, ModelConfig config)
    {
        RefusePartial(rope);
        return config with { RopeTheta = Theta(json, rope), RopeScaling = Scaling(json, rope, config.MaxPositions) };
    }

    private static double Theta(JsonPlace json, JsonPlace rope) =>
        rope["rope_theta"].Given ? rope["rope_theta"].Positive() : json["rope_theta"].Given ? json["rope_theta"].Positive() : 10_000;

    private static RopeScaling? Scaling(JsonPlace json, JsonPlace rope, int maxPositions)
    {
        var key = rope["rope_type"].Given ? "rope_type" : "type";
        if (!rope[key].Given)
            return rope.Members().All(item => item.Name is "rope_theta" or "partial_rotary_factor")
                ? null
                : throw rope["rope_type"].Bad("is missing: name the rule (default, linear, llama3)");
        return rope[key].TextOrNone() switch
        {
            "default" => null,
            "linear" => new LinearRopeScaling(Factor(rope)),
            "llama3" => Llama3(json, rope, maxPositions),
            null => throw rope[key].Bad("is null: name the rule (default, linear, llama3)"),
            var other => throw rope[key].Bad($"is '{other}', a rule this lab does not compute: it knows default, linear and llama3"),
        };
    }

    private static Llama3RopeScaling Llama3(JsonPlace json, JsonPlace rope, int maxPositions)
    {
        const string original = "original_max_position_embeddings";
        var (low, high) = (rope["low_freq_factor"].Positive(), rope["high_freq_factor"].Positive());
        if (!(high > low)) throw rope["high_freq_factor"].Bad($"is {high}, not above low_freq_factor {low}: correct the file");
        var at = json[original].Given ? json : rope; // here the top level comes first
        return new Llama3RopeScaling(Factor(rope), low, high, at[original].Given ? at[original].Int(1, int.MaxValue) : maxPositions);
    }

    private static double Factor(JsonPlace rope)
    {
        var factor = rope["factor"].Positive();
        return factor >= 1 ? factor : throw rope["factor"].Bad($"is {factor}: a stretch is at least 1");
    }

    private static void RefusePartial(JsonPlace at)
    {
        if (at["partial_rotary_factor"].Number() is { } part and not 1)
            throw at["partial_rotary_factor"].Bad($"is {part}: rope over a part of the head is not computed by this lab");
    }
}
