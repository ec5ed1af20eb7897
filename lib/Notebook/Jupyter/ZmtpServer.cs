using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace HeadKvLab.Notebook.Jupyter;

/// <summary>
/// A listening ZeroMQ socket in managed code: ROUTER (knows its peers by identity), PUB (sends to all) or REP (answers). A slow peer
/// holds up nobody: what is for it waits in its own queue.
/// </summary>
internal sealed class ZmtpServer : IDisposable
{
    readonly string socketType;
    readonly Socket listener;
    readonly Action<ZmtpPeer, List<byte[]>> received;
    readonly ConcurrentDictionary<ZmtpPeer, bool> peers = [];
    readonly CancellationTokenSource end = new();

    /// <param name="socketType">ROUTER, PUB or REP.</param>
    /// <param name="endPoint">Where to listen.</param>
    /// <param name="received">Told of every message; frames without the identity.</param>
    /// <exception cref="SocketException">The address is taken.</exception>
    internal ZmtpServer(string socketType, EndPoint endPoint, Action<ZmtpPeer, List<byte[]>> received)
    {
        (this.socketType, this.received) = (socketType, received);
        listener = new Socket(endPoint.AddressFamily, SocketType.Stream, endPoint is IPEndPoint ? ProtocolType.Tcp : ProtocolType.Unspecified);
        listener.Bind(endPoint);
        listener.Listen(64);
        _ = Accept();
    }

    /// <summary>Sends a message to every peer.</summary>
    internal void Broadcast(IReadOnlyList<byte[]> frames)
    {
        var bytes = ZmtpFrames.Encode(frames);
        foreach (var peer in peers.Keys)
        {
            peer.Enqueue(bytes);
        }
    }

    /// <summary>The connected peer of this identity, or null.</summary>
    internal ZmtpPeer? Find(byte[] identity) => peers.Keys.FirstOrDefault(peer => peer.Identity.AsSpan().SequenceEqual(identity));

    /// <summary>Waits until everything sent so far is with the system, half a second at most.</summary>
    internal Task Drain() => Task.WhenAny(Task.WhenAll(peers.Keys.Select(peer => peer.Sent)), Task.Delay(500));

    /// <inheritdoc/>
    public void Dispose()
    {
        end.Cancel();
        listener.Dispose();
    }

    async Task Accept()
    {
        while (!end.IsCancellationRequested)
        {
            try
            {
                _ = Serve(await listener.AcceptAsync(end.Token).ConfigureAwait(false));
            }
            catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                await Task.Delay(10).ConfigureAwait(false);
            }
        }
    }

    async Task Serve(Socket socket)
    {
        if (socket.ProtocolType == ProtocolType.Tcp)
        {
            socket.NoDelay = true;
        }
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        ZmtpPeer? peer = null;
        try
        {
            var buffered = new BufferedStream(stream, 1 << 16);
            peer = new ZmtpPeer(stream, await ZmtpFrames.Meet(buffered, stream, socketType, end.Token).ConfigureAwait(false));
            peers[peer] = true;
            while (true)
            {
                var (isCommand, frames) = await ZmtpFrames.Read(buffered, end.Token).ConfigureAwait(false);
                if (!isCommand)
                {
                    received(peer, frames);
                }
            }
        }
        catch (Exception exception) when (exception is IOException or InvalidDataException or OperationCanceledException or ObjectDisposedException or ArgumentException)
        {
            // The peer is gone or is no ZeroMQ socket: others stay.
        }
        finally
        {
            if (peer is not null)
            {
                peers.TryRemove(peer, out _);
            }
        }
    }
}

/// <summary>One connection and what waits to be sent over it.</summary>
internal sealed class ZmtpPeer(Stream stream, byte[] identity)
{
    readonly Lock gate = new();
    Task sent = Task.CompletedTask;

    internal byte[] Identity { get; } = identity.Length > 0 ? identity : Guid.NewGuid().ToByteArray();

    /// <summary>Completes when everything enqueued so far is with the system.</summary>
    internal Task Sent => sent;

    internal void Send(IReadOnlyList<byte[]> frames) => Enqueue(ZmtpFrames.Encode(frames));

    internal void Enqueue(byte[] bytes)
    {
        lock (gate) sent = SendAfter(sent, bytes);
    }

    async Task SendAfter(Task earlier, byte[] bytes)
    {
        await earlier.ConfigureAwait(false);
        try
        {
            await stream.WriteAsync(bytes).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // The peer is gone; what reads from it sees that too.
        }
    }
}
