using System.Text;

namespace Microsoft.Data.Analysis;

/// <summary>Reads the records of a CSV text (RFC 4180): fields in quotes may hold separators, line breaks and doubled quotes. Blank lines are passed over.</summary>
internal static class CsvText
{
    public static IEnumerable<string[]> Records(TextReader text, char separator)
    {
        var fields = new List<string>();
        var field = new StringBuilder();
        var quoted = false;
        var content = false;
        for (var letter = text.Read(); letter >= 0; letter = text.Read())
        {
            if (quoted)
            {
                if (letter != '"') field.Append((char)letter);
                else if (text.Peek() == '"') field.Append((char)text.Read());
                else quoted = false;
            }
            else if (letter == '"' && field.Length == 0)
            {
                quoted = content = true;
            }
            else if (letter == separator)
            {
                Finish();
                content = true;
            }
            else if (letter is '\r' or '\n')
            {
                if (letter == '\r' && text.Peek() == '\n') text.Read();
                if (content) yield return Record();
            }
            else
            {
                field.Append((char)letter);
                content = true;
            }
        }
        if (quoted) throw new FormatException("The text ends inside a quoted field: a closing quote is missing.");
        if (content) yield return Record();

        void Finish()
        {
            fields.Add(field.ToString());
            field.Clear();
        }

        string[] Record()
        {
            Finish();
            string[] record = [.. fields];
            fields.Clear();
            content = false;
            return record;
        }
    }

    public static string Quoted(string field, char separator) =>
        field.AsSpan().ContainsAny([separator, '"', '\n', '\r']) ? '"' + field.Replace("\"", "\"\"") + '"' : field;
}
