using System.Text.Json.Nodes;
using HeadKvLab.Notebook.Engine;
using HeadKvLab.Notebook.Files;
using Microsoft.DotNet.Interactive.Formatting;

namespace HeadKvLab.Notebook.Jupyter;

/// <summary>Sends what a cell puts out to the front ends while it runs, and asks the one that started it for input.</summary>
/// <param name="channels">The way there.</param>
/// <param name="request">The execute_request.</param>
/// <param name="plotly">The script that brings plotly.js into the page where a figure is shown.</param>
internal sealed class JupyterCell(Channels channels, Message request, string plotly) : CellHost
{
    TaskCompletionSource<string>? asked;

    internal Message Request => request;

    internal override async Task<string> Ask(string prompt, bool password)
    {
        if (request.Content["allow_stdin"]?.GetValue<bool>() == false)
        {
            throw new RefusedException("This front end does not permit cells to ask for input.");
        }
        Flush();
        asked = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!channels.AskInput(request, prompt, password))
        {
            throw new RefusedException("This front end has no channel for input.");
        }
        return await asked.Task.WaitAsync(Interrupted).ConfigureAwait(false);
    }

    /// <summary>The reader's answer.</summary>
    internal void Answer(string value) => asked?.TrySetResult(value);

    protected override void Stream(string stream, string text) =>
        channels.Publish("stream", new JsonObject { ["name"] = stream, ["text"] = text }, request.HeaderBytes);

    protected override void ShowNow(string displayId, IReadOnlyList<FormattedValue> bundle, bool update)
    {
        var content = Content(bundle);
        content["transient"] = new JsonObject { ["display_id"] = displayId };
        channels.Publish(update ? "update_display_data" : "display_data", content, request.HeaderBytes);
    }

    /// <summary>Sends the value of the cell's last expression.</summary>
    internal void Result(IReadOnlyList<FormattedValue> bundle, int executionCount)
    {
        var content = Content(bundle);
        content["execution_count"] = executionCount;
        channels.Publish("execute_result", content, request.HeaderBytes);
    }

    JsonObject Content(IReadOnlyList<FormattedValue> bundle) =>
        new() { ["data"] = OutputJson.Data(WithPlotly(bundle), lines: false), ["metadata"] = new JsonObject() };

    /// <summary>The bundle; where it shows a figure, with the script beside its HTML.</summary>
    IReadOnlyList<FormattedValue> WithPlotly(IReadOnlyList<FormattedValue> bundle)
    {
        var html = bundle.FirstOrDefault(one => one.MimeType == "text/html")?.Value
            ?? (bundle.FirstOrDefault(one => one.MimeType == PlotlyDiv.MimeType) is { } figure ? PlotlyDiv.Write(figure.Value) : "");
        return html.Contains("window.Plotly", StringComparison.Ordinal)
            ? [new FormattedValue("text/html", html + plotly), .. bundle.Where(one => one.MimeType != "text/html")]
            : bundle;
    }
}
