using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace HeadKvLab.Cli;

/// <summary><c>--help</c> as a manual page: a command's whole description with its example, and one line for each of its subcommands.</summary>
internal sealed class ManualPage(SynchronousCommandLineAction page) : SynchronousCommandLineAction
{
    /// <summary>Lets the help of a command and all below it read so.</summary>
    internal static void Use(RootCommand root)
    {
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new ManualPage((SynchronousCommandLineAction)help.Action!);
    }

    public override int Invoke(ParseResult parseResult)
    {
        foreach (var command in parseResult.CommandResult.Command.Subcommands) command.Description = FirstSentence(command.Description ?? "");
        return page.Invoke(parseResult);
    }

    /// <summary>Up to the first full stop that ends a sentence, on one line.</summary>
    internal static string FirstSentence(string description)
    {
        var paragraph = description.ReplaceLineEndings("\n").Split("\n\n")[0].Replace('\n', ' ');
        var end = paragraph.IndexOf(". ", StringComparison.Ordinal);
        return end < 0 ? paragraph : paragraph[..(end + 1)];
    }
}
