using System.Text;
using Microsoft.DotNet.Interactive;
using Microsoft.DotNet.Interactive.Formatting;

namespace HeadKvLab.Notebook.Engine;

/// <summary>
/// What one running cell can reach of its host. Text is gathered for 40 ms before it is handed on, so that 100,000 lines are a few
/// messages, and both text and values end at an <see cref="OutputLimit"/>.
/// </summary>
internal abstract class CellHost : CellOutput
{
    const int GatherMilliseconds = 40;

    readonly Lock gate = new();
    readonly StringBuilder waiting = new();
    readonly OutputLimit limit = new();
    readonly CancellationTokenSource interrupted = new();
    string waitingStream = "stdout";
    bool flushPlanned;

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
            if (limit.Keep(text) is not { Length: > 0 } kept)
            {
                return;
            }
            if (stream != waitingStream)
            {
                FlushLocked();
                waitingStream = stream;
            }
            waiting.Append(kept);
            if (!flushPlanned)
            {
                flushPlanned = true;
                _ = FlushSoon();
            }
        }
    }

    internal sealed override void Show(string displayId, IReadOnlyList<FormattedValue> bundle) => ShowInOrder(displayId, bundle, update: false);

    internal sealed override void Update(string displayId, IReadOnlyList<FormattedValue> bundle) => ShowInOrder(displayId, bundle, update: true);

    /// <summary>What is kept of the value of the cell's last expression, or null.</summary>
    internal IReadOnlyList<FormattedValue>? Keep(IReadOnlyList<FormattedValue> value)
    {
        lock (gate)
        {
            return limit.Keep(value, update: false);
        }
    }

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
            if (limit.Keep(bundle, update) is { } kept)
            {
                FlushLocked();
                ShowNow(displayId, kept, update);
            }
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
