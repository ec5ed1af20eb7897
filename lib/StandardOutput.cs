using System.Runtime.InteropServices;

namespace HeadKvLab;

/// <summary>Standard output could not be written: its disk is full, or its reader is gone.</summary>
internal sealed class StandardOutputException(string message) : IOException($"standard output: {message}");

/// <summary>
/// The standard streams of a program that ends with a line of its own where standard output cannot be written. .NET's Console says nothing where the
/// reader is gone, so that a long run would go on for nobody. What cannot be written to standard error is lost: there is nowhere to say so.
/// </summary>
internal sealed partial class StandardOutput : Stream
{
    private const int Interrupted = 4, BrokenPipe = 32, Error = 2;

    private readonly int original, descriptor;

    private StandardOutput(int original) => (this.original, descriptor) = (original, Duplicate(original));

    /// <summary>Puts both in the Console's place.</summary>
    internal static void Guard()
    {
        if (OperatingSystem.IsWindows()) return;
        Console.SetOut(Writer(1));
        Console.SetError(Writer(Error));

        static TextWriter Writer(int stream) => TextWriter.Synchronized(new StreamWriter(new StandardOutput(stream), Console.OutputEncoding, 4096) { AutoFlush = true });
    }

    /// <summary>The failure of standard output that an exception is or was caused by; null where it is another.</summary>
    internal static StandardOutputException? FailureIn(Exception e) =>
        e as StandardOutputException ?? (e is AggregateException { InnerExceptions: [var only] } ? FailureIn(only) : e.InnerException is { } inner ? FailureIn(inner) : null);

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (buffer.Length > 0)
        {
            var written = (int)WriteTo(descriptor, in MemoryMarshal.GetReference(buffer), buffer.Length);
            if (written >= 0)
            {
                buffer = buffer[written..];
                continue;
            }
            var error = Marshal.GetLastPInvokeError();
            if (error == Interrupted) continue;
            if (error == (OperatingSystem.IsLinux() ? 11 : 35)) Thread.Sleep(10);   // a stream that does not wait is full for now
            else if (original == Error) return;
            else throw new StandardOutputException(error == BrokenPipe ? "nobody reads it any more" : Marshal.GetPInvokeErrorMessage(error));
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush() { }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    [LibraryImport("libc", EntryPoint = "dup")]
    private static partial int Duplicate(int descriptor);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteTo(int descriptor, ref readonly byte buffer, nint count);
}
