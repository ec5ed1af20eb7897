namespace HeadKvLab.Text;

/// <summary>Finds which file of a model folder holds the tokenizer, and which reader reads it.</summary>
internal static class TokenizerFiles
{
    public static TextTokenizer Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (File.Exists(path)) return LoadFile(path);
        if (!Directory.Exists(path)) throw new LabException($"{path}: no such folder: give the folder of a Hugging Face model.");
        foreach (string name in (string[])["tokenizer.json", "tokenizer.model", "qwen.tiktoken"])
            if (File.Exists(Path.Combine(path, name))) return LoadFile(Path.Combine(path, name));
        throw new LabException($"{path}: no tokenizer.json, tokenizer.model or qwen.tiktoken: copy the tokenizer of the model into its folder.");
    }

    private static TextTokenizer LoadFile(string file)
    {
        if (file.EndsWith(".json", StringComparison.OrdinalIgnoreCase)) return TokenizerJson.Read(file);
        byte[] data = Bytes(file);
        if (RankFile.Looks(data)) return RankFile.ReadKnown(file, data);
        if (file.EndsWith(".model", StringComparison.OrdinalIgnoreCase)) return SentencePieceReader.Read(file, data);
        throw new LabException($"{file}: not a tokenizer file known here: give a tokenizer.json, a SentencePiece .model or a .tiktoken rank file.");
    }

    /// <summary>The whole file.</summary>
    public static byte[] Bytes(string file)
    {
        try
        {
            return File.ReadAllBytes(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{file}: cannot be read: {error.Message}", error);
        }
    }

    /// <summary>The settings beside a tokenizer file, if there are any.</summary>
    public static JsonPlace Config(string tokenizerFile)
    {
        string file = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(tokenizerFile))!, "tokenizer_config.json");
        return File.Exists(file) ? JsonPlace.Read(file) : new JsonPlace(file, "", default);
    }
}
