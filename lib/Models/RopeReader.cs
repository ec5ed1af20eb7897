using System.Text.Json;

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
    internal static ModelConfig Apply(JsonFields json, ModelConfig config)
    {
        RefusePartial(json);
        var rope = json.Object("rope_scaling") is { } scaling && scaling.Element.EnumerateObject().Any() ? scaling : json.Object("rope_parameters");
        if (rope is null) return config with { RopeTheta = Theta(json, json) };
        if (!rope.Element.EnumerateObject().Any(IsOfLayers)) return Rule(json, rope, config);
        if (rope.Element.EnumerateObject().FirstOrDefault(item => item.Name is not (Full or Sliding)) is { Value.ValueKind: not JsonValueKind.Undefined } other)
            throw rope.Error(other.Name, $"stands where rules for {Full} or {Sliding} layers are expected: this lab does not know what it means there; correct the file");
        var rules = Enumerable.Range(0, config.Layers).Select(layer => config.WindowOf(layer) is null ? Full : Sliding).Distinct()
            .Select(type => Rule(json, rope.Object(type) ?? throw rope.Error(type, "has no rope rule, but layers of this type exist: add it"), config)).ToArray();
        return rules is [var first, .. var others] && others.All(rule => rule == first)
            ? first
            : throw rope.Error(Sliding, $"differs from the rule of {Full} layers: this lab computes one rope rule for all layers");
    }

    private static bool IsOfLayers(JsonProperty item) => item.Name is Full or Sliding || item.Value.ValueKind == JsonValueKind.Object;

    private static ModelConfig Rule(JsonFields json, JsonFields rope, ModelConfig config)
    {
        RefusePartial(rope);
        return config with { RopeTheta = Theta(json, rope), RopeScaling = Scaling(json, rope, config.MaxPositions) };
    }

    private static double Theta(JsonFields json, JsonFields rope) =>
        rope.Mentions("rope_theta") ? rope.Positive("rope_theta") : json.Mentions("rope_theta") ? json.Positive("rope_theta") : 10_000;

    private static RopeScaling? Scaling(JsonFields json, JsonFields rope, int maxPositions)
    {
        var key = rope.Mentions("rope_type") ? "rope_type" : "type";
        if (!rope.Mentions(key))
            return rope.Element.EnumerateObject().All(item => item.Name is "rope_theta" or "partial_rotary_factor")
                ? null
                : throw rope.Error("rope_type", "is missing: name the rule (default, linear, llama3)");
        return rope.Text(key) switch
        {
            "default" => null,
            "linear" => new LinearRopeScaling(Factor(rope)),
            "llama3" => Llama3(json, rope, maxPositions),
            null => throw rope.Error(key, "is null: name the rule (default, linear, llama3)"),
            var other => throw rope.Error(key, $"is '{other}', a rule this lab does not compute: it knows default, linear and llama3"),
        };
    }

    private static Llama3RopeScaling Llama3(JsonFields json, JsonFields rope, int maxPositions)
    {
        const string original = "original_max_position_embeddings";
        var (low, high) = (rope.Positive("low_freq_factor"), rope.Positive("high_freq_factor"));
        if (!(high > low)) throw rope.Error("high_freq_factor", $"is {high}, not above low_freq_factor {low}: correct the file");
        var at = json.Mentions(original) ? json : rope; // here the top level comes first
        return new Llama3RopeScaling(Factor(rope), low, high, at.Mentions(original) ? at.Int(original, 1, int.MaxValue) : maxPositions);
    }

    private static double Factor(JsonFields rope)
    {
        var factor = rope.Positive("factor");
        return factor >= 1 ? factor : throw rope.Error("factor", $"is {factor}: a stretch is at least 1");
    }

    private static void RefusePartial(JsonFields at)
    {
        if (at.Number("partial_rotary_factor") is { } part and not 1)
            throw at.Error("partial_rotary_factor", $"is {part}: rope over a part of the head is not computed by this lab");
    }
}
