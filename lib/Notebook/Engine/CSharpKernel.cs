using System.Runtime.CompilerServices;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Scripting;
using Microsoft.DotNet.Interactive;
using Microsoft.DotNet.Interactive.Commands;
using Microsoft.DotNet.Interactive.Events;
using Microsoft.DotNet.Interactive.Formatting;
using Microsoft.DotNet.Interactive.ValueSharing;

namespace HeadKvLab.Notebook.Engine;

/// <summary>The C# of a session, as a kernel of .NET Interactive's: compiles and runs submissions so that each can be interrupted.</summary>
internal sealed class CSharpKernel : Kernel, IKernelCommandHandler<SubmitCode>, IKernelCommandHandler<RequestValue>, IKernelCommandHandler<RequestValueInfos>, IKernelCommandHandler<SendValue>
{
    readonly Action drain;
    readonly CellErrors errors = new();
    readonly Submissions submissions;
    CellText cell = CellText.None;

    /// <summary>Starts a session and begins to warm the compiler up.</summary>
    /// <param name="directory">Where relative paths of <c>#r</c> and <c>#load</c> start, the notebook's folder.</param>
    /// <param name="drain">Waits for output that is still on its way.</param>
    internal CSharpKernel(string directory, Action drain) : base(Languages.CSharp)
    {
        (KernelInfo.LanguageName, KernelInfo.LanguageVersion) = ("C#", "14.0");
        this.drain = drain;
        submissions = new Submissions(directory);
        RegisterForDisposal(submissions);
    }

    /// <summary>Completes when the first cell will run at full speed.</summary>
    internal Task Ready => submissions.Ready;

    /// <summary>The value of a cell's variable as text, or null when there is none.</summary>
    internal string? Variable(string name) => submissions.Latest?.GetVariable(name)?.Value.ToDisplayString();

    /// <summary>What can follow <c>#!</c>, with it.</summary>
    internal IEnumerable<string> MagicNames => ParentKernel.KernelInfo.SupportedDirectives.Concat(KernelInfo.SupportedDirectives).Select(one => one.Name);

    /// <summary>What the compiler would see if this text were the next cell; null before the session is ready.</summary>
    internal Compilation? Preview(string code) => submissions.Latest?.Script.ContinueWith(code, submissions.OptionsFor("cell")).GetCompilation();

    /// <summary>Whether the text is a whole cell, or ends inside a block or string.</summary>
    internal static bool IsComplete(string code) => Directives.HaveMagic(code) ||
        SyntaxFactory.IsCompleteSubmission(CSharpSyntaxTree.ParseText(code, CSharpParseOptions.Default.WithKind(SourceCodeKind.Script)));

    /// <summary>Takes the text of the next cell, of which submissions are blocks.</summary>
    internal void Begin(CellText text)
    {
        cell = text;
        errors.Remember(text.Name, text.Code);
    }

    async Task IKernelCommandHandler<SubmitCode>.HandleAsync(SubmitCode command, KernelInvocationContext context)
    {
        if (CellHost.Current is not { } host) throw new RefusedException("C# runs in cells only.");
        using var cancelling = host.Interrupted.Register(() => TryCancel(context));
        try
        {
            if (cell.TakePackages() is { } wanted) await submissions.Add(wanted, context, host.Interrupted).ConfigureAwait(false);
            var (name, code) = cell.Place(Directives.Shown(command.Code));
            errors.Remember(name, code);
            var (script, found) = submissions.Compile(code, name, host.Interrupted);
            if (found.Any(one => one.Severity == DiagnosticSeverity.Error)) throw new CellFailedException(errors.OfDiagnostics(found));
            // The state is kept here, not in Run: an abandoned cell that ends later must not bring back an old one.
            (submissions.Latest, var bundle, var thrown) = await Interruption.Run(() => Run(script, host), host.Interrupted).ConfigureAwait(false);
            drain();
            if (thrown is not null) throw host.Interrupted.IsCancellationRequested ? new InterruptedException(stillRunning: false) : new CellFailedException(errors.OfException(thrown));
            if (bundle is not null) context.Publish(new ReturnValueProduced(submissions.Latest.ReturnValue, command, bundle));
        }
        catch (Exception exception) when (exception is not (CellFailedException or RefusedException))
        {
            var interrupted = exception as InterruptedException
                ?? (exception is OperationCanceledException && host.Interrupted.IsCancellationRequested ? new InterruptedException(stillRunning: false) : null);
            throw new CellFailedException(interrupted is null ? errors.OfException(exception) : CellError.Plain("Interrupted", interrupted.Message));
        }
    }

    Task IKernelCommandHandler<RequestValue>.HandleAsync(RequestValue command, KernelInvocationContext context)
    {
        if (submissions.Latest?.GetVariable(command.Name) is not { } variable)
        {
            context.Fail(command, message: $"C# has no variable {command.Name}.");
        }
        else
        {
            context.Publish(new ValueProduced(variable.Value, command.Name, FormattedValue.CreateSingleFromObject(variable.Value, command.MimeType), command));
        }
        return Task.CompletedTask;
    }

    Task IKernelCommandHandler<RequestValueInfos>.HandleAsync(RequestValueInfos command, KernelInvocationContext context)
    {
        var variables = (submissions.Latest?.Variables ?? []).Reverse().DistinctBy(variable => variable.Name).Reverse();
        context.Publish(new ValueInfosProduced([.. variables.Select(one => new KernelValueInfo(one.Name, new FormattedValue("text/plain", one.Value.ToDisplayString()), one.Type))], command));
        return Task.CompletedTask;
    }

    Task IKernelCommandHandler<SendValue>.HandleAsync(SendValue command, KernelInvocationContext context) => SetValueAsync(command, context, async (name, value, declared) =>
    {
        var type = declared ?? value?.GetType() ?? typeof(object);
        var written = type.IsVisible ? type.ToDisplayString("text/plain") : "dynamic";
        var (script, found) = submissions.Compile($"{written} {name} = default({written});", "shared", CancellationToken.None);
        if (found.Any(one => one.Severity == DiagnosticSeverity.Error)) throw new RefusedException($"{name} cannot be a C# variable: {errors.OfDiagnostics(found).Message}");
        submissions.Latest = await script.RunFromAsync(submissions.Latest!).ConfigureAwait(false);
        submissions.Latest.GetVariable(name).Value = value;
    });

    /// <summary>Runs a submission, and formats its value where that can be interrupted too.</summary>
    async Task<(ScriptState<object> State, IReadOnlyList<FormattedValue>? Bundle, Exception? Thrown)> Run(Script<object> script, CellHost host)
    {
        host.Enter();
        var after = await script.RunFromAsync(submissions.Latest!, static _ => true, host.Interrupted).ConfigureAwait(false);
        try
        {
            return (after, after.Exception is not null || after.ReturnValue is null or DisplayedValue ? null : Bundle.Of(after.ReturnValue), after.Exception);
        }
        catch (Exception exception) when (exception is not ThreadAbortException)
        {
            // A formatter failed, or a lazy sequence did while it was written out; the cell's variables are there all the same.
            return (after, null, exception);
        }
    }

    /// <summary>Cancels <c>KernelInvocationContext.Current.CancellationToken</c>; its own Cancel would end the command before the cell has ended.</summary>
    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "TryCancel")]
    static extern void TryCancel(KernelInvocationContext context);
}
