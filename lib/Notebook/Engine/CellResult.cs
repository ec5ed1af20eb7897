using Microsoft.DotNet.Interactive.Formatting;

namespace HeadKvLab.Notebook.Engine;

/// <summary>How a cell ended.</summary>
/// <param name="Value">Representations of its last expression, or null when it has none.</param>
/// <param name="Error">Why it failed, or null.</param>
internal sealed record CellResult(IReadOnlyList<FormattedValue>? Value, CellError? Error);

/// <summary>Why a cell failed, as notebooks store it.</summary>
/// <param name="Name">The exception's type, or "Error" for code that does not compile.</param>
/// <param name="Message">One line or more.</param>
/// <param name="Traceback">Lines for the reader, with the lines of code concerned.</param>
internal sealed record CellError(string Name, string Message, IReadOnlyList<string> Traceback)
{
    internal static CellError Plain(string name, string message) => new(name, message, [$"{name}: {message}"]);
}
