namespace HeadKvLab.Charts;

/// <summary>A token, or a part of it, in a line of text.</summary>
/// <param name="Position">The token's position in the prompt.</param>
/// <param name="Column">Column of its first letter.</param>
/// <param name="Text">What is written.</param>
internal readonly record struct LinePiece(int Position, int Column, string Text);

/// <summary>A line of a prompt: its pieces from left to right, or a remark that stands in its place.</summary>
internal sealed record PromptLine(IReadOnlyList<LinePiece> Pieces, string Remark);

/// <summary>Breaks a prompt into lines of letters of equal width.</summary>
internal static class PromptLines
{
    /// <summary>Lines of at most <paramref name="length"/> letters. Tokens stay whole unless they are longer than a line; a token that ends in a line break ends its line.</summary>
    public static List<PromptLine> Break(IReadOnlyList<string> tokens, int length)
    {
        var lines = new List<PromptLine>();
        var pieces = new List<LinePiece>();
        var column = 0;
        for (var position = 0; position < tokens.Count; position++)
        {
            var shown = Visible(tokens[position]);
            if (column > 0 && column + shown.Length > length) End();
            for (var from = 0; from < shown.Length; from += length)
            {
                if (from > 0) End();
                var part = shown.Substring(from, Math.Min(length, shown.Length - from));
                pieces.Add(new LinePiece(position, column, part));
                column += part.Length;
            }
            if (tokens[position].EndsWith('\n')) End();
        }
        if (pieces.Count > 0) End();
        return lines;

        void End()
        {
            lines.Add(new PromptLine([.. pieces], ""));
            pieces.Clear();
            column = 0;
        }
    }

    /// <summary>A token's text with each letter one column wide: line breaks, tabs and other invisible letters get signs of their own.</summary>
    public static string Visible(string token)
    {
        if (token.Length == 0) return "∅";
        var letters = token.Replace("\r\n", "\n").Select(letter => letter switch
        {
            '\n' or '\r' => '↵',
            '\t' => '→',
            '\u00A0' => ' ',
            _ => char.IsControl(letter) || char.IsSurrogate(letter) || letter == '\uFFFD' || letter > '\u2E7F' ? '▯' : letter,
        });
        return string.Concat(letters);
    }
}
