using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;

namespace HeadKvLab.Cli;

/// <summary>Refuses what a command line gives and the command would pass over.</summary>
internal static class Unused
{
    /// <summary>Refuses options and arguments that belong to a command above the one that runs.</summary>
    /// <exception cref="LabException">There is one.</exception>
    internal static void RefuseAbove(ParseResult parse)
    {
        var command = parse.CommandResult.Command;
        if (parse.Action != command.Action && parse.Action is not ParseErrorAction) return;      // a page of help, or the version
        for (var above = parse.CommandResult.Parent as CommandResult; above is not null; above = above.Parent as CommandResult)
            foreach (var child in above.Children)
            {
                var name = child is OptionResult { Implicit: false } option ? option.Option.Name : child is ArgumentResult { Tokens: [var first, ..] } ? $"'{first.Value}'" : null;
                if (name is not null) throw new LabException($"{name} belongs to `{Program.NameOf(above)}`, and `{Program.NameOf(parse.CommandResult)}` would pass over it: leave it out, or see `{Program.NameOf(parse.CommandResult)} --help` for its own options");
            }
    }

    /// <summary>Whether an option was given, not only its default.</summary>
    internal static bool Gives(this ParseResult parse, Option option) => parse.GetResult(option) is { Implicit: false };

    /// <summary>Refuses an option that would do nothing.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="used">Whether it does something.</param>
    /// <param name="why">Why not, and the cure.</param>
    /// <param name="options">The options.</param>
    /// <exception cref="LabException">One was given for nothing.</exception>
    internal static void Refuse(this ParseResult parse, bool used, string why, params ReadOnlySpan<Option> options)
    {
        foreach (var option in options)
            if (!used && parse.Gives(option)) throw new LabException($"{option.Name} does nothing here: {why}");
    }

    /// <summary>Says that an option does nothing: for commands that scripts call with the same options for every method or data set.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="used">Whether it does something.</param>
    /// <param name="why">Why not.</param>
    /// <param name="options">The options.</param>
    internal static void Note(this ParseResult parse, bool used, string why, params ReadOnlySpan<Option> options)
    {
        foreach (var option in options)
            if (!used && parse.Gives(option)) Console.Error.WriteLine($"note: {option.Name} does nothing here: {why}");
    }
}
