using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using HeadKvLab.Notebook.Jupyter;

namespace HeadKvLab.Notebook.Bench;

/// <summary>A front end for one kernel process of its own, over the same sockets as Jupyter's: requests on shell and control, replies.</summary>
internal sealed class KernelClient : IDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    readonly Wire wire = new([]);
    readonly Channel<(string Type, JsonObject Content)> replies = System.Threading.Channels.Channel.CreateUnbounded<(string, JsonObject)>();
    readonly List<Socket> sockets = [];
    readonly string file = Path.GetTempFileName();
    readonly Process process;
    Stream shell = Stream.Null, control = Stream.Null;

    KernelClient(string program, int[] ports)
    {
        File.WriteAllText(file, new JsonObject
        {
            ["ip"] = "127.0.0.1", ["transport"] = "tcp", ["signature_scheme"] = "hmac-sha256", ["key"] = "",
            ["shell_port"] = ports[0], ["iopub_port"] = ports[1], ["stdin_port"] = ports[2], ["control_port"] = ports[3], ["hb_port"] = ports[4],
        }.ToJsonString());
        process = Process.Start(new ProcessStartInfo(program, ["jupyter", file]) { RedirectStandardOutput = true })!;
    }

    /// <summary>Memory the kernel holds, in bytes.</summary>
    internal long Memory
    {
        get
        {
            process.Refresh();
            return process.WorkingSet64;
        }
    }

    /// <summary>Starts the kernel's process and returns when it has answered a request for its information: it is ready.</summary>
    /// <exception cref="NotebookException">It ended, or did not answer within a minute.</exception>
    internal static async Task<KernelClient> Start(string program)
    {
        var ports = FreePorts(5);
        var client = new KernelClient(program, ports);
        client.shell = await client.Connect(ports[0]).ConfigureAwait(false);
        await client.Ask("kernel_info", []).ConfigureAwait(false);
        client.control = await client.Connect(ports[3]).ConfigureAwait(false);
        return client;
    }

    /// <summary>Sends a request on the shell channel and waits for its reply.</summary>
    internal async Task<JsonObject> Ask(string request, JsonObject content)
    {
        await Send(shell, request, content).ConfigureAwait(false);
        return await Reply(request).ConfigureAwait(false);
    }

    /// <summary>Sends a cell without waiting.</summary>
    internal Task Begin(string code) => Send(shell, "execute", new JsonObject { ["code"] = code, ["silent"] = false, ["allow_stdin"] = false });

    internal Task Interrupt() => Send(control, "interrupt", []);

    /// <summary>Runs a cell to its reply.</summary>
    /// <returns>"ok" or "error".</returns>
    internal async Task<string> Execute(string code)
    {
        await Begin(code).ConfigureAwait(false);
        return (string)(await Reply("execute").ConfigureAwait(false))["status"]!;
    }

    /// <summary>The next reply to a request of this kind; others that come before are passed over.</summary>
    internal async Task<JsonObject> Reply(string request)
    {
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            while (true)
            {
                var (type, content) = await replies.Reader.ReadAsync(patience.Token).ConfigureAwait(false);
                if (type == request + "_reply")
                {
                    return content;
                }
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or ChannelClosedException)
        {
            throw new NotebookException($"The kernel did not answer a {request} request{(process.HasExited ? $": it ended with exit code {process.ExitCode}" : $" within {Patience.TotalSeconds} s")}.");
        }
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            process.Kill();
            process.WaitForExit(5000);
        }
        process.Dispose();
        sockets.ForEach(socket => socket.Dispose());
        File.Delete(file);
    }

    async Task Send(Stream channel, string request, JsonObject content) =>
        await channel.WriteAsync(ZmtpFrames.Encode(wire.Write(request + "_request", content, null, []))).ConfigureAwait(false);

    async Task<Stream> Connect(int port)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(IPAddress.Loopback, port).ConfigureAwait(false);
                sockets.Add(socket);
                var stream = new NetworkStream(socket);
                await stream.WriteAsync(ZmtpFrames.Greeting()).ConfigureAwait(false);
                await ZmtpFrames.ReadGreeting(stream, CancellationToken.None).ConfigureAwait(false);
                await stream.WriteAsync(ZmtpFrames.Ready("DEALER")).ConfigureAwait(false);
                _ = Receive(stream);
                return stream;
            }
            catch (SocketException) when (!process.HasExited && watch.Elapsed < Patience)
            {
                socket.Dispose();
                await Task.Delay(2).ConfigureAwait(false);
            }
            catch (SocketException)
            {
                throw new NotebookException(process.HasExited ? $"The kernel ended with exit code {process.ExitCode}." : "The kernel does not listen.");
            }
        }
    }

    async Task Receive(Stream stream)
    {
        try
        {
            while (true)
            {
                var (isCommand, frames) = await ZmtpFrames.Read(stream, CancellationToken.None).ConfigureAwait(false);
                if (!isCommand && wire.Read(null!, frames) is { } message)
                {
                    replies.Writer.TryWrite((message.Type, message.Content));
                }
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            replies.Writer.TryComplete();
        }
    }

    static int[] FreePorts(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToArray();
        foreach (var listener in listeners)
        {
            listener.Start();
        }
        var ports = listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port).ToArray();
        foreach (var listener in listeners)
        {
            listener.Stop();
        }
        return ports;
    }
}
