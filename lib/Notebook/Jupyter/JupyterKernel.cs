using System.Text.Json.Nodes;
using System.Threading.Channels;
using HeadKvLab.Notebook.Engine;

namespace HeadKvLab.Notebook.Jupyter;

/// <summary>
/// The engine behind Jupyter's protocol. Cells run one after the other; completion, inspection and kernel information are answered
/// at once, also while a cell runs. After a failed cell the requests that wait are aborted, those and no later ones.
/// </summary>
internal sealed class JupyterKernel
{
    readonly Channels channels;
    readonly CSharpEngine engine;
    readonly CodeInsight insight;
    readonly PlotlyInPage plotly;
    readonly Channel<Message> cells = Channel.CreateUnbounded<Message>();
    readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    volatile JupyterCell? running;
    int count;

    /// <param name="connection">Addresses and key.</param>
    /// <param name="kernelName">The name the kernel is installed under.</param>
    /// <param name="drain">Waits for native output at the end of a cell; null: there is none.</param>
    /// <exception cref="NotebookException">An address is taken.</exception>
    internal JupyterKernel(ConnectionFile connection, string kernelName, Action? drain)
    {
        engine = new CSharpEngine(Environment.CurrentDirectory, drain);
        insight = new CodeInsight(engine);
        plotly = new PlotlyInPage(kernelName);
        channels = new Channels(connection, OnRequest, OnRequest, answer => running?.Answer((string?)answer.Content["value"] ?? ""));
    }

    /// <summary>Serves until a front end shuts the kernel down.</summary>
    internal async Task Run()
    {
        channels.Publish("status", new JsonObject { ["execution_state"] = "starting" }, null);
        _ = RunCells();
        await ended.Task.ConfigureAwait(false);
        await channels.Drain().ConfigureAwait(false);
        channels.Dispose();
    }

    /// <summary>Interrupts the running cell, if one runs.</summary>
    internal void Interrupt() => running?.Interrupt();

    /// <summary>Ends the service.</summary>
    internal void End() => ended.TrySetResult();

    void OnRequest(Message request)
    {
        if (request.Type == "execute_request")
        {
            cells.Writer.TryWrite(request);
        }
        else
        {
            _ = Task.Run(() => Answer(request));
        }
    }

    void Answer(Message request)
    {
        Status("busy", request);
        try
        {
            if (AnswerTo(request) is { } content)
            {
                channels.Reply(request, request.Type.Replace("_request", "_reply", StringComparison.Ordinal), content);
            }
        }
        catch (Exception exception)
        {
            // A request must never go without an answer: the front end would wait for it.
            channels.Reply(request, request.Type.Replace("_request", "_reply", StringComparison.Ordinal),
                new JsonObject { ["status"] = "error", ["ename"] = exception.GetType().Name, ["evalue"] = exception.Message, ["traceback"] = new JsonArray() });
        }
        Status("idle", request);
        if (running is { } cell)
        {
            Status("busy", cell.Request);
        }
        if (request.Type == "shutdown_request")
        {
            ended.TrySetResult();
        }
    }

    JsonObject? AnswerTo(Message request) => request.Type switch
    {
        "kernel_info_request" => KernelInfo(),
        "complete_request" => Complete(request.Content),
        "inspect_request" => Inspect(request.Content),
        "is_complete_request" => IsComplete(request.Content),
        "history_request" => new JsonObject { ["status"] = "ok", ["history"] = new JsonArray() },
        "comm_info_request" => new JsonObject { ["status"] = "ok", ["comms"] = new JsonObject() },
        "interrupt_request" => InterruptNow(),
        "shutdown_request" => new JsonObject { ["status"] = "ok", ["restart"] = request.Content["restart"]?.DeepClone() ?? false },
        _ => null,
    };

    JsonObject InterruptNow()
    {
        Interrupt();
        return new JsonObject { ["status"] = "ok" };
    }

    async Task RunCells()
    {
        await foreach (var request in cells.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            Status("busy", request);
            var failed = await RunCell(request).ConfigureAwait(false);
            Status("idle", request);
            foreach (var waiting in failed)
            {
                Status("busy", waiting);
                channels.Reply(waiting, "execute_reply", new JsonObject { ["status"] = "aborted" });
                Status("idle", waiting);
            }
        }
    }

