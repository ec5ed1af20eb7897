using System.Text.Json;
using HeadKvLab.Text;

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
        var json = JsonPlace.Read(path, "it was there a moment ago; start again");
        var total = json["max_length"].Exists && !json["max_new_tokens"].Exists ? json["max_length"].Int(1, int.MaxValue) : (int?)null; // of the two, max_new_tokens counts
        return (defaults with
        {
            Sample = json["do_sample"].FlagOr(false),
            Temperature = json["temperature"].Number() ?? 1,
            TopK = json["top_k"].Int(0, int.MaxValue, 50),
            TopP = json["top_p"].Number() ?? 1,
            MinP = json["min_p"].Number() ?? 0,
            TypicalP = json["typical_p"].Number() ?? 1,
            EpsilonCutoff = json["epsilon_cutoff"].Number() ?? 0,
            EtaCutoff = json["eta_cutoff"].Number() ?? 0,
            RepetitionPenalty = json["repetition_penalty"].Number() ?? 1,
            NoRepeatNgramSize = json["no_repeat_ngram_size"].Int(0, int.MaxValue, 0),
            BadWords = json["bad_words_ids"].IdLists(model.VocabSize),
            SuppressIds = json["suppress_tokens"].Ids(model.VocabSize),
            BeginSuppressIds = json["begin_suppress_tokens"].Ids(model.VocabSize),
            MaxNewTokens = json["max_new_tokens"].Int(1, int.MaxValue, total ?? defaults.MaxNewTokens),
            MaxLength = total,
            MinNewTokens = json["min_new_tokens"].Int(0, int.MaxValue, 0),
            MinLength = json["min_length"].Int(0, int.MaxValue, 0),
            StopIds = json["eos_token_id"].Exists ? json["eos_token_id"].Ids(model.VocabSize) : model.EosIds,
            NotComputed = [.. Reasons(json, NotComputed), .. QuantisedCache(json)],
            NotComputedWhenDrawing = [.. Reasons(json, NotComputedWhenDrawing)],
        }).Checked(path);
    }

    private static IEnumerable<string> Reasons(JsonPlace json, (string Key, double Neutral)[] keys) =>
        from key in keys let place = json[key.Key] where place.Exists && Changes(place.Value, key.Neutral) select Reason(place);

    private static bool Changes(JsonElement value, double neutral) => value.ValueKind switch
    {
        JsonValueKind.False => false,
        JsonValueKind.Number => value.GetDouble() != neutral,
        JsonValueKind.Array => value.GetArrayLength() > 0,
        JsonValueKind.Object => value.EnumerateObject().Any(),
        _ => true,
    };

    private static string[] QuantisedCache(JsonPlace json) => json["cache_implementation"].TextOrNone() == "quantized" ? [Reason(json["cache_implementation"])] : [];

    private static string Reason(JsonPlace place) => place.Bad($"is {place.Raw}: it changes the text, and this lab does not compute it; remove the key to generate without it").Message;
}
