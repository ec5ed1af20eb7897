using System.CommandLine;
using HeadKvLab.Models;

namespace HeadKvLab.Cli;

/// <summary><c>lab model import</c>: from other programs' checkpoints to a Hugging Face folder.</summary>
internal static class ModelImportCommand
{
    internal static Command Create()
    {
        var file = new Argument<string>("file") { Description = "The checkpoint." };
        var format = new Option<string>("--format") { Description = "Its format: llama2c (version 0 of karpathy/llama2.c).", Required = true };
        format.AcceptOnlyFromAmong("llama2c");
        var tokenizer = new Option<string>("--tokenizer") { Description = "The tokenizer.bin that belongs to it.", Required = true };
        var folder = Options.NeededOut("Folder to write config.json, model.safetensors, tokenizer.json and generation_config.json into.");
        var command = new Command("import", """
            Turns a checkpoint of another program into a model folder in Hugging Face form.

            llama2c: float32 weights are kept; the rows of the query and key matrices are permuted to Hugging Face's rope
            convention; scores of the tokenizer become merges. Generation ends at EOS (2) or at a further BOS (1), as there.

            Example:  lab model import --format llama2c stories260K.bin --tokenizer tok512.bin --out stories260K
            """) { file, format, tokenizer, folder };
        command.SetAction(result => Run(result.GetRequiredValue(file), result.GetRequiredValue(tokenizer), result.GetRequiredValue(folder)));
        return command;
    }

    private static int Run(string file, string tokenizer, string folder)
    {
        Llama2cImport.Run(file, tokenizer, folder);
        Console.WriteLine($"{folder}: written; look at it with: lab model show {folder}");
        return 0;
    }
}
