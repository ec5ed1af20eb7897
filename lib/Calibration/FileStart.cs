namespace HeadKvLab.Calibration;

/// <summary>The first characters of a file: enough to tell what kind of table it is.</summary>
internal static class FileStart
{
    private const int Characters = 256;

    /// <summary>The first characters; none where the file cannot be read, since whoever reads it says why.</summary>
    internal static string Of(string path)
    {
        try
        {
            using var file = new StreamReader(path);
            var start = new char[Characters];
            return new string(start, 0, file.ReadBlock(start));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
