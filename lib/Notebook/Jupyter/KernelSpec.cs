using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using HeadKvLab.Notebook.Engine;
using HeadKvLab.Notebook.Files;

namespace HeadKvLab.Notebook.Jupyter;

/// <summary>
/// The folder by which Jupyter knows the kernel. It takes .NET Interactive's name, .net-csharp, so that notebooks and papermill find
/// it; where that name already belongs to another kernel it takes a second one and leaves the first as it is.
/// </summary>
internal static class KernelSpec
{
    internal const string Name = ".net-csharp";
    const string SecondName = "headkvlab-csharp";
    const string Owner = "HeadKvLab.Notebook";
    static readonly JsonSerializerOptions Written = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Installs or renews the kernel.</summary>
    /// <returns>What to tell the user.</returns>
    internal static string Install()
    {
        var foreign = ForeignAt(Name);
        var name = foreign is null ? Name : SecondName;
        var folder = Path.Combine(UserFolder(), name);
        Directory.CreateDirectory(folder);
        PlotlyScript.Save(Path.Combine(folder, "plotly.min.js"));
        File.WriteAllText(Path.Combine(folder, "kernel.json"), Json(name).ToJsonString(Written) + "\n");
        return foreign is null
            ? $"Kernel {name} installed: {folder}"
            : $"The name {Name} belongs to another kernel ({foreign}), which stays as it is. Installed as {name}: {folder}\nChoose \".NET (C#, HeadKV lab)\" in Jupyter, or: jupyter nbconvert --execute --ExecutePreprocessor.kernel_name={name}";
    }

    /// <summary>Removes what <see cref="Install"/> made, and nothing else.</summary>
    /// <returns>What to tell the user.</returns>
    internal static string Uninstall()
    {
        var removed = new List<string>();
        foreach (var folder in new[] { Name, SecondName }.Select(name => Path.Combine(UserFolder(), name)).Where(IsOurs))
        {
            Directory.Delete(folder, recursive: true);
            removed.Add(folder);
        }
        return removed.Count == 0 ? "No kernel of this program is installed." : "Removed: " + string.Join(", ", removed);
    }

    static JsonObject Json(string name)
    {
        var program = Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? Owner + ".exe" : Owner);
        JsonArray command = File.Exists(program) ? [program] : [Dotnet.Command, Path.Combine(AppContext.BaseDirectory, Owner + ".dll")];
        foreach (var argument in new[] { "jupyter", "{connection_file}", "--name", name })
        {
            command.Add(argument);
        }
        return new JsonObject
        {
            ["argv"] = command,
            ["display_name"] = name == Name ? ".NET (C#)" : ".NET (C#, HeadKV lab)",
            ["language"] = "C#",
            ["interrupt_mode"] = "message",
            // A front end that was not started from a shell may lack its PATH; with this the kernel finds the runtime all the same.
            // glibc reads it at the start of a process: without it threads hand each large tensor's memory back to the system.
            ["env"] = new JsonObject { ["DOTNET_ROOT"] = Dotnet.Root, ["MALLOC_ARENA_MAX"] = "1" },
            ["metadata"] = new JsonObject { ["owner"] = Owner, ["debugger"] = false },
        };
    }

    /// <summary>The folder of another program's kernel of this name, among those Jupyter looks at, or null.</summary>
    static string? ForeignAt(string name) =>
        SearchFolders().Select(folder => Path.Combine(folder, name)).FirstOrDefault(folder => File.Exists(Path.Combine(folder, "kernel.json")) && !IsOurs(folder));

    static bool IsOurs(string folder)
    {
        try
        {
            return (string?)JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "kernel.json")))?["metadata"]?["owner"] == Owner;
        }
        catch (Exception exception) when (exception is IOException or JsonException or InvalidOperationException)
        {
            return false;
        }
    }

    static string UserFolder() => Path.Combine(Environment.GetEnvironmentVariable("JUPYTER_DATA_DIR") ?? DefaultDataFolder(), "kernels");

    static string DefaultDataFolder()
    {
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return OperatingSystem.IsWindows() ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData), "jupyter")
            : OperatingSystem.IsMacOS() ? Path.Combine(home, "Library", "Jupyter")
            : Path.Combine(Environment.GetEnvironmentVariable("XDG_DATA_HOME") is { Length: > 0 } data ? data : Path.Combine(home, ".local", "share"), "jupyter");
    }

    static IEnumerable<string> SearchFolders() =>
        (Environment.GetEnvironmentVariable("JUPYTER_PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, "kernels"))
            .Append(UserFolder())
            .Concat(OperatingSystem.IsWindows()
                ? [Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.CommonApplicationData), "jupyter", "kernels")]
                : ["/usr/local/share/jupyter/kernels", "/usr/share/jupyter/kernels"]);
}
