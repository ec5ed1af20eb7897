using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Html;

namespace Microsoft.DotNet.Interactive.Formatting;

/// <summary>HTML for any value: sequences of objects as tables, objects as a table of their properties, the rest as text.</summary>
internal static class HtmlFormat
{
    internal const string MimeType = "text/html";
    const string Json = "application/json";

    /// <summary>The last resort for a type of value and a MIME type, or null when there is none.</summary>
    internal static Formatting? ForAnyObject(Type type, string mimeType) => mimeType switch
    {
        TextFormat.MimeType => new(type, mimeType, (value, writer) => { TextFormat.Default(value, writer, 0); return true; }),
        MimeType => new(type, mimeType, (value, writer) => { Default(value, writer); return true; }),
        Json => new(type, mimeType, (value, writer) => { writer.Write(JsonSerializer.Serialize(value)); return true; }),
        _ when type == typeof(string) => new(type, mimeType, (value, writer) => { writer.Write((string)value); return true; }),
        _ => null,
    };

    static void Default(object value, TextWriter writer)
    {
        switch (value)
        {
            case IHtmlContent html:
                html.WriteTo(writer, HtmlEncoder.Default);
                break;
            case IDictionary map:
                writer.Write(Pairs(map.Keys.Cast<object>().Select(key => (Text(key), map[key])), "key", "value"));
                break;
            case IEnumerable items when value is not string && !(value is not ICollection && TextFormat.OverridesToString(value.GetType())):
                var all = items.Cast<object?>();
                writer.Write(all.Take(Formatter.ListExpansionLimit).Any(IsRow) ? Table(all, Formatter.ListExpansionLimit) : Pre(value));
                break;
            default:
                writer.Write(IsRow(value) && !TextFormat.OverridesToString(value.GetType()) ? Pairs(TextFormat.Members(value), "property", "value") : Pre(value));
                break;
        }
    }

    /// <summary>A table of rows: a column for each public property, numbers to the right.</summary>
    /// <param name="rows">The items.</param>
    /// <param name="limit">Rows written out; the rest is counted.</param>
    internal static string Table(IEnumerable<object?> rows, int limit)
    {
        var shown = rows.Take(limit).ToArray();
        var cells = shown.Select(Row).ToArray();
        var columns = cells.SelectMany(row => row.Select(cell => cell.Name)).Distinct().ToArray();
        var body = cells.Select(row => columns.Select(name => row.FirstOrDefault(cell => cell.Name == name).Value).ToArray()).ToArray();
        var rest = shown.Length == limit ? CountOrNull(rows) - limit : 0;
        return SortableTable.Write(columns, body, rest is > 0 ? $"{rest} more rows" : null);
    }

    /// <summary>How many items, when that is known without going through them.</summary>
    internal static long? CountOrNull(IEnumerable<object?> items) => items.TryGetNonEnumeratedCount(out var count) ? count : null;

    /// <summary>The same of a sequence whose type of items is not known: what its collection interface says.</summary>
    internal static long? CountOf(IEnumerable items) => items is ICollection collection ? collection.Count
        : items.GetType().GetInterfaces().Where(i => i.IsGenericType && i.GetGenericTypeDefinition() is var kind && (kind == typeof(ICollection<>) || kind == typeof(IReadOnlyCollection<>)))
            .Select(i => i.GetProperty("Count")?.GetValue(items)).FirstOrDefault() is int count ? count : null;

    internal static string Text(object? value) => value.ToDisplayString(TextFormat.MimeType);

    internal static string Escape(string text) => WebUtility.HtmlEncode(text);

    static (string Name, object? Value)[] Row(object? item)
    {
        if (item is IDictionary map)
        {
            return [.. map.Keys.Cast<object>().Select(key => (Text(key), map[key]))];
        }
        return IsRow(item) ? [.. TextFormat.Members(item!)] : [("value", item)];
    }

    static bool IsRow(object? value) => value is not null && value is not string && value is not IHtmlContent
        && !TextFormat.IsScalar(value.GetType()) && value is not IEnumerable and not Exception and not Delegate;

    static string Pairs(IEnumerable<(string Name, object? Value)> pairs, string first, string second) =>
        SortableTable.Write([first, second], [.. pairs.Select(pair => new[] { pair.Name, pair.Value })], null);

    static string Pre(object value) => $"<pre>{Escape(Text(value))}</pre>";
}

/// <summary>An HTML table whose columns sort by a click on their heads, where scripts may run; numbers stand to the right.</summary>
internal static class SortableTable
{
    const string Sort =
        "var h=event.target,t=h.closest('table'),i=h.cellIndex,b=t.tBodies[0],d=h.dataset.d=h.dataset.d=='1'?'-1':'1';"
        + "[].slice.call(b.rows).sort(function(x,y){x=x.cells[i].dataset.v||x.cells[i].innerText;y=y.cells[i].dataset.v||y.cells[i].innerText;"
        + "var n=x-y;return d*(isNaN(n)?x.localeCompare(y):n)}).forEach(function(r){b.appendChild(r)})";

    /// <param name="columns">Heads.</param>
    /// <param name="rows">Cells [row, column]; null cells stay empty.</param>
    /// <param name="note">A line below, or null.</param>
    internal static string Write(IReadOnlyList<string> columns, IReadOnlyList<object?[]> rows, string? note)
    {
        var numeric = columns.Select((_, c) => rows.Any(row => IsNumber(row[c])) && rows.All(row => row[c] is null || IsNumber(row[c]))).ToArray();
        var html = new StringBuilder($"<table class=\"dataframe\"><thead title=\"sort\" style=\"cursor:pointer\" onclick=\"{Sort}\"><tr>");
        for (var c = 0; c < columns.Count; c++)
        {
            html.Append($"<th style=\"text-align:{(numeric[c] ? "right" : "left")}\">{HtmlFormat.Escape(columns[c])}</th>");
        }
        html.Append("</tr></thead><tbody>");
        foreach (var row in rows)
        {
            html.Append("<tr>");
            for (var c = 0; c < columns.Count; c++)
            {
                html.Append(numeric[c] ? NumberCell(row[c]) : $"<td style=\"text-align:left\">{Cell(row[c])}</td>");
            }
            html.Append("</tr>");
        }
        html.Append("</tbody></table>");
        return note is null ? html.ToString() : html.Append($"<p><i>{HtmlFormat.Escape(note)}</i></p>").ToString();
    }

    static string Cell(object? value) => value switch
    {
        null => "",
        IHtmlContent html => html.ToString() ?? "",
        _ => HtmlFormat.Escape(HtmlFormat.Text(value)),
    };

    /// <summary>Six significant digits to read, the whole value to sort by.</summary>
    static string NumberCell(object? value)
    {
        var exact = value is IFormattable number ? number.ToString(null, CultureInfo.InvariantCulture) : "";
        var shown = value is float or double or Half ? Convert.ToDouble(value, CultureInfo.InvariantCulture).ToString("G6", CultureInfo.InvariantCulture) : exact;
        return $"<td style=\"text-align:right\"{(shown == exact ? "" : $" data-v=\"{exact}\"")}>{shown}</td>";
    }

    static bool IsNumber(object? value) => value is sbyte or byte or short or ushort or int or uint or long or ulong or float or double or decimal or Half;
}
