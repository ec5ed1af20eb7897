using System.Text;
using HeadKvLab.Notebook.Engine;
using Microsoft.DotNet.Interactive;

namespace HeadKvLab.Notebook.Output;

/// <summary>Sends what cells print on Console to the cell that printed it, and everything else where it went before.</summary>
internal sealed class ConsoleCapture : IDisposable
{
    readonly TextWriter outBefore = Console.Out;
    readonly TextWriter errorBefore = Console.Error;

    internal ConsoleCapture()
    {
        Console.SetOut(new CellWriter("stdout", outBefore));
        Console.SetError(new CellWriter("stderr", errorBefore));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
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
            if (CellOutput.Current is CellHost cell)
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
            if (CellOutput.Current is not CellHost)
            {
                elsewhere.Flush();
            }
        }
    }
}
