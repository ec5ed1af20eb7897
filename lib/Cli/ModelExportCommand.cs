using System.CommandLine;
using HeadKvLab.Models;
using static TorchSharp.torch;

namespace HeadKvLab.Cli;

/// <summary><c>lab model export</c>: from a Hugging Face folder to other programs' checkpoints.</summary>
internal static class ModelExportCommand
{
    internal static Command Create()
    {
        var folder = new Argument<string>("dir") { Description = "Model folder." };
        var format = new Option<string>("--format") { Description = "Format to write: llama2c (version 0 of karpathy/llama2.c).", Required = true };
        format.AcceptOnlyFromAmong("llama2c");
        var file = Options.NeededOut("Checkpoint to write.");
        var command = new Command("export", """
            Writes the weights of a model folder as a checkpoint of another program (the tokenizer is not converted).

            llama2c: only a plain Llama fits (rope base 10,000, epsilon 1e-5, no scaling, no biases); weights become float32.

            Example:  lab model export stories260K --format llama2c --out stories260K.bin
            """) { folder, format, file };
        command.SetAction(result => Run(result.GetRequiredValue(folder), result.GetRequiredValue(file)));
        return command;
    }

    private static int Run(string directory, string file)
    {
        using var folder = ModelFolder.Open(directory);
        Llama2cWriter.Write(file, folder.Config, name => folder.Load(name, ScalarType.Float32));
        Console.WriteLine($"{file}: written");
        return 0;
    }
}
