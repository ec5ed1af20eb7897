namespace HeadKvLab.Tests.Engine;

/// <summary>Files of the repository, found upwards from the test program.</summary>
internal static class RepositoryFiles
{
    internal static string Path(string relative)
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder.FullName, "HeadKvLab.csproj"))) folder = folder.Parent;
        return System.IO.Path.Combine(folder?.FullName ?? throw new FileNotFoundException("HeadKvLab.csproj above " + AppContext.BaseDirectory), relative);
    }
}
