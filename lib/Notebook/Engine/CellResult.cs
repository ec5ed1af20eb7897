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

/// <summary>A cell's code failed; .NET Interactive carries this to the end of the command.</summary>
internal sealed class CellFailedException(CellError error) : Exception(error.Message)
{
    internal CellError Error { get; } = error;
}

/// <summary>What a cell wants cannot be had: a directive, a package, an answer. The message is all that the reader needs.</summary>
internal sealed class RefusedException(string message) : Exception(message)
{
    /// <summary>The message alone: .NET Interactive passes an exception on as its text.</summary>
    public override string ToString() => Message;
}
