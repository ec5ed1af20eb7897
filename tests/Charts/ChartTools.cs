using System.Text.Json;

namespace HeadKvLab.Tests.Charts;

/// <summary>What a chart's tool bar may offer: nothing that sends data to a server, only tools that do something, and those on hover.</summary>
internal static class ChartTools
{
    private static readonly string[] Useful = ["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"];

    /// <summary>What is wrong with the tools of a chart, <c>{"data", "layout", "config"}</c>; plotly.js shows by default what is not switched off.</summary>
    public static IReadOnlyList<string> Faults(JsonElement chart)
    {
        var faults = new List<string>();
        if (!chart.TryGetProperty("config", out var config)) return ["no config"];
        foreach (var offer in new[] { "showSendToCloud", "showEditInChartStudio", "showLink" })
            if (!config.TryGetProperty(offer, out var shown) || shown.ValueKind != JsonValueKind.False) faults.Add(offer);
        if (!config.TryGetProperty("plotlyServerURL", out var server) || server.GetString() != "") faults.Add("plotlyServerURL");
        if (!config.TryGetProperty("displayModeBar", out var bar) || bar.ValueKind != JsonValueKind.String || bar.GetString() != "hover") faults.Add("displayModeBar");
        if (!config.TryGetProperty("modeBarButtons", out var groups) || groups.EnumerateArray().SelectMany(g => g.EnumerateArray()).Any(tool => !Useful.Contains(tool.GetString()))) faults.Add("modeBarButtons");
        return faults;
    }
}
