using HeadKvLab.Models;

namespace HeadKvLab.Tests;

/// <summary>Places in the checkout that the tests run from.</summary>
internal static class Repository
{
    /// <summary>The folder with HeadKvLab.csproj.</summary>
    internal static string Root { get; } = Find();

    internal static string Path(params string[] parts) => System.IO.Path.Combine([Root, .. parts]);

    /// <summary>The shipped model, loaded once for all: test classes that run side by side decode in sessions of their own.</summary>
    internal static LanguageModel Model => Loaded.Value;

    private static readonly Lazy<LanguageModel> Loaded = new(() => LanguageModel.Load(Path("data", "models", "world-4m")));

    private static string Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder.FullName, "HeadKvLab.csproj"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("the tests run outside a checkout");
    }
}

/// <summary>A folder that is gone after the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    internal string Path { get; } = Directory.CreateTempSubdirectory("headkvlab-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

/// <summary>Tests that write files: each has a folder of its own.</summary>
public abstract class FolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private protected string Folder => _folder.Path;

    private protected string Inside(string name) => Path.Combine(Folder, name);

    /// <inheritdoc/>
    public void Dispose()
    {
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }
}
