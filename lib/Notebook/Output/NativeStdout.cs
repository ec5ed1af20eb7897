using System.Runtime.InteropServices;
using System.Text;
using HeadKvLab.Notebook.Engine;

namespace HeadKvLab.Notebook.Output;

/// <summary>
/// Catches what native code prints on standard output (libtorch's warnings, printf): file descriptor 1 becomes a pipe that a thread
/// reads. On Linux and macOS; elsewhere it does nothing. Standard error stays as it is.
/// </summary>
internal sealed partial class NativeStdout
{
    /// <summary>Cannot occur in text; written through the pipe to learn when all before it was read.</summary>
    static readonly byte[] Mark = [0, 1, 0, 2, 0, 1, 0];

    readonly int readEnd;
    readonly int writeEnd;
    readonly int original;
    readonly SemaphoreSlim marks = new(0);

    NativeStdout(int readEnd, int writeEnd, int original)
    {
        (this.readEnd, this.writeEnd, this.original) = (readEnd, writeEnd, original);
        new Thread(Read) { IsBackground = true, Name = "native stdout" }.Start();
    }

    /// <summary>Begins to catch, or returns null where that is not possible. Ends with the process.</summary>
    internal static NativeStdout? Start()
    {
        if (OperatingSystem.IsWindows())
        {
            return null;
        }
        var ends = new int[2];
        // Console's own writer keeps a copy of the descriptor made at its first use: make it before the redirection.
        Console.Out.Flush();
        var original = Dup(1);
        if (original < 0 || Pipe(ends) != 0 || Dup2(ends[1], 1) < 0)
        {
            return null;
        }
        return new NativeStdout(ends[0], ends[1], original);
    }

    /// <summary>Waits until all that native code has printed so far has reached its cell, half a second at most.</summary>
    internal void Drain()
    {
        FlushAll(0);
        _ = WriteTo(writeEnd, Mark, Mark.Length);
        marks.Wait(500);
    }

    void Read()
    {
        var decoder = Encoding.UTF8.GetDecoder();
        var buffer = new byte[65536];
        while (true)
        {
            var count = (int)ReadFrom(readEnd, buffer, buffer.Length);
            if (count <= 0)
            {
                return;
            }
            var rest = buffer.AsSpan(0, count);
            for (var at = rest.IndexOf(Mark); at >= 0; at = rest.IndexOf(Mark))
            {
                Deliver(rest[..at], decoder);
                marks.Release();
                rest = rest[(at + Mark.Length)..];
            }
            Deliver(rest, decoder);
        }
    }

    void Deliver(ReadOnlySpan<byte> bytes, Decoder decoder)
    {
        if (bytes.IsEmpty)
        {
            return;
        }
        if (CellHost.Current is { } cell)
        {
            var text = new char[bytes.Length];
            cell.Write("stdout", new string(text, 0, decoder.GetChars(bytes, text, flush: false)));
        }
        else
        {
            _ = WriteTo(original, bytes.ToArray(), bytes.Length);
        }
    }

    [LibraryImport("libc", EntryPoint = "pipe")]
    private static partial int Pipe([Out] int[] ends);

    [LibraryImport("libc", EntryPoint = "dup")]
    private static partial int Dup(int descriptor);

    [LibraryImport("libc", EntryPoint = "dup2")]
    private static partial int Dup2(int from, int to);

    [LibraryImport("libc", EntryPoint = "read")]
    private static partial nint ReadFrom(int descriptor, byte[] buffer, nint count);

    [LibraryImport("libc", EntryPoint = "write")]
    private static partial nint WriteTo(int descriptor, byte[] buffer, nint count);

    [LibraryImport("libc", EntryPoint = "fflush")]
    private static partial int FlushAll(nint stream);
}
