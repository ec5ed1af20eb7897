using System.Globalization;
using System.Xml.Linq;
using HeadKvLab.Charts;

namespace HeadKvLab.Tests.Charts;

/// <summary>Reads a figure's static image back.</summary>
internal static class Svgs
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    /// <summary>The image as XML; throws when it is not well formed.</summary>
    public static XElement Parse(Figure figure) => XDocument.Parse(figure.Svg).Root!;

    public static IEnumerable<XElement> All(XElement root, string element) => root.Descendants(Svg + element);

    public static double Number(XElement element, string attribute) =>
        double.Parse(element.Attribute(attribute)!.Value, CultureInfo.InvariantCulture);

    /// <summary>The rectangle each text covers, after turning, measured as the lab measures text.</summary>
    public static IReadOnlyList<(string Text, double Left, double Top, double Right, double Bottom)> TextBoxes(XElement root)
    {
        var boxes = new List<(string, double, double, double, double)>();
        foreach (var text in All(root, "text"))
        {
            double size = Number(text, "font-size"), x = Number(text, "x"), y = Number(text, "y");
            var width = text.Value.Length * size * 0.5; // a narrow estimate: overlaps it finds are real
            var start = (string?)text.Attribute("text-anchor") switch { "middle" => -width / 2, "end" => -width, _ => 0 };
            if (text.Attribute("transform") is null) boxes.Add((text.Value, x + start, y - size * 0.72, x + start + width, y + size * 0.05));
            else boxes.Add((text.Value, x - size * 0.72, y - start - width, x + size * 0.05, y - start));
        }
        return boxes;
    }

    /// <summary>Pairs of texts that cover each other, and texts that leave the image.</summary>
    public static IReadOnlyList<string> Collisions(Figure figure)
    {
        var boxes = TextBoxes(Parse(figure));
        var found = new List<string>();
        for (var a = 0; a < boxes.Count; a++)
        {
            var one = boxes[a];
            if (one.Left < 0 || one.Top < 0 || one.Right > figure.Width || one.Bottom > figure.Height) found.Add($"'{one.Text}' leaves the image");
            for (var b = a + 1; b < boxes.Count; b++)
            {
                var two = boxes[b];
                if (one.Left < two.Right && two.Left < one.Right && one.Top < two.Bottom && two.Top < one.Bottom) found.Add($"'{one.Text}' covers '{two.Text}'");
            }
        }
        return found;
    }
}
