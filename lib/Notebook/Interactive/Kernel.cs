using System;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Html;
using Microsoft.DotNet.Interactive.Formatting;

namespace Microsoft.DotNet.Interactive;

/// <summary>The helpers every cell can call without a prefix: <c>display</c>, <c>HTML</c>, <c>Javascript</c>, <c>CSS</c>, input.</summary>
public class Kernel
{
    Kernel() { }

    /// <summary>Shows a value now, while the cell goes on.</summary>
    /// <param name="value">Any value; null shows as text.</param>
    /// <param name="mimeTypes">The types to show it as; none: those its formatters prefer.</param>
    /// <returns>A handle whose <see cref="DisplayedValue.Update"/> replaces the output in place.</returns>
    public static DisplayedValue display(object? value, params string[] mimeTypes) => value.Display(mimeTypes);

    /// <summary>Marks a string as HTML, so that it is shown as a page part rather than as text.</summary>
    /// <param name="content">HTML, used as it is.</param>
    public static IHtmlContent HTML(string content) => new HtmlString(content);

    /// <summary>Runs a script in the page that shows the notebook, where that page permits it.</summary>
    /// <param name="scriptContent">JavaScript without the surrounding tag.</param>
    public static void Javascript(string scriptContent) =>
        $"<script type=\"text/javascript\">{scriptContent}</script>".DisplayAs("text/html");

    /// <summary>Adds style rules to the page that shows the notebook.</summary>
    /// <param name="content">Style sheet text.</param>
    public static void CSS(string content) => $"<style>{content}</style>".DisplayAs("text/html");

    /// <summary>Asks the reader for a line of text.</summary>
    /// <param name="prompt">Shown beside the field.</param>
    /// <param name="typeHint">"text" or "password".</param>
    /// <exception cref="InvalidOperationException">The notebook runs where nobody can answer.</exception>
    public static Task<string> GetInputAsync(string prompt = "", string typeHint = "text") =>
        (CellOutput.Current ?? throw new InvalidOperationException("GetInputAsync works only while a cell runs."))
            .Ask(prompt, typeHint == "password");
}

/// <summary>The cell that is running.</summary>
public class KernelInvocationContext
{
    readonly CellOutput output;

    KernelInvocationContext(CellOutput output) => this.output = output;

    /// <summary>The running cell, or null outside of one.</summary>
    public static KernelInvocationContext? Current => CellOutput.Current is { } output ? new(output) : null;

    /// <summary>Cancelled when the user interrupts the cell.</summary>
    public CancellationToken CancellationToken => output.Interrupted;

    /// <summary>Shows a value as output of this cell.</summary>
    /// <param name="value">Any value.</param>
    /// <param name="mimeTypes">The types to show it as; none: those its formatters prefer.</param>
    public DisplayedValue Display(object? value, params string[] mimeTypes)
    {
        var shown = new DisplayedValue(value, FormattedValue.CreateManyFromObject(value, mimeTypes));
        output.Show(shown.DisplayId, shown.FormattedValues);
        return shown;
    }
}
