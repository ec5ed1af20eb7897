using System.Buffers.Binary;
using System.Text;

namespace HeadKvLab.Notebook.Jupyter;

/// <summary>
/// The bytes of ZMTP 3.0, the protocol of ZeroMQ sockets, as a server without security needs them: greeting, READY command, frames
/// (https://rfc.zeromq.org/spec/23). 3.0 is announced rather than 3.1, so that subscriptions arrive as plain messages.
/// </summary>
internal static class ZmtpFrames
{
    const byte More = 1, Long = 2, Command = 4;
    const int GreetingBytes = 64;
    const long LargestFrame = 1L << 30;

    /// <summary>Meets the peer of a new connection as a socket of the given type.</summary>
    /// <returns>The peer's identity; empty when it has none.</returns>
    /// <exception cref="InvalidDataException">The peer is no ZeroMQ socket, or wants security.</exception>
    internal static async Task<byte[]> Meet(Stream reading, Stream writing, string socketType, CancellationToken end)
    {
        await writing.WriteAsync(Greeting(), end).ConfigureAwait(false);
        var greeting = new byte[GreetingBytes];
        await reading.ReadExactlyAsync(greeting, end).ConfigureAwait(false);
        if (greeting[0] != 0xFF || greeting[9] != 0x7F || greeting[10] < 3 || !greeting.AsSpan(12, 5).SequenceEqual("NULL\0"u8))
        {
            throw new InvalidDataException("The peer does not speak ZMTP 3 without security.");
        }
        await writing.WriteAsync(Ready(socketType), end).ConfigureAwait(false);
        return IdentityIn((await Read(reading, end).ConfigureAwait(false)).Frames[0]);
    }

    static byte[] Greeting()
    {
        var greeting = new byte[GreetingBytes];
        greeting[0] = 0xFF;
        greeting[9] = 0x7F;
        greeting[10] = 3;
        "NULL"u8.CopyTo(greeting.AsSpan(12));
        return greeting;
    }

    /// <summary>The READY command of a socket of the given type.</summary>
    static byte[] Ready(string socketType)
    {
        var body = new List<byte>();
        body.AddRange("\u0005READY"u8);
        Property(body, "Socket-Type", socketType);
        Property(body, "Identity", "");
        return [Command, (byte)body.Count, .. body];
    }

    /// <summary>The identity in a peer's READY command; empty when it has none.</summary>
    static byte[] IdentityIn(ReadOnlySpan<byte> ready)
    {
        for (var at = 6; at < ready.Length;)
        {
            var name = Encoding.ASCII.GetString(ready.Slice(at + 1, ready[at]));
            at += 1 + ready[at];
            var length = BinaryPrimitives.ReadInt32BigEndian(ready[at..]);
            if (name.Equals("Identity", StringComparison.OrdinalIgnoreCase))
            {
                return ready.Slice(at + 4, length).ToArray();
            }
            at += 4 + length;
        }
        return [];
    }

    /// <summary>A message as the bytes of its frames.</summary>
    internal static byte[] Encode(IReadOnlyList<byte[]> frames)
    {
        var bytes = new byte[frames.Sum(frame => frame.Length + (frame.Length > 255 ? 9 : 2))];
        var at = 0;
        for (var i = 0; i < frames.Count; i++)
        {
            var frame = frames[i];
            var more = i < frames.Count - 1 ? More : (byte)0;
            if (frame.Length > 255)
            {
                bytes[at] = (byte)(more | Long);
                BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(at + 1), frame.Length);
                at += 9;
            }
            else
            {
                bytes[at] = more;
                bytes[at + 1] = (byte)frame.Length;
                at += 2;
            }
            frame.CopyTo(bytes, at);
            at += frame.Length;
        }
        return bytes;
    }

    /// <summary>Reads the frames of one message, or of one command.</summary>
    /// <exception cref="InvalidDataException">A frame is larger than a gigabyte.</exception>
    /// <exception cref="EndOfStreamException">The peer is gone.</exception>
    internal static async Task<(bool IsCommand, List<byte[]> Frames)> Read(Stream stream, CancellationToken end)
    {
        var frames = new List<byte[]>();
        var head = new byte[8];
        while (true)
        {
            await stream.ReadExactlyAsync(head.AsMemory(0, 1), end).ConfigureAwait(false);
            var flags = head[0];
            await stream.ReadExactlyAsync(head.AsMemory(0, (flags & Long) != 0 ? 8 : 1), end).ConfigureAwait(false);
            var length = (flags & Long) != 0 ? BinaryPrimitives.ReadInt64BigEndian(head) : head[0];
            if (length is < 0 or > LargestFrame)
            {
                throw new InvalidDataException($"A frame of {length} bytes is not believable.");
            }
            var frame = new byte[length];
            await stream.ReadExactlyAsync(frame, end).ConfigureAwait(false);
            frames.Add(frame);
            if ((flags & More) == 0)
            {
                return ((flags & Command) != 0, frames);
            }
        }
    }

    static void Property(List<byte> body, string name, string value)
    {
        body.Add((byte)name.Length);
        body.AddRange(Encoding.ASCII.GetBytes(name));
        body.AddRange([0, 0, 0, (byte)value.Length]);
        body.AddRange(Encoding.ASCII.GetBytes(value));
    }
}
