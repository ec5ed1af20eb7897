using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis.CSharp;

namespace HeadKvLab.Notebook.Files;

/// <summary>
/// Sets a notebook's parameters as papermill does: a cell tagged "injected-parameters" is put after the one tagged "parameters"
/// (an old one is replaced; without such a cell it stands first), with literals of the kind the text looks like.
/// </summary>
internal static partial class Parameters
{
    const string Tag = "injected-parameters";

    /// <param name="notebook">The notebook to change.</param>
    /// <param name="values">Names and texts; empty: nothing is changed.</param>
    /// <param name="file">For messages.</param>
    /// <exception cref="NotebookException">A name is no C# name, or the notebook's parameters cell does not declare it.</exception>
    internal static void Apply(NotebookDocument notebook, IReadOnlyList<(string Name, string Value)> values, string file)
    {
        if (values.Count == 0)
        {
            return;
        }
        for (var i = notebook.Cells.Count - 1; i >= 0; i--)
        {
            if (notebook.Cells[i].HasTag(Tag))
            {
                notebook.RemoveAt(i);
            }
        }
        var declaring = notebook.Cells.ToList().FindIndex(cell => cell.HasTag("parameters"));
        var declaration = declaring < 0 ? null : notebook.Cells[declaring].Source;
        foreach (var (name, _) in values)
        {
            CheckName(name, declaration, file);
        }
        var lines = values.Select(pair => Assignment(pair.Name, pair.Value, declaration));
        notebook.Insert(declaring + 1, "// Parameters\n" + string.Join('\n', lines), Tag);
    }

    /// <summary>
    /// A declaration of the type the parameters cell gives the name: a text parameter stays text when its value looks like a number,
    /// and a parameter of another type than text, number or bool takes its value as a C# expression, for example <c>[64, 128]</c>.
    /// </summary>
    static string Assignment(string name, string value, string? declaration)
    {
        var declared = Regex.Match(declaration ?? "", $@"^\s*(?:const\s+)?(?<type>[A-Za-z_][\w.<>,\[\]? ]*?)\s+{Regex.Escape(name)}\s*=", RegexOptions.Multiline);
        var type = declared.Success ? declared.Groups["type"].Value : "var";
        var literal = type switch
        {
            "var" or "int" or "long" or "double" or "bool" => Literal(value),
            "string" => Quoted(value),
            "float" => Literal(value) + "f",
            "decimal" => Literal(value) + "m",
            _ => value,
        };
        return $"{type} {name} = {literal};";
    }

    static void CheckName(string name, string? declaration, string file)
    {
        if (!SyntaxFacts.IsValidIdentifier(name))
        {
            throw new NotebookException($"-p {name}: a parameter's name is a C# name: letters, digits and _, not starting with a digit.");
        }
        if (declaration is not null && !Regex.IsMatch(declaration, $@"\b{Regex.Escape(name)}\s*="))
        {
            throw new NotebookException($"-p {name}: {file} has no such parameter; its cell tagged \"parameters\" reads:\n{declaration}");
        }
    }

    /// <summary>true, 42, 5000000000L, 0.5, null or "text".</summary>
    internal static string Literal(string value)
    {
        if (value is "true" or "false")
        {
            return value;
        }
        if (value is "True" or "False")
        {
            return value.ToLowerInvariant();
        }
        if (int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var small))
        {
            return small.ToString(CultureInfo.InvariantCulture);
        }
        if (long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var large))
        {
            return large.ToString(CultureInfo.InvariantCulture) + "L";
        }
        if (NumberText().IsMatch(value) && double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var real) && double.IsFinite(real))
        {
            return real.ToString("R", CultureInfo.InvariantCulture) is var text && text.AsSpan().ContainsAny(".E") ? text : text + ".0";
        }
        return Quoted(value);
    }

    static string Quoted(string value) => SymbolDisplay.FormatLiteral(value, quote: true);

    [GeneratedRegex(@"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")]
    private static partial Regex NumberText();
}
