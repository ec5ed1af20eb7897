using System.Text;
using HeadKvLab.Notebook.Engine;
using Microsoft.DotNet.Interactive.Formatting;

namespace HeadKvLab.Tests.Notebook;

/// <summary>Takes everything a cell puts out, for tests to look at.</summary>
internal sealed class RecordingCell : CellHost
{
    readonly StringBuilder text = new();

    /// <summary>What was printed, errors included.</summary>
    public string Printed
    {
        get
        {
            Flush();
            lock (text)
            {
                return text.ToString();
            }
        }
    }

    /// <summary>How many pieces the text came in.</summary>
    public int Pieces { get; private set; }

    /// <summary>What was shown, in order; the flag says whether it replaced something.</summary>
    public List<(string Id, IReadOnlyList<FormattedValue> Bundle, bool Update)> Shown { get; } = [];

    internal override Task<string> Ask(string prompt, bool password) => Task.FromResult("answer to " + prompt);

    protected override void Stream(string stream, string piece)
    {
        lock (text)
        {
            text.Append(piece);
            Pieces++;
        }
    }

    protected override void ShowNow(string displayId, IReadOnlyList<FormattedValue> bundle, bool update) => Shown.Add((displayId, bundle, update));
}
