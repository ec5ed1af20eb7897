using System.Text;
using Microsoft.DotNet.Interactive;
using Microsoft.DotNet.Interactive.Formatting;

namespace HeadKvLab.Notebook.Engine;

/// <summary>
/// What one running cell can reach of its host. Text is gathered for 40 ms before it is handed on, so that 100,000 lines are a few
/// messages, and it is cut after a limit, so that an endless printing loop cannot fill the disk.
/// </summary>
internal abstract class CellHost : CellOutput
{
    /// <summary>Characters of text kept of one cell; the rest is counted.</summary>
    internal const int TextLimit = 2_000_000;
    const int GatherMilliseconds = 40;

    readonly Lock gate = new();
    readonly StringBuilder waiting = new();
    readonly CancellationTokenSource interrupted = new();
    string waitingStream = "stdout";
    bool flushPlanned;
    long written;

    internal override CancellationToken Interrupted => interrupted.Token;

    /// <summary>Interrupts the cell, cooperatively first.</summary>
    internal void Interrupt() => interrupted.Cancel();

    /// <summary>Takes gathered text of "stdout" or "stderr".</summary>
    protected abstract void Stream(string stream, string text);

    protected abstract void ShowNow(string displayId, IReadOnlyList<FormattedValue> bundle, bool update);

    /// <summary>Text a cell printed.</summary>
    internal void Write(string stream, string text)
    {
        lock (gate)
        {
            var room = TextLimit - written;
            written += text.Length;
            if (room <= 0)
            {
                return;
            }
            if (stream != waitingStream)
            {
                FlushLocked();
                waitingStream = stream;
            }
            waiting.Append(text.Length <= room ? text : text[..(int)room] + $"\n[output cut after {TextLimit:N0} characters]\n");
            if (!flushPlanned)
            {
                flushPlanned = true;
                _ = FlushSoon();
            }
        }
    }

    internal sealed override void Show(string displayId, IReadOnlyList<FormattedValue> bundle) => ShowInOrder(displayId, bundle, update: false);

    internal sealed override void Update(string displayId, IReadOnlyList<FormattedValue> bundle) => ShowInOrder(displayId, bundle, update: true);

    /// <summary>Hands on everything gathered.</summary>
    internal void Flush()
    {
        lock (gate)
        {
            FlushLocked();
        }
    }

    void ShowInOrder(string displayId, IReadOnlyList<FormattedValue> bundle, bool update)
    {
        lock (gate)
        {
            FlushLocked();
            ShowNow(displayId, bundle, update);
        }
    }

    async Task FlushSoon()
    {
        await Task.Delay(GatherMilliseconds).ConfigureAwait(false);
        Flush();
    }

    void FlushLocked()
    {
        flushPlanned = false;
        if (waiting.Length > 0)
        {
            var text = waiting.ToString();
            waiting.Clear();
            Stream(waitingStream, text);
        }
    }
}
