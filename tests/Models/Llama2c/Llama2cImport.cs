using HeadKvLab.Models;

namespace HeadKvLab.Tests.Models.Llama2c;

/// <summary>The published tiny models as model folders: weights nobody here trained, with texts nobody here generated.</summary>
internal static class Llama2cImport
{
    /// <summary>Writes a model folder in Hugging Face form.</summary>
    internal static void Run(string checkpoint, string tokenizer, string folder)
    {
        var file = new Llama2cFile(checkpoint);
        ModelFolder.Save(folder, file.Config, file.Load);
        Llama2cTokenizer.Read(tokenizer, file.Config.VocabSize).Save(folder);
        File.WriteAllText(Path.Combine(folder, "generation_config.json"), """{"do_sample": false, "bos_token_id": 1, "eos_token_id": [2, 1]}""" + "\n");
    }
}
