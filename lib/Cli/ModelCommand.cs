using System.CommandLine;

namespace HeadKvLab.Cli;

/// <summary><c>lab model</c>: what a model folder holds.</summary>
internal static class ModelCommand
{
    internal static Command Create() => new("model", "Shows models in Hugging Face form (config.json, model.safetensors, tokenizer.json).\n\nExample:  lab model show data/models/world-4m")
    {
        ModelShowCommand.Create(),
    };
}
