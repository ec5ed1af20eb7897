using System.CommandLine;
using HeadKvLab.Cache;
using HeadKvLab.Calibration;
using HeadKvLab.Compression;
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
        var method = new Option<string?>("--method") { Description = "Compress the prompt's cache by a method of `lab methods`, with settings, a schedule, a format, a recall and shared layers behind its name: \"SnapKV kernel=5 every 64\", \"FullKV +Quest budget=64\", \"FullKV /share(5>1)\"; the full cache where it is not given." };
        var (kvSize, window, rule, scores) = (new Option<int?>("--kv-size") { Description = "Entries per KV head that --method keeps, window included." }, Options.Window("Last prompt tokens that --method keeps, and that vote."), Options.Rule(BudgetRule.EqualEntries), Options.Scores());
        var (type, device, weights) = (Options.Type(), Options.Device(), Options.DecodeWeights());
        var command = new Command("generate", """
            Continues a prompt and prints the text as it is generated; the settings come from the model's generation_config.json
            unless an option overrides them. What that file asks for and the lab does not compute (num_beams, stop_strings, ...) is refused. Ends at a stop id, at --max-new-tokens, or where the model's context ends.
            Standard error tells the tokens per second, and what was kept of the prompt.

            Examples:
              lab generate --model data/models/world-4m --prompt-file prompt.txt --max-new-tokens 60
              lab generate --model data/models/world-4m --prompt "Anna" --temperature 0.8 --top-p 0.9 --seed 7
              lab generate --model data/models/world-4m --prompt-file prompt.txt --method HeadKV-R2 --kv-size 64
              lab generate --model ~/models/Meta-Llama-3-8B-Instruct --chat --prompt "Why is the sky blue?" --temperature 0.6 --type bfloat16 --decode-weights int8
            """) { model, prompt, promptFile, chat, most, greedy, temperature, topK, topP, penalty, seed, method, kvSize, window, rule, scores, type, device, weights };
        command.Validators.Add(result =>
        {
            if (result.GetValue(greedy) && result.GetValue(temperature) is > 0) result.AddError("'--greedy' and '--temperature': the temperature would do nothing; give one of them.");
        });
        command.Validators.Add(result =>
        {
            if (result.GetValue(method) is not { } text || text.TrimStart().StartsWith("FullKV", StringComparison.OrdinalIgnoreCase)) return;
            if (result.GetValue(kvSize) is null) result.AddError("'--method' keeps as many entries as '--kv-size' says: give it, for example --kv-size 128.");
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
            result.Read(weights),
            writer => Compression(result, writer, result.GetRequiredValue(model), method, kvSize, window, rule, scores)));
        return command;
    }

    /// <summary>What compresses the prompt; null: nothing.</summary>
    private static Func<CacheShape, IPromptCompressor>? Compression(ParseResult result, TextGenerator writer, string model, Option<string?> method, Option<int?> kvSize, Option<int> window, Option<Written<BudgetRule>> rule, Option<string?> scores)
    {
        result.Refuse(result.GetValue(method) is not null, "the full cache has no budget; name a --method that compresses", kvSize, window, rule, scores);
        if (result.GetValue(method) is not { } text) return null;
        var config = writer.Config;
        string Weights() => LanguageModel.HashOf(model);
        var tables = result.GetValue(scores) is { } source ? CalibrationFolder.Open(source, config, Weights) : CalibrationFolder.Load(model, config, Weights);
        var policy = CachePolicy.Parse(text, tables);
        if (policy.Layers is { } layers) PromptChecks.Check(config, layers);
        if (policy.IsReference) throw new LabException($"--method {text}: it keeps and reads everything, as without the option; leave --method out, or give it a recall such as \"FullKV +Quest budget=64\"");
        result.Refuse(!policy.Method.KeepsAll, "FullKV keeps everything", kvSize, window, rule, scores);
        var budget = policy.Method.KeepsAll ? new Budget(config.MaxPositions, 1) : new Budget(result.GetValue(kvSize)!.Value, result.GetValue(window), result.Read(rule));
        return shape => new Compressor(policy, budget, shape, config.QueryHeads);
    }

    private static int Run(string directory, string prompt, bool chat, Func<GenerationConfig, GenerationConfig> settings, ScalarType? type, Device device, DecodePrecision precision, Func<TextGenerator, Func<CacheShape, IPromptCompressor>?> compression)
    {
        using var writer = new TextGenerator(directory, type, device, precision);
        var compress = compression(writer);
        var config = settings(writer.Settings).Checked("options");
        using var interrupt = new CancellationTokenSource();
        Console.CancelKeyPress += (_, e) =>
        {
            e.Cancel = true; // finish the line and the figures
            interrupt.Cancel();
        };
        var run = writer.Write(chat ? writer.Chat(prompt) : writer.Encode(prompt), config, text => { Console.Out.Write(text); Console.Out.Flush(); }, interrupt.Token, compress);
        Console.WriteLine();
        Console.Error.WriteLine(FormattableString.Invariant(
            $"{run.PromptTokens} prompt tokens in {run.PrefillSeconds:F2} s, {run.Ids.Length} new in {run.DecodeSeconds:F2} s ({run.Ids.Length / Math.Max(run.DecodeSeconds, 1e-9):F1} tokens/s)"));
        if (compress is not null)
        {
            var whole = (double)run.PromptTokens * writer.Config.Layers * writer.Config.KvHeads;
            Console.Error.WriteLine(FormattableString.Invariant($"{run.Entries:N0} entries kept of the prompt, {run.Bytes / 1024.0:N0} KiB, {run.Entries / whole:P1} of the full cache; {run.EntriesAtEnd:N0} at the end{(run.TouchedBytes is { } read ? $"; {read / 1024:N0} KiB read for a token" : "")}"));
        }
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
