using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;

namespace HeadKvLab.Tests.Notebook;

/// <summary>A page in headless Chromium, driven over the DevTools protocol without a further package.</summary>
internal sealed class Browser : IAsyncDisposable
{
    readonly Process process;
    readonly string profile;
    readonly ClientWebSocket socket = new();
    int lastId;

    Browser(Process process, string profile) => (this.process, this.profile) = (process, profile);

    /// <summary>The browser's path, or null when none is installed.</summary>
    internal static string? Executable { get; } =
        new[] { "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome" }.FirstOrDefault(File.Exists);

    internal static async Task<Browser> Open(string address)
    {
        var profile = Directory.CreateTempSubdirectory().FullName;
        var start = new ProcessStartInfo(Executable!,
            ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows", "--window-size=1200,1500", "--remote-debugging-port=0", $"--user-data-dir={profile}", address])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        var browser = new Browser(Process.Start(start)!, profile);
        browser.process.BeginErrorReadLine();
        browser.process.BeginOutputReadLine();
        await browser.Connect();
        return browser;
    }

    /// <summary>Runs a script in the page and gives its value.</summary>
    internal async Task<JsonNode?> Run(string script)
    {
        var answer = await Call("Runtime.evaluate", new JsonObject { ["expression"] = script, ["returnByValue"] = true });
        return answer["result"]?["value"];
    }

    /// <summary>Waits until a condition of the page holds, three minutes at most.</summary>
    internal async Task Until(string condition)
    {
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed < TimeSpan.FromMinutes(3))
        {
            if ((await Run($"!!({condition})"))?.GetValue<bool>() == true)
            {
                return;
            }
            await Task.Delay(200);
        }
        var state = await Run("document.title + ' | ' + document.body.innerText.slice(0, 3000)");
        throw new TimeoutException($"never held: {condition}\npage: {state}");
    }

    internal async Task Press(string key, int code)
    {
        foreach (var type in new[] { "rawKeyDown", "keyUp" })
        {
            await Call("Input.dispatchKeyEvent", new JsonObject { ["type"] = type, ["key"] = key, ["code"] = key, ["windowsVirtualKeyCode"] = code });
        }
    }

    internal async Task Screenshot(string file)
    {
        var answer = await Call("Page.captureScreenshot", new JsonObject { ["format"] = "png" });
        await File.WriteAllBytesAsync(file, Convert.FromBase64String((string)answer["data"]!));
    }

    public async ValueTask DisposeAsync()
    {
        socket.Dispose();
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        process.Dispose();
        try
        {
            Directory.Delete(profile, recursive: true);
        }
        catch (IOException)
        {
            // A helper process of the browser still writes; the folder is a temporary one.
        }
    }

    async Task Connect()
    {
        var portFile = Path.Combine(profile, "DevToolsActivePort");
        for (var attempt = 0; attempt < 300; attempt++)
        {
            if (File.Exists(portFile) && File.ReadAllLines(portFile) is [var port, ..])
            {
                using var client = new HttpClient();
                var pages = JsonNode.Parse(await client.GetStringAsync($"http://127.0.0.1:{port}/json/list"))!.AsArray();
                if (pages.FirstOrDefault(page => (string)page!["type"]! == "page") is { } page)
                {
                    await socket.ConnectAsync(new Uri((string)page["webSocketDebuggerUrl"]!), default);
                    return;
                }
            }
            await Task.Delay(200);
        }
        throw new TimeoutException("The browser did not come up.");
    }

    async Task<JsonNode> Call(string method, JsonObject parameters)
    {
        var id = ++lastId;
        var request = new JsonObject { ["id"] = id, ["method"] = method, ["params"] = parameters };
        await socket.SendAsync(Encoding.UTF8.GetBytes(request.ToJsonString()), WebSocketMessageType.Text, true, default);
        while (true)
        {
            using var message = new MemoryStream();
            var buffer = new byte[1 << 16];
            WebSocketReceiveResult part;
            do
            {
                part = await socket.ReceiveAsync(buffer, default);
                message.Write(buffer, 0, part.Count);
            }
            while (!part.EndOfMessage);
            var answer = JsonNode.Parse(message.ToArray())!;
            if ((int?)answer["id"] == id)
            {
                return answer["result"] ?? throw new InvalidOperationException($"{method}: {answer["error"]?.ToJsonString()}");
            }
        }
    }
}
