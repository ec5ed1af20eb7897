using System.Text.Json.Nodes;
using HeadKvLab.Notebook.Engine;
using HeadKvLab.Notebook.Files;
using Microsoft.DotNet.Interactive;
using Microsoft.DotNet.Interactive.CSharp;
using Microsoft.DotNet.Interactive.Commands;
using Microsoft.DotNet.Interactive.Events;

namespace HeadKvLab.Tests.Notebook;

/// <summary>
/// Runs a notebook over .NET Interactive's own C# kernel, with none of ours: what a host of someone else's would do. Of our code it has the reader and
/// writer of files, text beside HTML, and the cure of the package's display updates.
/// </summary>
internal sealed class PlainHost
{
    readonly CompositeKernel root = new();
    readonly Dictionary<string, JsonObject> displays = [];
    JsonArray outputs = [];

    PlainHost()
    {
        root.Add(new Microsoft.DotNet.Interactive.CSharp.CSharpKernel().UseValueSharing().UseKernelHelpers());
        root.Add(new HtmlKernel());
        root.DefaultKernelName = "csharp";
        root.KernelEvents.Subscribe(OnEvent);
    }

    /// <returns>0, or 1 when a cell failed; the executed notebook is written in both cases.</returns>
    internal static async Task<int> Run(string file, string output)
    {
        DisplayUpdates.Mend();
        var notebook = NotebookDocument.Load(file);
        var written = Path.GetFullPath(output);
        Environment.CurrentDirectory = Path.GetDirectoryName(Path.GetFullPath(file))!;
        var host = new PlainHost();
        var code = 0;
        foreach (var cell in notebook.Cells.Where(cell => cell.Kind == "code" && code == 0))
        {
            host.outputs = [];
            var result = await host.root.SendAsync(new SubmitCode(cell.Source, cell.Language));
            if (result.Events.OfType<CommandFailed>().FirstOrDefault() is { } failed)
            {
                Console.Error.WriteLine($"cell {cell.Id}: {failed.Message}");
                code = 1;
            }
            cell.SetOutputs(host.outputs);
        }
        notebook.Save(written);
        return code;
    }

    void OnEvent(KernelEvent happened)
    {
        switch (happened)
        {
            case StandardOutputValueProduced printed:
                outputs.Add(OutputJson.Stream("stdout", printed.FormattedValues.First().Value, lines: true));
                break;
            case DisplayedValueUpdated updated:
                displays[updated.ValueId]["data"] = OutputJson.Data(Bundle.WithText(updated.Value, updated.FormattedValues), lines: true);
                break;
            case DisplayEvent shown and not (ErrorProduced or StandardErrorValueProduced):
                var output = OutputJson.Display(Bundle.WithText(shown.Value, shown.FormattedValues));
                if (shown.ValueId is { } id) displays[id] = output;
                outputs.Add(output);
                break;
        }
    }
}
