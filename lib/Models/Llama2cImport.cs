namespace HeadKvLab.Models;

/// <summary>Turns a llama2.c checkpoint and its tokenizer into a model folder in Hugging Face form.</summary>
public static class Llama2cImport
{
    /// <summary>Imports one model.</summary>
    /// <param name="checkpoint">The weights (<see cref="Llama2cFile"/>).</param>
    /// <param name="tokenizer">The tokenizer (<see cref="Llama2cTokenizer"/>).</param>
    /// <param name="directory">Folder to write.</param>
    /// <returns>The model's configuration.</returns>
    /// <exception cref="LabException">A file is broken, or the two do not belong together; nothing is written then.</exception>
    public static ModelConfig Run(string checkpoint, string tokenizer, string directory)
    {
        using var file = Llama2cFile.Open(checkpoint);
        var words = Llama2cTokenizer.Read(tokenizer, file.Config.VocabSize);
        ModelFolder.Save(directory, file.Config, file.Load);
        words.Save(directory);
        File.WriteAllText(Path.Combine(directory, "generation_config.json"), """{"do_sample": false, "bos_token_id": 1, "eos_token_id": [2, 1]}""" + "\n");
        return file.Config;
    }
}
