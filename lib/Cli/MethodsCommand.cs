using System.CommandLine;
using HeadKvLab.Compression;
using HeadKvLab.Tables;

namespace HeadKvLab.Cli;

/// <summary><c>lab methods</c>: the catalogue.</summary>
internal static class MethodsCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var markdown = new Option<bool>("--markdown") { Description = "Print the table as the README shows it." };
        var command = new Command("methods", """
            Lists the methods: what each keeps, its settings with their defaults, the head scores or gates it needs, its paper; then what each setting can be.

            Rules of the budget (--rule elsewhere):
              as-published   the authors' arithmetic; what a head cannot use goes unspent
              equal-entries  unspent shares go to other heads until the total is the nominal one, exactly
              equal-bytes    every method spends the bytes of a grouped-query cache of the nominal size

            Example:  lab methods
            """) { markdown };
        command.SetAction(parse => Run(parse.GetValue(markdown)));
        return command;
    }

    private static int Run(bool markdown)
    {
        if (markdown)
        {
            Console.Write(Table.Of("", Catalogue.Methods, ("method", m => m.Name), ("keeps", m => m.Keeps), ("defaults", m => m.Defaults), ("needs", m => m.NeedsInWords), ("paper", m => m.Paper)).ToMarkdown());
            return 0;
        }
        foreach (var m in Catalogue.Methods)
        {
            Console.WriteLine($"{m.Name,-20} {m.Keeps}");
            Console.WriteLine($"{"",-20} settings: {m.Defaults}; needs: {m.NeedsInWords}; {m.Paper}");
        }
        Console.WriteLine("\nSettings (`lab eval --set NAME=VALUE,VALUE` for all methods that take one, `--methods \"NAME SETTING=VALUE\"` for one):");
        foreach (var setting in Catalogue.Methods.SelectMany(m => m.Takes).DistinctBy(setting => setting.Name)) Console.WriteLine($"{setting.Name,-20} {setting.Range}");
        return 0;
    }
}
