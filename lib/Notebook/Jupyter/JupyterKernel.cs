using System.Text.Json.Nodes;
using HeadKvLab.Notebook.Engine;
using HeadKvLab.Notebook.Files;

namespace HeadKvLab.Notebook.Jupyter;

/// <summary>
/// The engine behind Jupyter's protocol. Cells wait for one another in a <see cref="CellQueue"/>; everything else is answered at once,
/// also while a cell runs, and on whichever channel it came: some front ends interrupt over shell, some over control.
/// </summary>
internal sealed class JupyterKernel
{
    readonly Channels channels;
    readonly CellQueue cells;
    readonly Task<CodeInsight> insight;
    readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="connection">Addresses and key.</param>
    /// <param name="kernelName">The name the kernel is installed under.</param>
    /// <param name="drain">Waits for native output at the end of a cell; null: there is none.</param>
    /// <exception cref="NotebookException">An address is taken.</exception>
    internal JupyterKernel(ConnectionFile connection, string kernelName, Action? drain)
    {
        var session = new Task<Session>(() => new Session(Environment.CurrentDirectory, drain));
        insight = session.ContinueWith(made => new CodeInsight(made.Result.CSharp), TaskScheduler.Default);
        channels = new Channels(connection);
        cells = new CellQueue(session, channels, PlotlyScript.Fetched(kernelName));
        channels.Listen(OnRequest, answer => cells.Running?.Answer(answer.Content["value"]?.ToString() ?? ""));
        session.Start(TaskScheduler.Default);   // after the channels: a front end is told that the kernel is there while the languages still load
    }

    /// <summary>Serves until a front end shuts the kernel down.</summary>
    internal async Task Run()
    {
        channels.Publish("status", new JsonObject { ["execution_state"] = "starting" }, null);
        _ = cells.Run();
        await ended.Task.ConfigureAwait(false);
        await channels.Drain().ConfigureAwait(false);
        channels.Dispose();
    }

    /// <summary>Interrupts the running cell, if one runs.</summary>
    internal void Interrupt() => cells.Running?.Interrupt();

    /// <summary>Ends the service.</summary>
    internal void End() => ended.TrySetResult();

    /// <summary>Says in the running cell that the process ends with it, and waits until that is on its way.</summary>
    /// <param name="why">Goes on "the process ended".</param>
    /// <returns>What was said; null when no cell runs or a front end has asked for the end.</returns>
    internal string? LastWords(string why)
    {
        var said = ended.Task.IsCompleted ? null : cells.LastWords(why);
        channels.Drain().Wait();
        return said;
    }

    void OnRequest(Message request)
    {
        if (request.Type == "execute_request")
        {
            cells.Add(request);
        }
        else
        {
            _ = Task.Run(() => Answer(request));
        }
    }

    void Answer(Message request)
    {
        channels.Status("busy", request);
        if (request.Type.EndsWith("_request", StringComparison.Ordinal))
        {
            channels.Reply(request, request.Type[..^"request".Length] + "reply", ReplyTo(request));
        }
        else if (request.Type == "comm_open")
        {
            // Cells open no channels to widgets; told so, a front end that looks for some does not wait.
            channels.Publish("comm_close", new JsonObject { ["comm_id"] = request.Content["comm_id"]?.DeepClone(), ["data"] = new JsonObject() }, request.HeaderBytes);
        }
        channels.Status("idle", request);
        if (cells.Running is { } cell)
        {
            channels.Status("busy", cell.Request);
        }
        if (request.Type == "shutdown_request")
        {
            End();
        }
    }

    /// <summary>A request must never go without an answer: the front end would wait for it.</summary>
    JsonObject ReplyTo(Message request)
    {
        try
        {
            return request.Type switch
            {
                "kernel_info_request" => Replies.KernelInfo(),
                "complete_request" => Replies.Complete(insight.Result, request.Content),
                "inspect_request" => Replies.Inspect(insight.Result, request.Content),
                "is_complete_request" => Replies.IsComplete(request.Content),
                "history_request" => Replies.Ok(("history", new JsonArray())),
                "comm_info_request" => Replies.Ok(("comms", new JsonObject())),
                "interrupt_request" => InterruptNow(),
                "shutdown_request" => Replies.Ok(("restart", request.Content["restart"]?.DeepClone() ?? false)),
                _ => Replies.Error("NotSupported", $"This kernel does not know {request.Type}."),
            };
        }
        catch (Exception exception)
        {
            return Replies.Error(exception.GetType().Name, exception.Message);
        }
    }

    JsonObject InterruptNow()
    {
        Interrupt();
        return Replies.Ok();
    }
}
