using System.Text.RegularExpressions;

namespace HeadKvLab.Notebook.Engine;

/// <summary>
/// The lines of a cell that are meant for the kernel rather than the compiler. They are blanked, never removed, so that line numbers
/// stay true. <c>#r "file.dll"</c> and <c>#load</c> are left to the compiler, which knows them.
/// </summary>
/// <param name="Code">The cell with those lines blanked.</param>
/// <param name="Packages">From <c>#r "nuget: Id, version"</c>; a version of "*" when none is given.</param>
/// <param name="Sources">From <c>#i "nuget: address"</c>.</param>
/// <param name="Files">The dlls from <c>#r "file.dll"</c>, as written.</param>
internal sealed partial record Directives(string Code, IReadOnlyList<PackageId> Packages, IReadOnlyList<string> Sources, IReadOnlyList<string> Files)
{
    /// <exception cref="DirectiveException">A directive this kernel does not know, or one written wrongly.</exception>
    internal static Directives Parse(string cell)
    {
        var packages = new List<PackageId>();
        var sources = new List<string>();
        var files = new List<string>();
        var lines = cell.ReplaceLineEndings("\n").Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i].Trim();
            if (line.StartsWith("#!", StringComparison.Ordinal))
            {
                CheckMagic(line, i + 1);
            }
            else if (NuGetReference().Match(line) is { Success: true } package)
            {
                packages.Add(new PackageId(package.Groups["id"].Value, package.Groups["version"] is { Success: true } version ? version.Value : "*"));
            }
            else if (NuGetSource().Match(line) is { Success: true } source)
            {
                sources.Add(source.Groups["address"].Value);
            }
            else if (line.StartsWith("#r", StringComparison.Ordinal) && line.Contains("nuget:", StringComparison.OrdinalIgnoreCase))
            {
                throw new DirectiveException(i + 1, $"{line}: write #r \"nuget: PackageId, version\"");
            }
            else
            {
                if (FileReference().Match(line) is { Success: true } file)
                {
                    files.Add(file.Groups["file"].Value);
                }
                continue;
            }
            lines[i] = "";
        }
        return new Directives(string.Join('\n', lines), packages, sources, files);
    }

    static void CheckMagic(string line, int number)
    {
        var name = line.Split(' ', '\t')[0];
        if (name is not ("#!csharp" or "#!C#" or "#!c#"))
        {
            throw new DirectiveException(number, $"{name}: this kernel runs C# and knows no such magic command; it knows #r, #i, #load and #!csharp.");
        }
    }

    [GeneratedRegex("""^#r\s+"\s*nuget:\s*(?<id>[A-Za-z0-9._-]+)\s*(,\s*(?<version>[^"\s]+)\s*)?"$""", RegexOptions.IgnoreCase)]
    private static partial Regex NuGetReference();

    [GeneratedRegex("""^#i\s+"\s*(nuget:)?\s*(?<address>[^"]+?)\s*"$""", RegexOptions.IgnoreCase)]
    private static partial Regex NuGetSource();

    [GeneratedRegex("""^#r\s+"(?<file>[^"]+)"$""")]
    private static partial Regex FileReference();
}

/// <summary>A package by name and version, "*" for the newest.</summary>
internal sealed record PackageId(string Id, string Version);

/// <summary>A directive that cannot be followed.</summary>
internal sealed class DirectiveException(int line, string message) : Exception($"line {line}: {message}");
