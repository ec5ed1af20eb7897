using HeadKvLab.Text;

namespace HeadKvLab.Models;

/// <summary>
/// Which layers attend through a sliding window: 4,096 when <c>sliding_window</c> is absent; null turns it off. Mistral: all of them.
/// Qwen2 and Qwen3: only with <c>use_sliding_window</c>, and then the layers that <c>layer_types</c> names, or those from <c>max_window_layers</c> on.
/// </summary>
internal static class SlidingReader
{
    internal static ModelConfig Apply(JsonPlace json, ModelConfig config) => config.Architecture switch
    {
        "LlamaForCausalLM" => RefuseSlidingTypes(json, config),
        "MistralForCausalLM" => RefuseMixedTypes(json, config with { SlidingWindow = Window(json) }),
        _ => Qwen(json, config),
    };

    private static ModelConfig Qwen(JsonPlace json, ModelConfig config)
    {
        if (!json["use_sliding_window"].FlagOr(false) || Window(json) is not { } window) return RefuseSlidingTypes(json, config);
        var from = json["max_window_layers"].Int(0, int.MaxValue, 28);
        var slides = Types(json, config.Layers) ?? [.. Enumerable.Range(0, config.Layers).Select(layer => layer >= from)];
        return slides.Contains(true)
            ? config with { SlidingWindow = window, SlidingLayers = slides }
            : config;
    }

    /// <summary>The window; null when the file says null, which means none.</summary>
    private static int? Window(JsonPlace json) =>
        json["sliding_window"].Given && !json["sliding_window"].Exists ? null : json["sliding_window"].Int(1, int.MaxValue, 4096);

    private static ModelConfig RefuseSlidingTypes(JsonPlace json, ModelConfig config) =>
        Types(json, config.Layers)?.Contains(true) == true
            ? throw json["layer_types"].Bad($"names sliding layers, but {config.Architecture} has no sliding window here: correct the file")
            : config;

    private static ModelConfig RefuseMixedTypes(JsonPlace json, ModelConfig config) =>
        Types(json, config.Layers)?.Contains(config.SlidingWindow is null) == true
            ? throw json["layer_types"].Bad($"does not fit sliding_window of {config.Architecture}, which holds for all layers: correct the file")
            : config;

    private static bool[]? Types(JsonPlace json, int layers)
    {
        if (json["layer_types"].Texts() is not { } types) return null;
        if (types.Length != layers) throw json["layer_types"].Bad($"has {types.Length} entries for {layers} layers: correct the file");
        return [.. types.Select(type => type switch
        {
            "full_attention" => false,
            "sliding_attention" => true,
            _ => throw json["layer_types"].Bad($"names '{type}', which this lab does not compute: it knows full_attention and sliding_attention"),
        })];
    }
}
