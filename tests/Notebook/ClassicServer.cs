using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace HeadKvLab.Tests.Notebook;

/// <summary>Jupyter's classic notebook server on a port of its own, without a password, for the length of a test.</summary>
internal sealed class ClassicServer : IDisposable
{
    readonly Process process;

    ClassicServer(Process process, string address) => (this.process, Address) = (process, address);

    /// <summary>Ends with a slash.</summary>
    internal string Address { get; }

    /// <returns>The server, or null when it does not come up in two minutes.</returns>
    internal static async Task<ClassicServer?> Start(string folder, IReadOnlyDictionary<string, string?> environment)
    {
        var port = FreePort();
        var start = new ProcessStartInfo("jupyter",
            ["notebook", "--no-browser", "--allow-root", "--ip=127.0.0.1", $"--port={port}", "--NotebookApp.token=", "--NotebookApp.password=", folder])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }
        var server = new ClassicServer(Process.Start(start)!, $"http://127.0.0.1:{port}/");
        server.process.BeginErrorReadLine();
        server.process.BeginOutputReadLine();
        using var client = new HttpClient();
        for (var attempt = 0; attempt < 240 && !server.process.HasExited; attempt++)
        {
            try
            {
                if ((await client.GetAsync(server.Address + "api/kernelspecs")).IsSuccessStatusCode)
                {
                    return server;
                }
            }
            catch (HttpRequestException)
            {
                // Not up yet.
            }
            await Task.Delay(500);
        }
        server.Dispose();
        return null;
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit(10_000);
        }
        process.Dispose();
    }

    static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
