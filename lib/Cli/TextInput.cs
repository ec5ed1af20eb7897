using System.Text;

namespace HeadKvLab.Cli;

/// <summary>A text given on the command line or in a file: exactly one of the two.</summary>
internal static class TextInput
{
    /// <summary>The text, byte for byte.</summary>
    /// <param name="text">Value of the option <paramref name="textOption"/>, or null.</param>
    /// <param name="file">Value of the option <paramref name="fileOption"/>, or null.</param>
    /// <param name="textOption">For example <c>--prompt</c>.</param>
    /// <param name="fileOption">For example <c>--prompt-file</c>.</param>
    /// <exception cref="LabException">None or both are given, the file cannot be read, or it is not UTF-8.</exception>
    internal static string Read(string? text, string? file, string textOption, string fileOption)
    {
        if (text is null == file is null) throw new LabException($"{textOption}, {fileOption}: give exactly one of them");
        if (text is not null) return text;
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(File.ReadAllBytes(file!));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{file}: cannot be read: {e.Message} Name a readable text file", e);
        }
        catch (DecoderFallbackException e)
        {
            throw new LabException($"{file}: not UTF-8 at byte {e.Index:N0}: convert it first (iconv -t UTF-8)", e);
        }
    }
}
