using System.CommandLine;

namespace HeadKvLab.Cli;

/// <summary>Where the repository lies: the folder with HeadKvLab.csproj above the program.</summary>
internal static class Repository
{
    /// <summary>
    /// A path to read as a user gives it: seen from the folder the program is called in; where nothing is there, a path that begins with <c>data/</c> is the repository's,
    /// so that defaults and examples work in every folder.
    /// </summary>
    public static string Input(string path) => path.StartsWith("data/", StringComparison.Ordinal) && !Path.Exists(path) ? Find(path) ?? path : path;

    /// <summary>Options and arguments that name something to read. Folders with a user's own results or data are not among them.</summary>
    internal static readonly HashSet<string> Inputs = ["--model", "--config", "--scores", "--needles", "suite", "file", "dir"];

    /// <summary>Lets a command and all below it read the repository's files from every folder.</summary>
    internal static void Serve(Command command)
    {
        foreach (var option in command.Options.Where(o => Inputs.Contains(o.Name)))
        {
            if (option is Option<string> { DefaultValueFactory: var given } one)
            {
                one.CustomParser = result => Input(result.Tokens[^1].Value);
                if (given is not null) one.DefaultValueFactory = result => Input(given(result));
            }
            else if (option is Option<string[]> many) many.CustomParser = result => [.. result.Tokens.Select(token => Input(token.Value))];
            else if (option is Option<FileInfo> file) file.CustomParser = result => new FileInfo(Input(result.Tokens[^1].Value));
        }
        foreach (var argument in command.Arguments.Where(a => Inputs.Contains(a.Name)).OfType<Argument<string>>()) argument.CustomParser = result => Input(result.Tokens[^1].Value);
        foreach (var below in command.Subcommands) Serve(below);
    }

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
