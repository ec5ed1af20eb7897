namespace HeadKvLab.Tables;

/// <summary>
/// A table: rows of cells under columns, written as text, Markdown, HTML or CSV. Every table that the program prints, saves or shows in a notebook is one of
/// these; equal tables give equal bytes in every form.
/// </summary>
/// <param name="Name">What it shows, its caption; empty for none.</param>
/// <param name="Columns">The columns, from left to right.</param>
/// <param name="Rows">The rows, from the top; each has a cell for each column.</param>
/// <example>
/// <code>
/// Table.Of("", cells, ("method", c => c.Method), (new("score") { Format = "0.00" }, c => c.Score)).ToMarkdown()
/// </code>
/// </example>
public sealed record Table(string Name, IReadOnlyList<Column> Columns, IReadOnlyList<IReadOnlyList<Cell>> Rows)
{
    /// <summary>What marked cells are, <c>the highest score</c>; written below the table, empty for nothing.</summary>
    public string MarkMeans { get; init; } = "";

    /// <summary>Sentences below the table.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    /// <summary>A row for each item.</summary>
    /// <param name="name">What it shows; empty for no caption.</param>
    /// <param name="items">What the rows are of.</param>
    /// <param name="columns">The columns, each with its value of an item: a number or a text, which the column's format spells, or a <see cref="Cell"/>.</param>
    public static Table Of<T>(string name, IEnumerable<T> items, params IReadOnlyList<(Column Column, Func<T, object?> Value)> columns) =>
        new(name, [.. columns.Select(c => c.Column)], [.. items.Select(item => (IReadOnlyList<Cell>)[.. columns.Select(c => c.Column.Read(c.Value(item)))])]);

    /// <summary>Names and their values in two columns without a heading.</summary>
    /// <param name="facts">The lines.</param>
    public static Table Facts(params IReadOnlyList<(string Name, string Value)> facts) => Of("", facts, ("", fact => fact.Name), ("", fact => fact.Value));

    /// <summary>Aligned for a fixed pitch, two blanks between columns; marked values have an asterisk.</summary>
    public string ToText() => TextForm.Write(this);

    /// <summary>In Markdown, marked values in bold; text that would be markup is escaped.</summary>
    public string ToMarkdown() => MarkdownForm.Write(this);

    /// <summary>As a piece of HTML, whose headings sort it where scripts run.</summary>
    public string ToHtml() => HtmlForm.Write(this);

    /// <summary>Comma-separated values: headings, then the rows, lines ending with a line feed; without caption, remarks and marks.</summary>
    public string ToCsv() => CsvForm.Write(this);

    /// <summary>The text form.</summary>
    public override string ToString() => ToText();
}
