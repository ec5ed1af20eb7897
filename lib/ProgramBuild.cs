using System.Globalization;
using System.Reflection;

namespace HeadKvLab;

/// <summary>Which build of the program this is. Results carry it.</summary>
/// <param name="Version">Its version, <c>0.1.0</c>.</param>
/// <param name="Commit">The commit it was compiled from, with <c>-modified</c> where sources differed from it; <c>unknown</c> without git.</param>
/// <param name="Built">When its file was written, UTC. The time is the file's and not inside it, so that equal sources compile to equal bytes.</param>
public sealed record ProgramBuild(string Version, string Commit, string Built)
{
    /// <summary>Stands for what is not known.</summary>
    public const string Unknown = "unknown";

    /// <summary>This program.</summary>
    public static ProgramBuild Current { get; } = Of(typeof(ProgramBuild).Assembly);

    /// <summary>The commit in an assembly's informational version, <c>0.1.0+COMMIT</c>.</summary>
    internal static string CommitOf(string? informationalVersion) => informationalVersion?.Split('+', 2) is [_, { Length: > 0 } commit] ? commit : Unknown;

    private static ProgramBuild Of(Assembly assembly) => new(
        assembly.GetName().Version?.ToString(3) ?? Unknown, CommitOf(assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion),
        File.Exists(assembly.Location) ? File.GetLastWriteTimeUtc(assembly.Location).ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture) : Unknown);
}
