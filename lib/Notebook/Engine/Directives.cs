using System.Text.RegularExpressions;

namespace HeadKvLab.Notebook.Engine;

/// <summary>
/// The lines of a cell that are meant for the kernel rather than the compiler. Lines that name packages are blanked, never removed, so that line
/// numbers stay true. <c>#!</c> lines are .NET Interactive's, apart from languages that cannot be had here.
/// </summary>
/// <param name="Code">The cell with those lines blanked.</param>
/// <param name="Packages">From <c>#r "nuget: Id, version"</c>; a version of "*" when none is given.</param>
/// <param name="Sources">From <c>#i "nuget: address"</c>.</param>
/// <param name="Files">The dlls from <c>#r "file.dll"</c>, as written.</param>
internal sealed partial record Directives(string Code, IReadOnlyList<PackageId> Packages, IReadOnlyList<string> Sources, IReadOnlyList<string> Files)
{
    /// <summary>Whether a line starts or ends a block of another language, or is a command of .NET Interactive's.</summary>
    internal static bool IsMagic(string line) => line.StartsWith("#!", StringComparison.Ordinal);

    /// <summary>Whether some of a cell is another language or a command.</summary>
    internal static bool HaveMagic(string cell) => cell.Split('\n').Any(IsMagic);

    /// <exception cref="RefusedException">A directive written wrongly, or a language that is not here.</exception>
    internal static Directives Parse(string cell)
    {
        var packages = new List<PackageId>();
        var sources = new List<string>();
        var files = new List<string>();
        var lines = cell.ReplaceLineEndings("\n").Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i].Trim();
            if (IsMagic(lines[i]))
            {
                if (Languages.WhyNot(line.Split(' ', '\t')[0][2..]) is { } why) throw new RefusedException($"line {i + 1}: {why}");
                continue;
            }
            if (NuGetReference().Match(line) is { Success: true } package)
            {
                packages.Add(new PackageId(package.Groups["id"].Value, package.Groups["version"] is { Success: true } version ? version.Value : "*"));
            }
            else if (NuGetSource().Match(line) is { Success: true } source)
            {
                sources.Add(source.Groups["address"].Value);
            }
            else if (line.StartsWith("#r", StringComparison.Ordinal) && line.Contains("nuget:", StringComparison.OrdinalIgnoreCase))
            {
                throw new RefusedException($"line {i + 1}: {line}: write #r \"nuget: PackageId, version\"");
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

    /// <summary>The code as .NET Interactive is to see it: with a blank before <c>#r</c> it leaves the line to the compiler.</summary>
    internal string Hidden => CompilerLine().Replace(Code, " $&");

    /// <summary>Undoes <see cref="Hidden"/> in a block of it.</summary>
    internal static string Shown(string block) => HiddenLine().Replace(block, "");

    [GeneratedRegex("""^#r\s+"\s*nuget:\s*(?<id>[A-Za-z0-9._-]+)\s*(,\s*(?<version>[^"\s]+)\s*)?"$""", RegexOptions.IgnoreCase)]
    private static partial Regex NuGetReference();

    [GeneratedRegex("""^#i\s+"\s*(nuget:)?\s*(?<address>[^"]+?)\s*"$""", RegexOptions.IgnoreCase)]
    private static partial Regex NuGetSource();

    [GeneratedRegex("""^#r\s+"(?<file>[^"]+)"$""")]
    private static partial Regex FileReference();

    [GeneratedRegex(@"^#r\b", RegexOptions.Multiline)]
    private static partial Regex CompilerLine();

    [GeneratedRegex(@"^ (?=#r\b)", RegexOptions.Multiline)]
    private static partial Regex HiddenLine();
}

/// <summary>A package by name and version, "*" for the newest.</summary>
internal sealed record PackageId(string Id, string Version);
