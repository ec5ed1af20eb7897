using System.Text;
using Microsoft.DotNet.Interactive.Formatting;

namespace HeadKvLab.Notebook.Engine;

/// <summary>
/// What one running cell can reach of its host. Text is gathered for 40 ms before it is handed on, so that 100,000 lines are a few
/// messages, and both text and values end at an <see cref="OutputLimit"/>.
/// </summary>
internal abstract class CellHost
{
    const int GatherMilliseconds = 40;
    static readonly AsyncLocal<CellHost?> ofThisFlow = new();
    static volatile CellHost? latest;

    readonly Lock gate = new();
    readonly StringBuilder waiting = new();
    readonly OutputLimit limit = new();
    readonly CancellationTokenSource interrupted = new();
    string waitingStream = "stdout";
    bool flushPlanned;

    /// <summary>The host of the cell that started this thread or task, else that of the cell started last.</summary>
    internal static CellHost? Current => ofThisFlow.Value ?? latest;

    /// <summary>Cancelled when the user interrupts the cell.</summary>
    internal CancellationToken Interrupted => interrupted.Token;

    /// <summary>Interrupts the cell, cooperatively first.</summary>
    internal void Interrupt() => interrupted.Cancel();

    /// <summary>Makes this the host of everything that the caller starts from now on.</summary>
    internal void Enter() => latest = ofThisFlow.Value = this;

    /// <summary>Ends the time in which output from elsewhere falls to this cell; what the cell started still comes here.</summary>
    internal void Leave()
    {
        if (latest == this)
        {
            latest = null;
        }
        Flush();
    }

    /// <summary>Asks the reader for a line of text.</summary>
    /// <exception cref="RefusedException">Nobody can answer.</exception>
    internal abstract Task<string> Ask(string prompt, bool password);

    /// <summary>Takes gathered text of "stdout" or "stderr".</summary>
    protected abstract void Stream(string stream, string text);

    /// <summary>Takes a value, or what replaces one that was shown.</summary>
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

    /// <summary>A value a cell showed, or what replaces it.</summary>
    internal void Show(string displayId, IReadOnlyList<FormattedValue> bundle, bool update)
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
