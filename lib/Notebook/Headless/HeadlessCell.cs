using System.Text.Json.Nodes;
using HeadKvLab.Notebook.Engine;
using HeadKvLab.Notebook.Files;
using HeadKvLab.Notebook.Output;
using Microsoft.DotNet.Interactive.Formatting;

namespace HeadKvLab.Notebook.Headless;

/// <summary>Gathers the outputs of one cell as a notebook file stores them; updates replace what was shown, in any earlier cell too.</summary>
/// <param name="displays">The outputs of the session that can be updated, by display id.</param>
internal sealed class HeadlessCell(Dictionary<string, JsonObject> displays) : CellHost
{
    readonly Lock gate = new();
    readonly JsonArray outputs = [];
    JsonObject? openStream;
    string streamText = "";

    /// <summary>A copy of the outputs so far.</summary>
    internal JsonArray Outputs
    {
        get
        {
            lock (gate)
            {
                CloseStream();
                return (JsonArray)outputs.DeepClone();
            }
        }
    }

    /// <summary>Adds the outcome of the cell and gives its outputs, which later cells may still update.</summary>
    internal JsonArray Finish(CellResult result, int executionCount)
    {
        lock (gate)
        {
            CloseStream();
            openStream = null;
            if (result.Value is { } value)
            {
                outputs.Add(OutputJson.Result(value, executionCount));
            }
            if (result.Error is { } error)
            {
                outputs.Add(OutputJson.Error(error));
            }
            return outputs;
        }
    }

    internal override Task<string> Ask(string prompt, bool password) =>
        throw new RefusedException($"The cell asks \"{prompt}\", but a notebook run without a front end has nobody to answer; give the value with -p instead.");

    protected override void Stream(string stream, string text)
    {
        lock (gate)
        {
            if ((string?)openStream?["name"] != stream)
            {
                CloseStream();
                openStream = OutputJson.Stream(stream, "", lines: true);
                streamText = "";
                outputs.Add(openStream);
            }
            streamText += text;
        }
    }

    protected override void ShowNow(string displayId, IReadOnlyList<FormattedValue> bundle, bool update)
    {
        lock (gate)
        {
            if (update)
            {
                if (displays.TryGetValue(displayId, out var shown))
                {
                    shown["data"] = OutputJson.Data(bundle, lines: true);
                }
                return;
            }
            CloseStream();
            openStream = null;
            var output = OutputJson.Display(bundle);
            displays[displayId] = output;
            outputs.Add(output);
        }
    }

    void CloseStream()
    {
        if (openStream is not null)
        {
            openStream["text"] = NotebookCell.Lines(TerminalLine.Show(streamText));
        }
    }
}
