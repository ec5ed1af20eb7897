namespace HeadKvLab.Tests.Notebook;

/// <summary>The folder of this repository, wherever the tests run from.</summary>
internal static class Repository
{
    internal static string Root { get; } = Find();

    static string Find()
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(at.FullName, "HeadKvLab.csproj")))
        {
            at = at.Parent ?? throw new InvalidOperationException($"{AppContext.BaseDirectory} lies in no clone of the repository.");
        }
        return at.FullName;
    }
}
