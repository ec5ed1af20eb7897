using System.Text;
using HeadKvLab.Notebook.Engine;
using Microsoft.DotNet.Interactive.Utility;

namespace HeadKvLab.Notebook.Output;

/// <summary>
/// Sends what cells print on Console to the cell that printed it, and everything else where it went before. The package would catch it too, as an
/// event for each write, all of which it keeps: it is told that Console is caught already.
/// </summary>
internal sealed class ConsoleCapture : IDisposable
{
    readonly TextWriter outBefore = Console.Out;
    readonly TextWriter errorBefore = Console.Error;
    readonly IDisposable caught = ConsoleOutput.Subscribe(static _ => System.Reactive.Disposables.Disposable.Empty);

    internal ConsoleCapture()
    {
        Console.SetOut(new CellWriter("stdout", outBefore));
        Console.SetError(new CellWriter("stderr", errorBefore));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        caught.Dispose();
        Console.SetOut(outBefore);
        Console.SetError(errorBefore);
    }

    sealed class CellWriter(string stream, TextWriter elsewhere) : TextWriter
    {
        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value) => Write(value.ToString());

        public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

        public override void WriteLine(string? value) => Write(value + "\n");

        public override void Write(string? value)
        {
            if (value is not { Length: > 0 })
            {
                return;
            }
            if (CellHost.Current is { } cell)
            {
                cell.Write(stream, value);
            }
            else
            {
                elsewhere.Write(value);
            }
        }

        public override void Flush()
        {
            if (CellHost.Current is null)
            {
                elsewhere.Flush();
            }
        }
    }
}
