using System.Globalization;
using System.Text;

namespace HeadKvLab.Notebook.Output;

/// <summary>
/// What a terminal shows of a line that moves its cursor: a carriage return goes back to the first column and a backspace back by one, what follows
/// is written over what stands there, and the rest stays; <c>ESC [K</c> erases from the cursor on. Each character keeps the colours it was printed in.
/// </summary>
internal sealed class TerminalLine
{
    readonly List<(string Text, string Style)> columns = [];   // a wide character's second column has no text
    string style = "", other = "";
    int cursor;

    /// <summary>A text of several lines as it is shown.</summary>
    internal static string Show(string text) => text.AsSpan().IndexOfAny('\r', '\b') < 0
        ? text
        : string.Join('\n', text.Split('\n').Select(line => line.AsSpan().IndexOfAny('\r', '\b') < 0 ? line : new TerminalLine().Print(line)));

    string Print(string line)
    {
        for (var at = 0; at < line.Length;)
        {
            var escape = EscapeLength(line.AsSpan(at));
            var piece = line.Substring(at, escape > 0 ? escape : line[at] is '\r' or '\b' ? 1 : StringInfo.GetNextTextElementLength(line.AsSpan(at)));
            at += piece.Length;
            if (piece == "\r") cursor = 0;
            else if (piece == "\b") cursor = Math.Max(0, cursor - 1);
            else if (piece is "\u001b[K" or "\u001b[0K") Erase();
            else if (piece is "\u001b[m" or "\u001b[0m") style = "";
            else if (escape > 0 && piece[^1] == 'm') style += piece;
            else if (escape > 0) other += piece;
            else Write(piece);
        }
        return Shown() + other;
    }

    /// <summary>The columns, with a change of style where theirs changes.</summary>
    string Shown()
    {
        var (shown, now) = (new StringBuilder(), "");
        foreach (var (text, wanted) in columns.Append(("", style)))
        {
            if (wanted != now) shown.Append(wanted.StartsWith(now, StringComparison.Ordinal) ? wanted[now.Length..] : "\u001b[0m" + wanted);
            now = wanted;
            shown.Append(text);
        }
        return shown.ToString();
    }

    void Write(string character)
    {
        var width = IsWide(character) ? 2 : 1;
        while (columns.Count < cursor + width) columns.Add((" ", style));
        if (columns[cursor].Text.Length == 0) columns[cursor - 1] = (" ", columns[cursor - 1].Style);                 // half of a wide character is overwritten
        if (cursor + width < columns.Count && columns[cursor + width].Text.Length == 0) columns[cursor + width] = (" ", columns[cursor + width].Style);
        columns[cursor] = (other + character, style);
        if (width == 2) columns[cursor + 1] = ("", style);
        cursor += width;
        other = "";
    }

    void Erase()
    {
        if (cursor >= columns.Count) return;
        if (columns[cursor].Text.Length == 0) columns[cursor - 1] = (" ", columns[cursor - 1].Style);
        columns.RemoveRange(cursor, columns.Count - cursor);
    }

    /// <summary>Length of the control sequence that a text begins with; 0 where there is none.</summary>
    static int EscapeLength(ReadOnlySpan<char> text)
    {
        if (!text.StartsWith("\u001b[")) return 0;
        var end = text[2..].IndexOfAnyInRange('@', '~');
        return end < 0 ? 0 : end + 3;
    }

    /// <summary>East Asian wide characters and emoji, by blocks.</summary>
    static bool IsWide(string character) => Rune.TryGetRuneAt(character, 0, out var rune) && rune.Value is >= 0x1100 and <= 0x115F or >= 0x2E80 and <= 0xA4CF or >= 0xAC00 and <= 0xD7A3
        or >= 0xF900 and <= 0xFAFF or >= 0xFE30 and <= 0xFE6F or >= 0xFF00 and <= 0xFF60 or >= 0xFFE0 and <= 0xFFE6 or >= 0x1F300 and <= 0x1FAFF or >= 0x20000 and <= 0x3FFFD;
}
