using System.CommandLine;

namespace HeadKvLab.Cli;

/// <summary><c>lab model</c>: show, import and export model folders.</summary>
internal static class ModelCommand
{
    internal static Command Create() => new("model", "Shows, imports and exports models in Hugging Face form (config.json, model.safetensors, tokenizer.json).\n\nExample:  lab model show data/models/world-4m")
    {
        ModelShowCommand.Create(),
        ModelImportCommand.Create(),
        ModelExportCommand.Create(),
    };
}
