using System.Collections.Generic;
using System.Linq;
using Microsoft.AspNetCore.Html;
using Microsoft.DotNet.Interactive;
using Microsoft.DotNet.Interactive.Formatting;

namespace System;

/// <summary>Shows values from anywhere: <c>x.Display()</c>.</summary>
public static class DisplayExtensions
{
    /// <summary>Shows a value now.</summary>
    /// <param name="value">Any value.</param>
    /// <param name="mimeTypes">The types to show it as; none: those its formatters prefer.</param>
    /// <returns>A handle whose Update replaces the output in place.</returns>
    public static DisplayedValue Display(this object? value, params string[] mimeTypes) =>
        Show(value, FormattedValue.CreateManyFromObject(value, mimeTypes));

    /// <summary>Shows a string as the given type, for example a string of SVG as <c>image/svg+xml</c>.</summary>
    /// <param name="value">The text.</param>
    /// <param name="mimeType">What the text is.</param>
    public static DisplayedValue DisplayAs(this string value, string mimeType) =>
        Show(value, [new FormattedValue(mimeType, value)]);

    /// <summary>Shows the items as the rows of a table, a column for each public property.</summary>
    /// <param name="value">The rows.</param>
    /// <param name="mimeTypes">The types to show it as; none: HTML.</param>
    public static DisplayedValue DisplayTable<T>(this IEnumerable<T> value, params string[] mimeTypes) =>
        value is null
            ? value.Display(mimeTypes)
            : new HtmlString(HtmlFormat.Table(value.Cast<object?>(), int.MaxValue)).Display(mimeTypes);

    static DisplayedValue Show(object? value, IReadOnlyList<FormattedValue> bundle)
    {
        var shown = new DisplayedValue(value, bundle);
        CellOutput.Current?.Show(shown.DisplayId, bundle);
        return shown;
    }
}
