namespace HeadKvLab.Notebook.Engine;

/// <summary>The languages a cell or a block of one can be written in, by the names that notebooks give them.</summary>
internal static class Languages
{
    internal const string CSharp = "csharp";

    /// <summary>Those that run here.</summary>
    static readonly string[] here = [CSharp, "html", "markdown", "javascript", "value"];

    /// <summary>Those that .NET Interactive runs elsewhere.</summary>
    static readonly string[] elsewhere = ["fsharp", "F#", "f#", "fs", "pwsh", "powershell", "sql", "kql", "http", "mermaid", "python", "r", "vscode", "webview"];

    /// <summary>The kernel for a cell whose metadata name a language; null: the notebook's own.</summary>
    /// <exception cref="RefusedException">It does not run here.</exception>
    internal static string? KernelOf(string? language)
    {
        var name = language?.StartsWith("dotnet-interactive.", StringComparison.Ordinal) == true ? language["dotnet-interactive.".Length..] : language;
        return name switch
        {
            null or "polyglot-notebook" or ".NET" => null,
            "C#" or "c#" => CSharp,
            "js" => "javascript",
            _ when here.Contains(name) => name,
            _ => throw new RefusedException($"a cell in {name} cannot run here; {Known}"),
        };
    }

    /// <summary>Why a <c>#!name</c> line cannot be followed; null: it names no language that is missing.</summary>
    internal static string? WhyNot(string name) => elsewhere.Contains(name) ? $"#!{name}: {name} does not run in this kernel; {Known}" : null;

    static string Known => $"it runs {string.Join(", ", here)}.";
}
