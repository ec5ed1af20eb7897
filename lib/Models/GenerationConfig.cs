namespace HeadKvLab.Models;

/// <summary>How the next token is chosen and when to stop; <c>generation_config.json</c> of a model folder, overridden by the command line.</summary>
public sealed record GenerationConfig
{
    /// <summary>Draw at random from the distribution; false takes the likeliest token.</summary>
    public bool Sample { get; init; }

    /// <summary>Divides the logits before drawing; 0 is the same as not drawing.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Draw among this many likeliest tokens; 0 for no limit.</summary>
    public int TopK { get; init; } = 50;

    /// <summary>Draw among the fewest tokens whose probabilities reach this sum; 1 for no limit.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Divides positive and multiplies negative logits of tokens seen before (Keskar et al. 2019, arXiv:1909.05858); 1 changes nothing.</summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>Starts the random draws; equal seeds give equal texts.</summary>
    public int Seed { get; init; }

    /// <summary>Tokens generated at most.</summary>
    public int MaxNewTokens { get; init; } = 128;

    /// <summary>Ids that end the generation; the ending id is not part of the text.</summary>
    public IReadOnlyList<int> StopIds { get; init; } = [];

    /// <summary>Reads <c>generation_config.json</c>; without one, the defaults with the stop ids of <c>config.json</c>.</summary>
    /// <param name="directory">The model's folder.</param>
    /// <param name="model">Its configuration.</param>
    /// <exception cref="LabException">The file is broken, or a value is out of range.</exception>
    public static GenerationConfig Load(string directory, ModelConfig model)
    {
        var defaults = new GenerationConfig { StopIds = model.EosIds };
        var path = Path.Combine(directory, "generation_config.json");
        if (!File.Exists(path)) return defaults;
        var json = JsonFields.ReadFile(path, "it was there a moment ago; start again");
        return (defaults with
        {
            Sample = json.Flag("do_sample", false),
            Temperature = json.Number("temperature") ?? 1,
            TopK = json.Int("top_k", 0, int.MaxValue, 50),
            TopP = json.Number("top_p") ?? 1,
            RepetitionPenalty = json.Number("repetition_penalty") ?? 1,
            MaxNewTokens = json.Int("max_new_tokens", 1, int.MaxValue, defaults.MaxNewTokens),
            StopIds = json.Has("eos_token_id", out _) ? json.Ids("eos_token_id", model.VocabSize) : model.EosIds,
        }).Checked(path);
    }

    /// <summary>This record if its values are usable.</summary>
    /// <param name="origin">Where the values came from, for the message.</param>
    /// <exception cref="LabException">A value is out of range.</exception>
    public GenerationConfig Checked(string origin)
    {
        Require(double.IsFinite(Temperature) && Temperature >= 0, "temperature", Temperature, "0 (greedy) or more");
        Require(TopK >= 0, "top-k", TopK, "0 (no limit) or more");
        Require(TopP is > 0 and <= 1, "top-p", TopP, "above 0, at most 1");
        Require(double.IsFinite(RepetitionPenalty) && RepetitionPenalty > 0, "repetition penalty", RepetitionPenalty, "above 0, 1 changes nothing");
        Require(MaxNewTokens >= 1, "new tokens", MaxNewTokens, "1 or more");
        return this;

        void Require(bool good, string what, double value, string range)
        {
            if (!good) throw new LabException(FormattableString.Invariant($"{origin}: {what} is {value}; it must be {range}"));
        }
    }
}
