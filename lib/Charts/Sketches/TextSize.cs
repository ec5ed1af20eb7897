namespace HeadKvLab.Charts.Sketches;

/// <summary>
/// How wide a text will be before it is drawn. The widths are those of DejaVu Sans, the widest of the families in
/// <see cref="Theme.Font"/>, so that what fits here fits everywhere.
/// </summary>
internal static class TextSize
{
    /// <summary>Advance widths of the letters from space to tilde, in thousandths of the font size.</summary>
    private static ReadOnlySpan<short> Advances =>
    [
        318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636, 636, 636, 636,
        636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775, 752, 295, 295, 656, 557, 863, 748, 787,
        603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352, 635,
        634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
    ];

    /// <summary>Width in pixels of one line of text; bold text is about a tenth wider.</summary>
    public static double Width(string text, double size, bool bold = false)
    {
        var sum = 0;
        foreach (var letter in text) sum += letter is >= ' ' and <= '~' ? Advances[letter - ' '] : letter < 0x2E80 ? 640 : 1000;
        return sum * size / 1000 * (bold ? 1.1 : 1);
    }

    /// <summary>Breaks a text at spaces into lines of at most <paramref name="width"/> pixels; a longer word keeps its line to itself.</summary>
    public static IReadOnlyList<string> Wrap(string text, double size, double width)
    {
        var lines = new List<string>();
        var line = "";
        foreach (var word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var longer = line.Length == 0 ? word : line + " " + word;
            if (line.Length > 0 && Width(longer, size) > width)
            {
                lines.Add(line);
                line = word;
            }
            else line = longer;
        }
        if (line.Length > 0) lines.Add(line);
        return lines;
    }
}
