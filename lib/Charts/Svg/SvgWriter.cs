using System.Globalization;
using System.Text;
using HeadKvLab.Tables;

namespace HeadKvLab.Charts.Svg;

/// <summary>Writes SVG elements: numbers short and invariant, texts escaped.</summary>
internal sealed class SvgWriter
{
    private readonly StringBuilder text = new();

    public static string Number(double value)
    {
        var rounded = Math.Round(value, 2);
        return (rounded == 0 ? 0 : rounded).ToString("0.##", CultureInfo.InvariantCulture);
    }

    public void Open(string element, params ReadOnlySpan<(string Name, string Value)> attributes) => Start(element, attributes, ">\n");

    public void Close(string element) => text.Append("</").Append(element).Append(">\n");

    public void Element(string element, params ReadOnlySpan<(string Name, string Value)> attributes) => Start(element, attributes, "/>\n");

    public void Line(double x1, double y1, double x2, double y2, string colour, double width = 1, string? dashes = null)
    {
        if (dashes is null)
            Element("line", ("x1", Number(x1)), ("y1", Number(y1)), ("x2", Number(x2)), ("y2", Number(y2)), ("stroke", colour), ("stroke-width", Number(width)));
        else
            Element("line", ("x1", Number(x1)), ("y1", Number(y1)), ("x2", Number(x2)), ("y2", Number(y2)), ("stroke", colour), ("stroke-width", Number(width)), ("stroke-dasharray", dashes));
    }

    public void Rectangle(double left, double top, double width, double height, string fill) =>
        Element("rect", ("x", Number(left)), ("y", Number(top)), ("width", Number(width)), ("height", Number(height)), ("fill", fill));

    public void Path(string d, string stroke, double width, string? dashes)
    {
        if (dashes is null)
            Element("path", ("d", d), ("fill", "none"), ("stroke", stroke), ("stroke-width", Number(width)), ("stroke-linejoin", "round"));
        else
            Element("path", ("d", d), ("fill", "none"), ("stroke", stroke), ("stroke-width", Number(width)), ("stroke-linejoin", "round"), ("stroke-dasharray", dashes));
    }

    /// <summary>One line of text; (x, y) is where its baseline begins, has its middle or ends.</summary>
    public void Text(double x, double y, string words, double size, string colour, string anchor = "start", bool bold = false, bool mono = false, double? turned = null, bool halo = false)
    {
        text.Append("<text x=\"").Append(Number(x)).Append("\" y=\"").Append(Number(y)).Append("\" font-size=\"").Append(Number(size));
        text.Append("\" fill=\"").Append(colour).Append('"');
        if (anchor != "start") text.Append(" text-anchor=\"").Append(anchor).Append('"');
        if (bold) text.Append(" font-weight=\"600\"");
        if (mono) text.Append(" font-family=\"").Append(Theme.MonoFont).Append("\" xml:space=\"preserve\" textLength=\"").Append(Number(words.Length * size * Theme.MonoAdvance)).Append('"');
        if (halo) text.Append(" stroke=\"#FFFFFF\" stroke-width=\"3\" paint-order=\"stroke\" stroke-linejoin=\"round\"");
        if (turned is { } degrees) text.Append(" transform=\"rotate(").Append(Number(degrees)).Append(' ').Append(Number(x)).Append(' ').Append(Number(y)).Append(")\"");
        text.Append('>').Append(HtmlForm.Escape(mono ? words.Replace(' ', '\u00A0') : words)).Append("</text>\n"); // sanitisers drop xml:space
    }

    /// <summary>An element that holds only text, such as <c>title</c>.</summary>
    public void Note(string element, string words) =>
        text.Append('<').Append(element).Append('>').Append(HtmlForm.Escape(words)).Append("</").Append(element).Append(">\n");

    public override string ToString() => text.ToString();

    private void Start(string element, ReadOnlySpan<(string Name, string Value)> attributes, string end)
    {
        text.Append('<').Append(element);
        foreach (var (name, value) in attributes) text.Append(' ').Append(name).Append("=\"").Append(HtmlForm.Escape(value)).Append('"');
        text.Append(end);
    }
}
