using HeadKvLab.Cache;
using System.CommandLine;
using System.Globalization;
using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Cli;

/// <summary><c>lab logits</c>: all logits of a prompt given as ids, to compare a port with another program.</summary>
internal static class LogitsCommand
{
    internal static Command Create()
    {
        var model = Options.NeededModel("Model folder; it needs no tokenizer.");
        var ids = Options.Of("--ids", "Token ids, separated by commas.", null, Ids);
        var file = Options.NeededOut("safetensors file to write.");
        var (type, device) = (Options.Type(), Options.Device());
        var command = new Command("logits", """
            Runs a prompt given as token ids through a model and writes the float32 tensor `logits`, [position, vocabulary].

            With it two programs can be compared on the same checkpoint: in Python,
            safetensors.torch.load_file("logits.safetensors")["logits"] against model(ids).logits[0].

            Example:  lab logits --model ~/models/Qwen2.5-0.5B --ids 1,5,9 --out logits.safetensors
            """) { model, ids, file, type, device };
        command.SetAction(result => Run(result.GetRequiredValue(model), result.Read(ids), result.GetRequiredValue(file),
            result.Read(type), result.Place(device)));
        return command;
    }

    private static int Run(string directory, int[] ids, string file, ScalarType? type, Device device)
    {
        using var scope = NewDisposeScope();
        using var folder = ModelFolder.Open(directory);
        PromptChecks.Check(folder.Config, ids, 0, ScorerNeeds.None);
        using var decoder = folder.LoadDecoder(type, device);
        var logits = decoder.Prefill(ids, allLogits: true);
        if (logits.isfinite().logical_not().nonzero() is { } wrong && wrong.shape[0] > 0)
            throw new ModelOverflow($"the logits of position {wrong[0, 0].ToInt64()} hold NaN or infinity (token {wrong[0, 1].ToInt64()}): the model overflowed; compute in float32 or bfloat16 (--type). Nothing was written");
        SafetensorsWriter.Write(file, [("logits", logits)]);
        Console.WriteLine($"{file}: logits [{ids.Length}, {folder.Config.VocabSize}] float32");
        return 0;
    }

    private static int[] Ids(string list) => [.. Options.Split(list).Select(word => int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
        ? id : throw new LabException($"--ids: '{word}' is no token id: give whole numbers separated by commas, for example 1,5,9"))];
}
