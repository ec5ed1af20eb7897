namespace HeadKvLab.Models;

/// <summary>How the next token is chosen and when to stop; <c>generation_config.json</c> of a model folder, overridden by the command line.</summary>
public sealed record GenerationConfig
{
    /// <summary>Draw at random from the distribution; false takes the likeliest token.</summary>
    public bool Sample { get; init; }

    /// <summary>Divides the logits before drawing; with <see cref="Sample"/> it is above 0, as Hugging Face's library demands.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Draw among this many likeliest tokens; 0 for no limit.</summary>
    public int TopK { get; init; } = 50;

    /// <summary>Draw among the fewest tokens whose probabilities reach this sum; 1 for no limit.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Draw among tokens at least this share as likely as the likeliest (Nguyen et al. 2024, arXiv:2407.01082); 0 for no limit.</summary>
    public double MinP { get; init; }

    /// <summary>Draw among the tokens whose information is nearest the expected one, as many as reach this sum (Meister et al. 2022, arXiv:2202.00666); 1 for no limit.</summary>
    public double TypicalP { get; init; } = 1;

    /// <summary>Draw among tokens of at least this probability (Hewitt et al. 2022, arXiv:2210.15191); 0 for no limit.</summary>
    public double EpsilonCutoff { get; init; }

    /// <summary>The same, with a lower bound where the distribution is flat: the smaller of this and <c>√this · exp(-entropy)</c>; 0 for no limit.</summary>
    public double EtaCutoff { get; init; }

    /// <summary>Divides positive and multiplies negative logits of tokens seen before (Keskar et al. 2019, arXiv:1909.05858); 1 changes nothing.</summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>No run of this many tokens, prompt included, is generated twice; 0 for no limit.</summary>
    public int NoRepeatNgramSize { get; init; }

    /// <summary>Sequences that are never completed.</summary>
    public IReadOnlyList<IReadOnlyList<int>> BadWords { get; init; } = [];

    /// <summary>Tokens that are never chosen.</summary>
    public IReadOnlyList<int> SuppressIds { get; init; } = [];

    /// <summary>Tokens that are not chosen first.</summary>
    public IReadOnlyList<int> BeginSuppressIds { get; init; } = [];

    /// <summary>Starts the random draws; equal seeds give equal texts.</summary>
    public int Seed { get; init; }

    /// <summary>Tokens generated at most.</summary>
    public int MaxNewTokens { get; init; } = 128;

    /// <summary>Tokens of prompt and text at most, where a file limits both together; null for no such limit.</summary>
    public int? MaxLength { get; init; }

    /// <summary>New tokens before a stop id may be chosen.</summary>
    public int MinNewTokens { get; init; }

    /// <summary>The same, counted with the prompt.</summary>
    public int MinLength { get; init; }

    /// <summary>Ids that end the generation; the ending id is not part of the text.</summary>
    public IReadOnlyList<int> StopIds { get; init; } = [];

    /// <summary>Settings of the file that would change the text and that this lab does not compute, each as a message; generating with them is refused.</summary>
    public IReadOnlyList<string> NotComputed { get; init; } = [];

    /// <summary>The same, of settings that count only when tokens are drawn.</summary>
    public IReadOnlyList<string> NotComputedWhenDrawing { get; init; } = [];

    /// <summary>Reads <c>generation_config.json</c>; without one, the defaults with the stop ids of <c>config.json</c>.</summary>
    /// <param name="directory">The model's folder.</param>
    /// <param name="model">Its configuration.</param>
    /// <exception cref="LabException">The file is broken, or a value is out of range.</exception>
    public static GenerationConfig Load(string directory, ModelConfig model) => GenerationConfigReader.Load(directory, model);

    /// <summary>This record if its values are usable.</summary>
    /// <param name="origin">Where the values came from, for the message.</param>
    /// <exception cref="LabException">A value is out of range.</exception>
    public GenerationConfig Checked(string origin)
    {
        Require(double.IsFinite(Temperature) && Temperature >= 0, "temperature", Temperature, "0 (greedy) or more");
        Require(TopK >= 0, "top-k", TopK, "0 (no limit) or more");
        Require(TopP is > 0 and <= 1, "top-p", TopP, "above 0, at most 1");
        Require(MinP is >= 0 and <= 1, "min_p", MinP, "between 0 (no limit) and 1");
        Require(TypicalP is > 0 and <= 1, "typical_p", TypicalP, "above 0, at most 1 (no limit)");
        Require(EpsilonCutoff is >= 0 and < 1, "epsilon_cutoff", EpsilonCutoff, "0 (no limit) or more, below 1");
        Require(EtaCutoff is >= 0 and < 1, "eta_cutoff", EtaCutoff, "0 (no limit) or more, below 1");
        Require(double.IsFinite(RepetitionPenalty) && RepetitionPenalty > 0, "repetition penalty", RepetitionPenalty, "above 0, 1 changes nothing");
        Require(MaxNewTokens >= 1, "new tokens", MaxNewTokens, "1 or more");
        return this;

        void Require(bool good, string what, double value, string range)
        {
            if (!good) throw new LabException(FormattableString.Invariant($"{origin}: {what} is {value}; it must be {range}"));
        }
    }

    /// <summary>This record if the lab computes all that it asks for.</summary>
    /// <exception cref="LabException">A setting would change the text and is not computed, or tokens cannot be drawn at this temperature.</exception>
    internal GenerationConfig Computed() => Sample && Temperature == 0
        ? throw new LabException("generation settings: temperature is 0 while do_sample is true, which Hugging Face's library refuses too: set do_sample to false in generation_config.json (--greedy) for the likeliest token, or a temperature above 0 (--temperature)")
        : NotComputed.Concat(Sample ? NotComputedWhenDrawing : []).FirstOrDefault() is { } reason ? throw new LabException(reason) : this;

    /// <summary>New tokens at most after a prompt.</summary>
    /// <exception cref="LabException">The prompt leaves no room below <see cref="MaxLength"/>.</exception>
    internal int Room(int promptTokens)
    {
        if (MaxLength is not { } most) return MaxNewTokens;
        return promptTokens < most
            ? Math.Min(MaxNewTokens, most - promptTokens)
            : throw new LabException($"prompt: its {promptTokens} tokens leave no room below the max_length of {most} in generation_config.json; shorten it or give --max-new-tokens");
    }
}
