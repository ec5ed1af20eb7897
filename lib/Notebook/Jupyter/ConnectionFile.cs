using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace HeadKvLab.Notebook.Jupyter;

/// <summary>Where a kernel listens and with which key it signs, as Jupyter writes it for the kernel it starts.</summary>
internal sealed class ConnectionFile
{
    readonly JsonElement json;
    readonly string file;

    ConnectionFile(JsonElement json, string file) => (this.json, this.file) = (json, file);

    /// <summary>The signing key; empty: messages are not signed.</summary>
    internal byte[] Key => Encoding.UTF8.GetBytes(Text("key"));

    /// <exception cref="NotebookException">Not a connection file, or of a kind this kernel does not serve.</exception>
    internal static ConnectionFile Load(string file)
    {
        try
        {
            var connection = new ConnectionFile(JsonDocument.Parse(File.ReadAllText(file)).RootElement, file);
            if (connection.json.TryGetProperty("signature_scheme", out var scheme) && scheme.GetString() is not ("hmac-sha256" or ""))
            {
                throw new NotebookException($"{file}: the signature scheme {scheme} is not known here; hmac-sha256 is.");
            }
            return connection;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new NotebookException($"{file}: is no connection file of Jupyter: {exception.Message} (Jupyter starts kernels itself: run `install`, then choose .NET (C#).)");
        }
    }

    /// <summary>The address of a channel: "shell", "iopub", "stdin", "control" or "hb".</summary>
    /// <exception cref="NotebookException">The file does not name it.</exception>
    internal EndPoint EndPoint(string channel)
    {
        if (!json.TryGetProperty(channel + "_port", out var port) || !port.TryGetInt32(out var number))
        {
            throw new NotebookException($"{file}: has no number \"{channel}_port\".");
        }
        return Text("transport") == "ipc"
            ? new UnixDomainSocketEndPoint($"{Text("ip")}-{number}")
            : new IPEndPoint(IPAddress.TryParse(Text("ip"), out var ip) ? ip : IPAddress.Loopback, number);
    }

    string Text(string name) => json.TryGetProperty(name, out var value) ? value.GetString() ?? "" : "";
}
