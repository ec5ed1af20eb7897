using System.Globalization;

namespace HeadKvLab.Evaluation.Suites;

/// <summary>A list that was turned into text, <c>['tea', 'green tea']</c>, on its way through a table: taken for one text, it would be a reference that nothing matches.</summary>
public static class PrintedList
{
    /// <summary>The texts of a printed list or tuple; of any other text the text itself.</summary>
    /// <param name="text">The text.</param>
    /// <param name="place">File, line and field, for errors.</param>
    /// <exception cref="LabException">It looks like a printed list, but cannot be read as one.</exception>
    public static string[] Read(string text, string place)
    {
        var bare = text.Trim();
        if (!(bare is ['[', .., ']'] or ['(', '\'' or '"', .., ')'])) return [text];
        try
        {
            if (PythonLiteral.Parse(bare, place, joinStrings: false) is List<object?> items && Texts(items) is { } texts) return texts;
        }
        catch (LabException e)
        {
            throw Unclear(place, bare, e);
        }
        throw Unclear(place, bare, null);
    }

    /// <summary>Texts and numbers; null where there is anything else.</summary>
    private static string[]? Texts(List<object?> items) => items.All(item => item is string or double)
        ? [.. items.Select(item => item as string ?? ((double)item!).ToString("R", CultureInfo.InvariantCulture))] : null;

    private static LabException Unclear(string place, string text, Exception? inner)
    {
        var message = $"{place}: the text {(text.Length > 60 ? text[..60] + "..." : text)} looks like a printed list and cannot be read as a list of texts; write it as a JSON list (a list of this one text, if it is one text)";
        return inner is null ? new(message) : new(message, inner);
    }
}
