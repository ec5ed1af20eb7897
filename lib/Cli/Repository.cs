namespace HeadKvLab.Cli;

/// <summary>Where the repository lies: the folder with HeadKvLab.csproj above the program.</summary>
internal static class Repository
{
    /// <summary>Full path of a file or folder of the repository, or null where there is none.</summary>
    public static string? Find(string relativePath)
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (!File.Exists(Path.Combine(folder.FullName, "HeadKvLab.csproj"))) continue;
            string path = Path.Combine(folder.FullName, relativePath);
            return Path.Exists(path) ? path : null;
        }
        return null;
    }
}
