namespace HeadKvLab.Models;

/// <summary>
/// Rope keys of a <c>config.json</c>: <c>rope_theta</c> with <c>rope_scaling</c> (type under <c>rope_type</c>, formerly <c>type</c>),
/// or both within the newer <c>rope_parameters</c>.
/// </summary>
internal static class RopeReader
{
    internal static double Theta(JsonFields json) =>
        json.Object("rope_parameters") is { } parameters && parameters.Has("rope_theta", out _)
            ? parameters.Positive("rope_theta")
            : json.Positive("rope_theta", 10_000);

    internal static RopeScaling? Scaling(JsonFields json)
    {
        var key = json.Has("rope_parameters", out _) ? "rope_parameters" : "rope_scaling";
        if (json.Object(key) is not { } rope) return null;
        var typeKey = rope.Has("rope_type", out _) ? "rope_type" : "type";
        var type = rope.Text(typeKey) ?? (key == "rope_parameters" && !rope.Has("factor", out _) ? "default" : throw rope.Error("rope_type", "is missing: name the rule (default, linear, llama3)"));
        return type switch
        {
            "default" => null,
            "linear" => new LinearRopeScaling(Factor(rope)),
            "llama3" => Llama3(rope),
            _ => throw rope.Error(typeKey, $"is '{type}', a rule this lab does not compute: it knows default, linear and llama3"),
        };
    }

    private static Llama3RopeScaling Llama3(JsonFields rope)
    {
        var (low, high) = (rope.Positive("low_freq_factor"), rope.Positive("high_freq_factor"));
        if (!(high > low)) throw rope.Error("high_freq_factor", $"is {high}, not above low_freq_factor {low}: correct the file");
        return new Llama3RopeScaling(Factor(rope), low, high, rope.Int("original_max_position_embeddings", 1, int.MaxValue));
    }

    private static double Factor(JsonFields rope)
    {
        var factor = rope.Positive("factor");
        return factor >= 1 ? factor : throw rope.Error("factor", $"is {factor}: a stretch is at least 1");
    }
}
