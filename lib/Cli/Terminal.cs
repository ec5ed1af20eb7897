using HeadKvLab.Tables;
using Spectre.Console;

namespace HeadKvLab.Cli;

/// <summary>Writes tables to the terminal: its text form, with the headings set off where the terminal has styles.</summary>
internal static class Terminal
{
    private static readonly Style Heading = new(decoration: Decoration.Bold);

    /// <summary>Writes a table; into a file or a pipe go the bytes of <see cref="Tables.Table.ToText"/>.</summary>
    internal static void Write(Tables.Table table)
    {
        if (Console.IsOutputRedirected)
        {
            Console.Write(table.ToText());
            return;
        }
        var styled = (table.Name.Length > 0 ? 1 : 0) + TextForm.Head(table).Count();
        foreach (var (line, at) in table.ToText().TrimEnd('\n').Split('\n').Select((line, at) => (line, at)))
            AnsiConsole.Write(new Spectre.Console.Text(line + "\n", at < styled ? Heading : Style.Plain));
    }
}
