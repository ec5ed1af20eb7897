using System.Reflection;
using HeadKvLab.Notebook.Files;
using Microsoft.DotNet.Interactive.Formatting;

namespace HeadKvLab.Notebook.Engine;

/// <summary>
/// Shows charts of Plotly.NET, which a cell brings, as their own JSON and as HTML that draws them without a network. The package's own extension
/// would fetch plotly.js from its makers' server.
/// </summary>
internal static class ChartFormatter
{
    const string ChartType = "Plotly.NET.GenericChart";
    static readonly List<Type> known = [];

    /// <summary>Takes notice of an assembly that was loaded.</summary>
    internal static void OnLoad(Assembly assembly)
    {
        if (assembly.GetName().Name != "Plotly.NET" || assembly.GetType(ChartType) is not { } chart) return;
        lock (known) known.Add(chart);
        Register(chart);
    }

    /// <summary>After an extension, which may have registered a formatter of its own.</summary>
    internal static void RegisterAgain()
    {
        lock (known) known.ForEach(Register);
    }

    static void Register(Type chart)
    {
        var toJson = chart.GetMethod("toJson", [chart]) ?? throw new RefusedException($"This version of Plotly.NET has no {ChartType}.toJson; version 6.0.0 has it.");
        string Json(object value) => PlotlyDiv.KeepHere((string)toJson.Invoke(null, [value])!);
        Formatter.Register(chart, (value, writer) => writer.Write(PlotlyDiv.Write(Json(value))), "text/html");
        Formatter.Register(chart, (value, writer) => writer.Write(Json(value)), PlotlyDiv.MimeType);
        Formatter.Register(chart, (value, writer) => writer.Write("[Plotly chart]"), "text/plain");
        Formatter.SetPreferredMimeTypesFor(chart, "text/html", PlotlyDiv.MimeType, "text/plain");
    }
}
