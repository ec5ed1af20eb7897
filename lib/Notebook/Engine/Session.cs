using System.Text.RegularExpressions;
using HeadKvLab.Notebook.Output;
using Microsoft.DotNet.Interactive;
using Microsoft.DotNet.Interactive.Commands;
using Microsoft.DotNet.Interactive.Events;
using Microsoft.DotNet.Interactive.Formatting;

namespace HeadKvLab.Notebook.Engine;

/// <summary>
/// The languages of one session under one root kernel of .NET Interactive's. Runs a cell and makes a result of everything that can happen to
/// it. One cell runs at a time: the caller sees to that.
/// </summary>
internal sealed partial class Session : IDisposable
{
    readonly ConsoleCapture console = new();
    readonly CompositeKernel root = new();
    readonly Action drain;
    readonly IDisposable events;
    ShownValues shownValues = new();
    CellHost? running;
    IReadOnlyList<FormattedValue>? value;
    string? complaint;

    static Session()
    {
        DisplayUpdates.Mend();
        Bundle.PreferTextForScalars();
    }

    /// <summary>Starts a session and begins to warm the compiler up.</summary>
    /// <param name="directory">Where relative paths of <c>#r</c> and <c>#load</c> start, the notebook's folder.</param>
    /// <param name="drain">Called at the end of each cell: waits for output that is still on its way; null: nothing to wait for.</param>
    internal Session(string directory, Action? drain = null)
    {
        this.drain = drain ?? (static () => { });
        CSharp = new CSharpKernel(directory, this.drain);
        root.Add(CSharp.UseWho().UseValueSharing(), ["C#", "c#"]);
        root.Add(new HtmlKernel());
        root.Add(new MarkdownKernel());
        root.Add(new JavaScriptKernel().UseValueSharing(), ["js"]);
        root.Add(new KeyValueStoreKernel().UseWho().UseValueSharing());
        root.DefaultKernelName = CSharp.Name;
        MagicCommands.AddTo(root);
        root.RegisterCommandHandler<RequestInput>(async (command, context) => context.Publish(new InputProduced(await Ask(command.Prompt, command.IsPassword).ConfigureAwait(false), command)));
        root.RegisterCommandHandler<RequestInputs>(AskSeveral);
        root.SetDefaultTargetKernelNameForCommand(typeof(RequestInput), root.Name);
        root.SetDefaultTargetKernelNameForCommand(typeof(RequestInputs), root.Name);
        events = root.KernelEvents.Subscribe(OnEvent);
    }

    internal CSharpKernel CSharp { get; }

    /// <summary>Completes when the first cell will run at full speed.</summary>
    internal Task Ready => CSharp.Ready;

    /// <summary>Runs a cell to its end. Failures are results, not exceptions.</summary>
    /// <param name="code">The cell's text.</param>
    /// <param name="name">Its name in errors, <c>In[n]</c>.</param>
    /// <param name="host">Takes its output and can interrupt it.</param>
    /// <param name="language">The language that the cell's metadata name; null: the notebook's own.</param>
    internal async Task<CellResult> Execute(string code, string name, CellHost host, string? language = null)
    {
        (running, value, complaint, shownValues) = (host, null, null, new ShownValues());
        host.Enter();
        try
        {
            var kernel = Languages.KernelOf(language);
            var directives = kernel is null or Languages.CSharp ? Directives.Parse(code) : null;
            CSharp.Begin(new CellText(name, directives ?? Directives.Parse("")));
            await Ready.ConfigureAwait(false);
            var result = await root.SendAsync(new SubmitCode(directives?.Hidden ?? code, kernel)).ConfigureAwait(false);
            return result.Events.OfType<CommandFailed>().LastOrDefault() is { } failed ? new CellResult(null, Failure(failed, name))
                : complaint is { } said ? new CellResult(null, CellError.Plain("Error", $"{name}, {said}"))
                : new CellResult(value, null);
        }
        catch (RefusedException refused)
        {
            return new CellResult(null, CellError.Plain("Error", $"{name}, {refused.Message}"));
        }
        finally
        {
            drain();
            host.Leave();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        events.Dispose();
        root.Dispose();
        console.Dispose();
    }

    static CellError Failure(CommandFailed failed, string name) => failed.Exception switch
    {
        CellFailedException cell => cell.Error,
        RefusedException refused => CellError.Plain("Error", $"{name}, {refused.Message}"),
        _ => CellError.Plain("Error", $"{name}, {Place().Replace(failed.Message, "line $1, column $2: ")}"),
    };

    [GeneratedRegex(@"\((\d+),(\d+)\): error \w+: ")]
    private static partial Regex Place();

    void OnEvent(KernelEvent happened)
    {
        switch (happened)
        {
            case ReturnValueProduced returned:
                ShowValue();
                value = running?.Keep(Bundle.WithText(returned.Value, returned.FormattedValues));
                break;
            case DisplayedValueUpdated updated:
                running?.Show(updated.ValueId, Bundle.WithText(updated.Value, updated.FormattedValues), update: true);
                break;
            case DisplayedValueProduced shown:
                ShowValue();
                running?.Show(shown.ValueId ?? Guid.NewGuid().ToString(), Bundle.WithText(shown.Value, shown.FormattedValues), update: false);
                break;
            case ErrorProduced error:
                complaint = error.Message;
                break;
        }
        if (happened is DisplayedValueProduced or DisplayedValueUpdated) shownValues.Add((DisplayEvent)happened);
    }

    /// <summary>The value of a block that is not the cell's last is shown where it stands.</summary>
    void ShowValue()
    {
        if (value is { } earlier) running?.Show(Guid.NewGuid().ToString(), earlier, update: false);
        value = null;
    }

    static Task<string> Ask(string prompt, bool password) =>
        CellHost.Current?.Ask(prompt, password) ?? throw new RefusedException("Input can be asked for only while a cell runs.");

    /// <summary>Asks for one after the other, as Jupyter's protocol has no form.</summary>
    static async Task AskSeveral(RequestInputs command, KernelInvocationContext context)
    {
        var answers = new Dictionary<string, string>();
        try
        {
            foreach (var input in command.Inputs)
            {
                answers[input.Name] = await Ask(input.Prompt, input.TypeHint == "password").ConfigureAwait(false);
            }
        }
        catch (RefusedException refused)
        {
            CellHost.Current?.Write("stderr", refused.Message + "\n");   // the package tells the cell no more than that the request was cancelled
            throw;
        }
        context.Publish(new InputsProduced(answers, command));
    }
}
