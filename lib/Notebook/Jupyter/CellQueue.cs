using System.Text.Json.Nodes;
using System.Threading.Channels;
using HeadKvLab.Notebook.Engine;

namespace HeadKvLab.Notebook.Jupyter;

/// <summary>
/// The cells that front ends want to run, one after the other. After a failed cell the requests that wait are aborted, those and no
/// later ones.
/// </summary>
/// <param name="session">Runs them.</param>
/// <param name="channels">Where their outputs and answers go.</param>
/// <param name="plotly">The script that brings plotly.js into the page where a figure is shown.</param>
internal sealed class CellQueue(Task<Session> session, Channels channels, string plotly)
{
    readonly Channel<Message> waiting = Channel.CreateUnbounded<Message>();
    volatile JupyterCell? running;
    int count;

    /// <summary>The cell that runs, or null.</summary>
    internal JupyterCell? Running => running;

    /// <summary>Takes an execute_request.</summary>
    internal void Add(Message request) => waiting.Writer.TryWrite(request);

    /// <summary>Runs cells until the process ends.</summary>
    internal async Task Run()
    {
        await foreach (var request in waiting.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            channels.Status("busy", request);
            IReadOnlyList<Message> aborted = [];
            try
            {
                aborted = await RunCell(request).ConfigureAwait(false);
            }
            catch (InvalidOperationException malformed)
            {
                // A field of another type than the protocol's; the next request may be a good one.
                channels.Reply(request, "execute_reply", Replies.Error("MalformedRequest", malformed.Message));
            }
            channels.Status("idle", request);
            foreach (var late in aborted)
            {
                channels.Status("busy", late);
                channels.Reply(late, "execute_reply", new JsonObject { ["status"] = "aborted" });
                channels.Status("idle", late);
            }
        }
    }

    /// <summary>Answers the running cell in place of the process, which ends with it.</summary>
    /// <returns>What the reader is told, or null when no cell runs.</returns>
    internal string? LastWords(string why)
    {
        if (running is not { } cell)
        {
            return null;
        }
        var error = CellError.Plain("KernelEnded", $"In[{count}]: the kernel's process ended while this cell ran: {why}. Its variables are gone; after the restart run the cells again.");
        cell.Flush();
        Fail(cell.Request, error);
        channels.Status("idle", cell.Request);
        return error.Message;
    }

    /// <summary>Runs a cell and answers its request.</summary>
    /// <returns>The requests to abort because it failed.</returns>
    async Task<IReadOnlyList<Message>> RunCell(Message request)
    {
        var code = (string?)request.Content["code"] ?? "";
        var (silent, stopOnError) = (IsSilent(request), Flag(request, "stop_on_error", true));
        var cell = new JupyterCell(channels, request, plotly);
        running = cell;
        if (!silent)
        {
            count++;
            channels.Publish("execute_input", new JsonObject { ["code"] = code, ["execution_count"] = count }, request.HeaderBytes);
        }
        var result = await (await session.ConfigureAwait(false)).Execute(code, $"In[{count}]", cell, request.Language).ConfigureAwait(false);
        running = null;
        if (result.Error is { } error)
        {
            // Counted before the answer: what a reader sends after it must not be aborted.
            var aborted = stopOnError ? await TakeWaiting().ConfigureAwait(false) : [];
            Fail(request, error);
            return aborted;
        }
        if (result.Value is { } value && !silent)
        {
            cell.Result(value, count);
        }
        channels.Reply(request, "execute_reply", Replies.Ok(("execution_count", count), ("user_expressions", new JsonObject()), ("payload", new JsonArray())));
        return [];
    }

    void Fail(Message request, CellError error)
    {
        var reply = Replies.Error(error.Name, error.Message, error.Traceback);
        if (!IsSilent(request))
        {
            var shown = (JsonObject)reply.DeepClone();
            shown.Remove("status");
            channels.Publish("error", shown, request.HeaderBytes);
        }
        reply["execution_count"] = count;
        channels.Reply(request, "execute_reply", reply);
    }

    /// <summary>The requests of the same "run all", also those still on their way.</summary>
    async Task<IReadOnlyList<Message>> TakeWaiting()
    {
        await Task.Delay(20).ConfigureAwait(false);
        var taken = new List<Message>();
        while (waiting.Reader.TryRead(out var next))
        {
            taken.Add(next);
        }
        return taken;
    }

    static bool IsSilent(Message request) => Flag(request, "silent", false);

    static bool Flag(Message request, string name, bool otherwise) => request.Content[name]?.GetValue<bool>() ?? otherwise;
}
