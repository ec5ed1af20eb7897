using System.CommandLine;
using HeadKvLab.Models;
using static TorchSharp.torch;

namespace HeadKvLab.Cli;

/// <summary><c>lab generate</c>: continues a prompt and shows the text as it comes.</summary>
internal static class GenerateCommand
{
    internal static Command Create()
    {
        var model = Options.NeededModel("Model folder with config.json, weights and tokenizer.");
        var prompt = new FreeTextOption("--prompt") { Description = "The prompt. An empty one starts from BOS alone." };
        var promptFile = new Option<string?>("--prompt-file") { Description = "File that holds the prompt, UTF-8." };
        var chat = new Option<bool>("--chat") { Description = "Put the prompt into the model's own chat template as the user's message." };
        var most = new Option<int?>("--max-new-tokens", "-n") { Description = "Tokens generated at most (128, or what generation_config.json says)." };
        var greedy = new Option<bool>("--greedy") { Description = "Take the likeliest token each time, whatever generation_config.json says." };
        var temperature = new Option<double?>("--temperature") { Description = "Draw at random, logits divided by this; 0 is greedy." };
        var topK = new Option<int?>("--top-k") { Description = "Draw among this many likeliest tokens; 0 for all." };
        var topP = new Option<double?>("--top-p") { Description = "Draw among the fewest tokens whose probabilities reach this sum." };
        var penalty = new Option<double?>("--repetition-penalty") { Description = "Above 1 discourages tokens that stand in the text already." };
        var seed = Options.Seed("Equal seeds draw equal texts.");
        var (type, device, weights) = (Options.Type(), Options.Device(), Options.DecodeWeights());
        var command = new Command("generate", """
            Continues a prompt and prints the text as it is generated; the settings come from the model's generation_config.json
            unless an option overrides them. What that file asks for and the lab does not compute (num_beams, stop_strings, ...) is refused. Ends at a stop id, at --max-new-tokens, or where the model's context ends.
            Standard error tells the tokens per second.

            Examples:
              lab generate --model data/models/world-4m --prompt-file prompt.txt --max-new-tokens 60
              lab generate --model data/models/world-4m --prompt "Anna" --temperature 0.8 --top-p 0.9 --seed 7
              lab generate --model ~/models/Meta-Llama-3-8B-Instruct --chat --prompt "Why is the sky blue?" --temperature 0.6 --type bfloat16 --decode-weights int8
            """) { model, prompt, promptFile, chat, most, greedy, temperature, topK, topP, penalty, seed, type, device, weights };
        command.Validators.Add(result =>
        {
            if (result.GetValue(greedy) && result.GetValue(temperature) is > 0) result.AddError("'--greedy' and '--temperature': the temperature would do nothing; give one of them.");
        });
        command.SetAction(result => Run(
            result.GetRequiredValue(model),
            TextInput.Read(result.GetValue(prompt), result.GetValue(promptFile), "--prompt", "--prompt-file"),
            result.GetValue(chat),
            loaded => Checked(result, [topK, topP, seed], Override(loaded, result.GetValue(greedy), result.GetValue(temperature))) with
            {
                TopK = result.GetValue(topK) ?? loaded.TopK,
                TopP = result.GetValue(topP) ?? loaded.TopP,
                RepetitionPenalty = result.GetValue(penalty) ?? loaded.RepetitionPenalty,
                MaxNewTokens = result.GetValue(most) ?? loaded.MaxNewTokens,
                MaxLength = result.GetValue(most) is null ? loaded.MaxLength : null,
                Seed = result.GetValue(seed),
            },
            result.Read(type),
            result.Place(device),
            result.Read(weights)));
        return command;
    }

    private static int Run(string directory, string prompt, bool chat, Func<GenerationConfig, GenerationConfig> settings, ScalarType? type, Device device, DecodePrecision precision)
    {
        using var writer = new TextGenerator(directory, type, device, precision);
        var config = settings(writer.Settings).Checked("options");
        using var interrupt = new CancellationTokenSource();
        Console.CancelKeyPress += (_, e) =>
        {
            e.Cancel = true; // finish the line and the figures
            interrupt.Cancel();
        };
        var run = writer.Write(chat ? writer.Chat(prompt) : writer.Encode(prompt), config, text => { Console.Out.Write(text); Console.Out.Flush(); }, interrupt.Token);
        Console.WriteLine();
        Console.Error.WriteLine(FormattableString.Invariant(
            $"{run.PromptTokens} prompt tokens in {run.PrefillSeconds:F2} s, {run.Ids.Length} new in {run.DecodeSeconds:F2} s ({run.Ids.Length / Math.Max(run.DecodeSeconds, 1e-9):F1} tokens/s)"));
        return 0;
    }

    /// <summary>The settings, if the options of drawing find something to draw.</summary>
    private static GenerationConfig Checked(ParseResult result, Option[] drawing, GenerationConfig settings)
    {
        result.Refuse(settings is { Sample: true, Temperature: > 0 }, "the most likely token is chosen each time; give a --temperature above 0, and no --greedy", drawing);
        return settings;
    }

    private static GenerationConfig Override(GenerationConfig loaded, bool greedy, double? temperature) =>
        greedy ? loaded with { Sample = false }
        : temperature is { } t ? loaded with { Sample = t > 0, Temperature = t }
        : loaded;
}