    /// <summary>Runs a cell and answers its request.</summary>
    /// <returns>The requests to abort because it failed.</returns>
    async Task<IReadOnlyList<Message>> RunCell(Message request)
    {
        var code = (string?)request.Content["code"] ?? "";
        var silent = Flag(request.Content, "silent", false);
        var cell = new JupyterCell(channels, request, plotly);
        running = cell;
        if (!silent)
        {
            count++;
            channels.Publish("execute_input", new JsonObject { ["code"] = code, ["execution_count"] = count }, request.HeaderBytes);
        }
        var result = await engine.Execute(code, $"In[{count}]", cell).ConfigureAwait(false);
        running = null;
        if (result.Error is { } error)
        {
            return await Fail(request, error, silent).ConfigureAwait(false);
        }
        if (result.Value is { } value && !silent)
        {
            cell.Result(value, count);
        }
        channels.Reply(request, "execute_reply", new JsonObject
        {
            ["status"] = "ok",
            ["execution_count"] = count,
            ["user_expressions"] = new JsonObject(),
            ["payload"] = new JsonArray(),
        });
        return [];
    }

    async Task<IReadOnlyList<Message>> Fail(Message request, CellError error, bool silent)
    {
        var content = new JsonObject
        {
            ["ename"] = error.Name,
            ["evalue"] = error.Message,
            ["traceback"] = new JsonArray([.. error.Traceback.Select(line => JsonValue.Create($"\u001b[31m{line}\u001b[39m"))]),
        };
        if (!silent)
        {
            channels.Publish("error", content, request.HeaderBytes);
        }
        var waiting = new List<Message>();
        if (Flag(request.Content, "stop_on_error", true))
        {
            // Requests of the same "run all" that are still on their way; those sent after our answer must not be aborted.
            await Task.Delay(20).ConfigureAwait(false);
            while (cells.Reader.TryRead(out var next))
            {
                waiting.Add(next);
            }
        }
        var reply = (JsonObject)content.DeepClone();
        reply["status"] = "error";
        reply["execution_count"] = count;
        channels.Reply(request, "execute_reply", reply);
        return waiting;
    }

    JsonObject Complete(JsonObject content)
    {
        var (code, cursor) = Place(content);
        var (names, start) = insight.Complete(code, cursor);
        return new JsonObject
        {
            ["status"] = "ok",
            ["matches"] = new JsonArray([.. names.Select(name => JsonValue.Create(name))]),
            ["cursor_start"] = CodePoints(code, start),
            ["cursor_end"] = CodePoints(code, cursor),
            ["metadata"] = new JsonObject(),
        };
    }

    JsonObject Inspect(JsonObject content)
    {
        var (code, cursor) = Place(content);
        var found = insight.Inspect(code, cursor);
        return new JsonObject
        {
            ["status"] = "ok",
            ["found"] = found is not null,
            ["data"] = found is null ? new JsonObject() : new JsonObject { ["text/plain"] = found },
            ["metadata"] = new JsonObject(),
        };
    }

    static JsonObject IsComplete(JsonObject content) => CSharpEngine.IsComplete((string?)content["code"] ?? "")
        ? new JsonObject { ["status"] = "complete" }
        : new JsonObject { ["status"] = "incomplete", ["indent"] = "    " };

    /// <summary>Code with plain line ends and the cursor in UTF-16 units; messages count Unicode code points.</summary>
    static (string Code, int Cursor) Place(JsonObject content)
    {
        var code = (string?)content["code"] ?? "";
        var points = (int?)content["cursor_pos"] ?? int.MaxValue;
        var cursor = 0;
        foreach (var rune in code.EnumerateRunes())
        {
            if (points-- <= 0)
            {
                break;
            }
            cursor += rune.Utf16SequenceLength;
        }
        return (code, Math.Min(cursor, code.Length));
    }

    static int CodePoints(string code, int position) => code[..position].EnumerateRunes().Count();

    static bool Flag(JsonObject content, string name, bool otherwise) => content[name]?.GetValue<bool>() ?? otherwise;

    void Status(string state, Message parent) =>
        channels.Publish("status", new JsonObject { ["execution_state"] = state }, parent.HeaderBytes);

    static JsonObject KernelInfo() => new()
    {
        ["status"] = "ok",
        ["protocol_version"] = "5.3",
        ["implementation"] = "HeadKvLab.Notebook",
        ["implementation_version"] = typeof(JupyterKernel).Assembly.GetName().Version!.ToString(3),
        ["banner"] = "C# 14 notebooks, in the dialect of .NET Interactive",
        ["help_links"] = new JsonArray(),
        ["language_info"] = new JsonObject
        {
            ["name"] = "C#",
            ["version"] = "14.0",
            ["mimetype"] = "text/x-csharp",
            ["file_extension"] = ".cs",
            ["pygments_lexer"] = "csharp",
            ["codemirror_mode"] = new JsonObject { ["name"] = "text/x-csharp", ["mode"] = "clike" },
        },
    };
}
