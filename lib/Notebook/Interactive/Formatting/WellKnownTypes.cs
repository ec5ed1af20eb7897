using System;
using System.Collections;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Microsoft.DotNet.Interactive.Formatting;

/// <summary>
/// Formatters of types whose own assemblies declare none, found by the type's full name so that no package is referenced:
/// Microsoft.Data.Analysis.DataFrame as a sortable table, Plotly.NET.GenericChart as an interactive chart.
/// A formatter that the type declares, or a cell registers, comes before these.
/// </summary>
internal static class WellKnownTypes
{
    const string Plotly = "application/vnd.plotly.v1+json";
    const int RowLimit = 100;

    internal static string[]? PreferredMimeTypes(Type type) => Name(type) switch
    {
        "Plotly.NET.GenericChart" => [HtmlFormat.MimeType, Plotly],
        _ => null,
    };

    internal static IEnumerable<Formatting> Formattings(Type type) => Name(type) switch
    {
        "Microsoft.Data.Analysis.DataFrame" =>
        [
            new(type, HtmlFormat.MimeType, (value, writer) => { writer.Write(DataFrameTable(value)); return true; }),
            new(type, TextFormat.MimeType, (value, writer) => { writer.Write(value.ToString()); return true; }),
        ],
        "Plotly.NET.GenericChart" =>
        [
            new(type, HtmlFormat.MimeType, (value, writer) => { writer.Write(PlotlyDiv.Write(Figure(value))); return true; }),
            new(type, Plotly, (value, writer) => { writer.Write(Figure(value)); return true; }),
            new(type, TextFormat.MimeType, (value, writer) => { writer.Write("[Plotly chart]"); return true; }),
        ],
        _ => [],
    };

    /// <summary>The full name of the type or of the nearest base of it that is well known.</summary>
    static string? Name(Type type)
    {
        for (var at = type; at is not null && at != typeof(object); at = at.BaseType)
        {
            if (at.FullName is "Microsoft.Data.Analysis.DataFrame" or "Plotly.NET.GenericChart")
            {
                return at.FullName;
            }
        }
        return null;
    }

    static string Figure(object chart)
    {
        for (var type = chart.GetType(); type is not null; type = type.BaseType)
        {
            if (type.GetMethod("toFigureJson", [type]) is { IsStatic: true } toJson)
            {
                return PlotlyDiv.KeepHere((string)toJson.Invoke(null, [chart])!);
            }
        }
        throw new InvalidOperationException("This version of Plotly.NET has no GenericChart.toFigureJson; version 5.1.0 has it.");
    }

    static string DataFrameTable(object frame)
    {
        dynamic data = frame;
        var columns = ((IEnumerable)data.Columns).Cast<object>().ToArray();
        long length = data.Rows.Count;
        var rows = new List<object?[]>();
        for (long r = 0; r < Math.Min(length, RowLimit); r++)
        {
            rows.Add([.. columns.Select(column => (object?)((dynamic)column)[r])]);
        }
        return SortableTable.Write([.. columns.Select(column => (string)((dynamic)column).Name)], rows,
            length > RowLimit ? $"{length - RowLimit} more rows" : null);
    }
}

/// <summary>A Plotly figure as part of a page: drawn once plotly.js is there.</summary>
internal static class PlotlyDiv
{
    static readonly JsonSerializerOptions Letters = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The figure without the button that uploads its data to a cloud service, which plotly.js 4 adds by default.</summary>
    internal static string KeepHere(string figure)
    {
        JsonObject? chart;
        try { chart = JsonNode.Parse(figure) as JsonObject; }
        catch (JsonException) { chart = null; } // a cell's own text: the page will say what is wrong with it
        if (chart is null) return figure;
        if (chart["config"] is not JsonObject config) chart["config"] = config = new JsonObject { ["responsive"] = true };
        config["showSendToCloud"] = false;
        config["plotlyServerURL"] = "";
        return chart.ToJsonString(Letters);
    }

    /// <param name="figure">JSON with data and layout.</param>
    /// <param name="still">HTML shown until it is drawn, and where it never is; null for a line that says so.</param>
    internal static string Write(string figure, string? still = null)
    {
        figure = KeepHere(figure);
        // The same figure has the same id in every run; where it is shown twice, both are drawn.
        var id = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(figure)))[..16];
        return $$"""
            <div data-plotly="{{id}}" style="{{(still is null ? "min-height:420px" : "overflow-x:auto")}}">{{still ?? "<i>interactive chart: needs a page with scripts</i>"}}</div>
            <script type="text/javascript">(function () {
              var figure = {{figure.Replace("</", "<\\/", StringComparison.Ordinal)}}, tries = 0;
              (function draw() {
                var places = document.querySelectorAll('[data-plotly="{{id}}"]');
                if (places.length && window.Plotly) places.forEach(function (at) { at.innerHTML = ""; window.Plotly.newPlot(at, figure.data, figure.layout, figure.config); });
                else if (tries++ < 100) setTimeout(draw, 100);
              })();
            })();</script>
            """;
    }
}
