using HeadKvLab.Charts.Sketches;

namespace HeadKvLab.Charts;

/// <summary>
/// The text of a prompt with every token shaded by how many heads kept it; resting on a token tells which. Stretches of lines
/// that no head kept are folded into one.
/// </summary>
public static class KeptTokenMap
{
    private const double TextSizePixels = 11.5, LinePixels = 17;

    /// <summary>Draws the text.</summary>
    /// <param name="tokens">The prompt's tokens as text, <c>[position]</c>, leading spaces included; their concatenation is the prompt.</param>
    /// <param name="kept">Whether a head kept a position, <c>[layer, kvHead, position]</c>.</param>
    /// <param name="title">Title of the figure.</param>
    /// <param name="note">How to read it; by default with the share of entries kept.</param>
    /// <param name="lineLength">Letters in a line.</param>
    /// <exception cref="ArgumentException">There is no token, or not one answer for each token.</exception>
    public static Figure Draw(IReadOnlyList<string> tokens, bool[,,] kept, string title = "What the heads remember of the prompt", string? note = null, int lineLength = 96)
    {
        int layers = kept.GetLength(0), heads = kept.GetLength(1);
        if (tokens.Count == 0 || kept.GetLength(2) != tokens.Count || layers * heads == 0)
            throw new ArgumentException($"There are {tokens.Count} tokens and {kept.GetLength(2)} positions of {layers} x {heads} heads: give one answer for each token and head.", nameof(kept));
        if (lineLength < 8) throw new ArgumentOutOfRangeException(nameof(lineLength), "A line needs at least 8 letters.");
        var keepers = Enumerable.Range(0, tokens.Count).Select(position => Keepers(kept, position)).ToArray();
        var lines = Fold(PromptLines.Break(tokens, lineLength), keepers);
        var scale = new ColourScale("heads that kept the token", 0, layers * heads) { Format = value => Format.Fixed(value, 0), Sparse = true };
        var spans = new List<Span>();
        var marks = new List<Mark> { new SpanMark(spans, scale) };
        for (var row = 0; row < lines.Count; row++)
        {
            if (lines[row].Remark.Length > 0) marks.Add(new TextMark(0, row, lines[row].Remark, Anchor.Start) { Colour = Theme.SoftInk, Size = Theme.TickSize, Shift = 1 });
            foreach (var piece in lines[row].Pieces.Where(piece => keepers[piece.Position].Count > 0))
            {
                var told = $"'{PromptLines.Visible(tokens[piece.Position])}' at position {Format.Fixed(piece.Position, 0)}\n{HeadsTold(keepers[piece.Position], layers * heads)}";
                spans.Add(new Span(row, piece.Column, piece.Column + piece.Text.Length, keepers[piece.Position].Count, told));
            }
            marks.AddRange(Letters(lines[row], row, piece => keepers[piece.Position].Count is > 0 and var count && scale.IsDark(count)));
        }
        var total = keepers.Sum(heads => (double)heads.Count) / ((double)tokens.Count * layers * heads);
        note ??= $"The darker a token, the more of the {Format.Whole(layers * heads)} KV heads kept it; white, none did. In all, {Format.Percent(Math.Round(total, 4))} of the entries of {Format.Fixed(tokens.Count, 0)} tokens were kept.";
        var panel = new Panel("", new Axis("", 0, lineLength, []), new Axis("", -0.5, lines.Count - 0.5, []) { Reversed = true }, marks);
        var width = (int)Math.Ceiling(lineLength * TextSizePixels * Theme.MonoAdvance);
        var sketch = new Sketch(title, note, [panel]) { Width = width + 110, Height = 100 };
        var page = PageLayout.Of(sketch);
        var (box, missing) = (page.Panels[0], width - page.Panels[0].Width);
        return (sketch with { Width = sketch.Width + (int)Math.Round(missing), Height = (int)Math.Ceiling(sketch.Height - box.Height + Math.Max(lines.Count, 5) * LinePixels) }).ToFigure();
    }

    private static List<string> Keepers(bool[,,] kept, int position)
    {
        var keepers = new List<string>();
        for (var layer = 0; layer < kept.GetLength(0); layer++)
            for (var head = 0; head < kept.GetLength(1); head++)
                if (kept[layer, head, position]) keepers.Add($"{Format.Whole(layer)}.{Format.Whole(head)}");
        return keepers;
    }

    /// <summary>Puts one line, of the given length, in place of each run of two or more lines that no head kept a token of.</summary>
    private static List<PromptLine> Fold(List<PromptLine> lines, List<string>[] keepers)
    {
        var folded = new List<PromptLine>();
        for (var from = 0; from < lines.Count;)
        {
            var to = from;
            while (to < lines.Count && lines[to].Pieces.All(piece => keepers[piece.Position].Count == 0)) to++;
            if (to - from >= 2)
            {
                folded.Add(new PromptLine([], $"⋯ {Format.Whole(to - from)} lines of which no head kept anything"));
                from = to;
            }
            else folded.Add(lines[from++]);
        }
        return folded;
    }

    /// <summary>The letters of a line: one text for each stretch of equal colour, as dark tokens need white letters.</summary>
    private static IEnumerable<TextMark> Letters(PromptLine line, int row, Func<LinePiece, bool> isDark)
    {
        for (int from = 0, to; from < line.Pieces.Count; from = to)
        {
            var dark = isDark(line.Pieces[from]);
            for (to = from + 1; to < line.Pieces.Count && isDark(line.Pieces[to]) == dark;) to++;
            var text = string.Concat(line.Pieces.Skip(from).Take(to - from).Select(piece => piece.Text));
            if (!string.IsNullOrWhiteSpace(text))
                yield return new TextMark(line.Pieces[from].Column, row, text, Anchor.Start) { Mono = true, Size = TextSizePixels, Colour = dark ? "#FFFFFF" : Theme.Ink };
        }
    }

    private static string HeadsTold(List<string> heads, int all)
    {
        if (heads.Count == 0) return "kept by no head";
        const int most = 24;
        var listed = string.Join(", ", heads.Take(most)) + (heads.Count > most ? ", ..." : "");
        return $"kept by {Format.Whole(heads.Count)} of {Format.Whole(all)} heads (layer.head):\n{listed}";
    }
}
