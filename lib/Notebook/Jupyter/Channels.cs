using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace HeadKvLab.Notebook.Jupyter;

/// <summary>The five sockets of a kernel: shell and control take requests, iopub tells everyone, stdin asks, heartbeat echoes.</summary>
internal sealed class Channels : IDisposable
{
    readonly ConnectionFile connection;
    readonly Wire wire;
    readonly List<ZmtpServer> all = [];
    readonly ZmtpServer iopub;
    ZmtpServer? stdin;

    /// <summary>Opens iopub: nothing is asked yet, but everyone can be told.</summary>
    /// <param name="connection">Addresses and key.</param>
    /// <exception cref="NotebookException">The address is taken: another kernel runs with this file.</exception>
    internal Channels(ConnectionFile connection)
    {
        this.connection = connection;
        wire = new Wire(connection.Key);
        iopub = Open("PUB", "iopub", static (_, _) => { });
    }

    /// <summary>Opens the other channels.</summary>
    /// <param name="onRequest">A request on the shell or control channel.</param>
    /// <param name="onInput">A reader's answer.</param>
    /// <exception cref="NotebookException">An address is taken: another kernel runs with this file.</exception>
    internal void Listen(Action<Message> onRequest, Action<Message> onInput)
    {
        stdin = Open("ROUTER", "stdin", Read(onInput));
        Open("ROUTER", "control", Read(onRequest));
        Open("ROUTER", "shell", Read(onRequest));
        Open("REP", "hb", static (peer, frames) => peer.Send(frames));
    }

    /// <summary>Tells every front end.</summary>
    internal void Publish(string type, JsonObject content, byte[]? parent) =>
        iopub.Broadcast(wire.Write(type, content, parent, [Encoding.ASCII.GetBytes("kernel." + type)]));

    /// <summary>Tells every front end that the kernel is "busy" with a request or "idle" after it.</summary>
    internal void Status(string state, Message request) => Publish("status", new JsonObject { ["execution_state"] = state }, request.HeaderBytes);

    /// <summary>Answers a request.</summary>
    internal void Reply(Message request, string type, JsonObject content) =>
        request.Peer.Send(wire.Write(type, content, request.HeaderBytes, request.Identities));

    /// <summary>Asks the front end that sent a request for input.</summary>
    /// <returns>Whether that front end listens.</returns>
    internal bool AskInput(Message request, string prompt, bool password)
    {
        var peer = stdin?.Find(request.Peer.Identity);
        peer?.Send(wire.Write("input_request", new JsonObject { ["prompt"] = prompt, ["password"] = password }, request.HeaderBytes, request.Identities));
        return peer is not null;
    }

    /// <summary>Waits until all that was sent is on its way.</summary>
    internal Task Drain() => Task.WhenAll(all.Select(server => server.Drain()));

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var server in all)
        {
            server.Dispose();
        }
    }

    ZmtpServer Open(string type, string channel, Action<ZmtpPeer, List<byte[]>> received)
    {
        try
        {
            var server = new ZmtpServer(type, connection.EndPoint(channel), received);
            all.Add(server);
            return server;
        }
        catch (SocketException problem)
        {
            throw new NotebookException($"The {channel} channel cannot listen at {connection.EndPoint(channel)}: {problem.Message}. Does another kernel run with this connection file?");
        }
    }

    Action<ZmtpPeer, List<byte[]>> Read(Action<Message> handle) => (peer, frames) =>
    {
        if (wire.Read(peer, frames) is { } message)
        {
            handle(message);
        }
    };
}
