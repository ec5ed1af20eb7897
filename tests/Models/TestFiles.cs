using System.Buffers.Binary;
using System.Text;

namespace HeadKvLab.Tests.Models;

/// <summary>A folder of its own for each test, removed at the end, with writers for good and broken files.</summary>
public sealed class TestFiles : IDisposable
{
    public string Folder { get; } = Directory.CreateTempSubdirectory("lab-models-").FullName;

    public string Path(string name) => System.IO.Path.Combine(Folder, name);

    public string Write(string name, byte[] bytes)
    {
        File.WriteAllBytes(Path(name), bytes);
        return Path(name);
    }

    public string Write(string name, string text) => Write(name, Encoding.UTF8.GetBytes(text));

    /// <summary>A safetensors file of a header and a number of zero bytes, whatever the header claims.</summary>
    public string Safetensors(string header, int dataBytes, string name = "model.safetensors", ulong? length = null)
    {
        var json = Encoding.UTF8.GetBytes(header);
        var bytes = new byte[8 + json.Length + dataBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length ?? (ulong)json.Length);
        json.CopyTo(bytes, 8);
        return Write(name, bytes);
    }

    public void Dispose() => Directory.Delete(Folder, true);

    /// <summary>The repository's root: the folder above that holds HeadKvLab.csproj.</summary>
    public static string Repository { get; } = FindRepository();

    public static string Fixture(params string[] parts) => System.IO.Path.Combine([Repository, "tests", "fixtures", .. parts]);

    private static string FindRepository()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(System.IO.Path.Combine(folder.FullName, "HeadKvLab.csproj"))) return folder.FullName;
        throw new InvalidOperationException("the tests do not run inside the repository");
    }
}
