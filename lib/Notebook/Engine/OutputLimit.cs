using Microsoft.DotNet.Interactive.Formatting;

namespace HeadKvLab.Notebook.Engine;

/// <summary>
/// How much of a cell's output is kept: what prints or shows without end must fill neither the disk nor the page. The rest is let go,
/// and the reader is told once. Not safe for threads by itself.
/// </summary>
internal sealed class OutputLimit
{
    /// <summary>Characters of text that are kept of one cell.</summary>
    internal const int Printed = 2_000_000;

    /// <summary>Characters, in all their types, of the values that are kept of one cell.</summary>
    internal const int Shown = 64_000_000;

    long printed;
    long shown;
    bool cut;
    bool leftOut;

    /// <summary>What is kept of a printed text; empty: nothing.</summary>
    internal string Keep(string text)
    {
        var room = (int)Math.Max(0, Printed - printed);
        printed += text.Length;
        if (text.Length <= room)
        {
            return text;
        }
        (var first, cut) = (!cut, true);
        return first ? text[..room] + $"\n[output cut after {Printed:N0} characters]\n" : "";
    }

    /// <summary>What is kept of a value: its representations, a notice in place of the first that is too much, or null.</summary>
    /// <param name="bundle">The representations.</param>
    /// <param name="update">Whether they replace others, which gives their room back.</param>
    internal IReadOnlyList<FormattedValue>? Keep(IReadOnlyList<FormattedValue> bundle, bool update)
    {
        var size = bundle.Sum(one => (long)one.Value.Length);
        if (size <= (update ? Shown : Shown - shown))
        {
            shown += update ? 0 : size;
            return bundle;
        }
        (var first, leftOut) = (!leftOut, true);
        return first ? [new FormattedValue("text/plain", $"[a value of {size:N0} characters is not shown: a cell shows {Shown:N0} at most]")] : null;
    }
}
