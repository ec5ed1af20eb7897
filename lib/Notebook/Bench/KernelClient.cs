using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using HeadKvLab.Notebook.Jupyter;

namespace HeadKvLab.Notebook.Bench;

/// <summary>A front end for one kernel process of its own, over the same sockets as Jupyter's: requests on shell and control, replies.</summary>
internal sealed class KernelClient : IDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    readonly Wire wire = new([]);
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
    internal async Task Ask(string request, JsonObject content)
    {
        await Send(shell, request, content).ConfigureAwait(false);
        await Reply(request).ConfigureAwait(false);
    }

    /// <summary>Runs a cell to its reply.</summary>
    internal async Task Execute(string code)
    {
        await Begin(code).ConfigureAwait(false);
        await Reply("execute").ConfigureAwait(false);
    }

    /// <summary>Sends a cell without waiting.</summary>
    internal Task Begin(string code) => Send(shell, "execute", new JsonObject { ["code"] = code, ["silent"] = false, ["allow_stdin"] = false });

    internal Task Interrupt() => Send(control, "interrupt", []);

    /// <summary>Waits for the next reply to a request of this kind on the shell channel; others that come before are passed over.</summary>
    /// <exception cref="NotebookException">The kernel ended, or did not answer within a minute.</exception>
    internal async Task Reply(string request)
    {
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            while (wire.Read(null!, (await ZmtpFrames.Read(shell, patience.Token).ConfigureAwait(false)).Frames)?.Type != request + "_reply")
            {
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException)
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
        shell.Dispose();
        control.Dispose();
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
                var stream = new NetworkStream(socket, ownsSocket: true);
                await ZmtpFrames.Meet(stream, stream, "DEALER", CancellationToken.None).ConfigureAwait(false);
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

    static int[] FreePorts(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToArray();
        Array.ForEach(listeners, listener => listener.Start());
        var ports = listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port).ToArray();
        Array.ForEach(listeners, listener => listener.Stop());
        return ports;
    }
}
