using System.Text.Json;

namespace HeadKvLab.Models;

/// <summary>From a <c>generation_config.json</c> to <see cref="GenerationConfig"/>. As in Hugging Face's library, null is the same as absent.</summary>
internal static class GenerationConfigReader
{
    /// <summary>Keys that would change the text and are not computed, with the number that changes nothing (null, false and empty lists never do).</summary>
    private static readonly (string Key, double Neutral)[] NotComputed =
    [
        ("num_beams", 1), ("num_beam_groups", 1), ("num_return_sequences", 1), ("penalty_alpha", 0), ("dola_layers", double.NaN), ("constraints", double.NaN),
        ("force_words_ids", double.NaN), ("guidance_scale", 1), ("sequence_bias", double.NaN), ("encoder_repetition_penalty", 1), ("encoder_no_repeat_ngram_size", 0),
        ("forced_bos_token_id", double.NaN), ("forced_eos_token_id", double.NaN), ("forced_decoder_ids", double.NaN), ("exponential_decay_length_penalty", double.NaN),
        ("watermarking_config", double.NaN), ("stop_strings", double.NaN), ("max_time", double.NaN), ("token_healing", double.NaN),
    ];

    /// <summary>The same, of keys that count only when tokens are drawn.</summary>
    private static readonly (string Key, double Neutral)[] NotComputedWhenDrawing = [("top_h", double.NaN)];

    internal static GenerationConfig Load(string directory, ModelConfig model)
    {
        var defaults = new GenerationConfig { StopIds = model.EosIds };
        var path = Path.Combine(directory, "generation_config.json");
        if (!File.Exists(path)) return defaults;
        var json = JsonFields.ReadFile(path, "it was there a moment ago; start again");
        var total = json.Has("max_length", out _) && !json.Has("max_new_tokens", out _) ? json.Int("max_length", 1, int.MaxValue) : (int?)null; // of the two, max_new_tokens counts
        return (defaults with
        {
            Sample = json.Flag("do_sample", false),
            Temperature = json.Number("temperature") ?? 1,
            TopK = json.Int("top_k", 0, int.MaxValue, 50),
            TopP = json.Number("top_p") ?? 1,
            MinP = json.Number("min_p") ?? 0,
            TypicalP = json.Number("typical_p") ?? 1,
            EpsilonCutoff = json.Number("epsilon_cutoff") ?? 0,
            EtaCutoff = json.Number("eta_cutoff") ?? 0,
            RepetitionPenalty = json.Number("repetition_penalty") ?? 1,
            NoRepeatNgramSize = json.Int("no_repeat_ngram_size", 0, int.MaxValue, 0),
            BadWords = json.IdLists("bad_words_ids", model.VocabSize),
            SuppressIds = json.Ids("suppress_tokens", model.VocabSize),
            BeginSuppressIds = json.Ids("begin_suppress_tokens", model.VocabSize),
            MaxNewTokens = json.Int("max_new_tokens", 1, int.MaxValue, total ?? defaults.MaxNewTokens),
            MaxLength = total,
            MinNewTokens = json.Int("min_new_tokens", 0, int.MaxValue, 0),
            MinLength = json.Int("min_length", 0, int.MaxValue, 0),
            StopIds = json.Has("eos_token_id", out _) ? json.Ids("eos_token_id", model.VocabSize) : model.EosIds,
            NotComputed = [.. Reasons(json, NotComputed), .. QuantisedCache(json)],
            NotComputedWhenDrawing = [.. Reasons(json, NotComputedWhenDrawing)],
        }).Checked(path);
    }

    private static IEnumerable<string> Reasons(JsonFields json, (string Key, double Neutral)[] keys) =>
        from key in keys where json.Has(key.Key, out var value) && Changes(value, key.Neutral) select Reason(json, key.Key);

    private static bool Changes(JsonElement value, double neutral) => value.ValueKind switch
    {
        JsonValueKind.False => false,
        JsonValueKind.Number => value.GetDouble() != neutral,
        JsonValueKind.Array => value.GetArrayLength() > 0,
        JsonValueKind.Object => value.EnumerateObject().Any(),
        _ => true,
    };

    private static string[] QuantisedCache(JsonFields json) => json.Text("cache_implementation") == "quantized" ? [Reason(json, "cache_implementation")] : [];

    private static string Reason(JsonFields json, string key)
    {
        json.Has(key, out var value);
        var raw = value.GetRawText();
        return json.Error(key, $"is {(raw.Length > 60 ? raw[..60] + "…" : raw)}: it changes the text, and this lab does not compute it; remove the key to generate without it").Message;
    }
}
