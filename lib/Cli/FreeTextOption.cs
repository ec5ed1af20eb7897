using System.CommandLine;

namespace HeadKvLab.Cli;

/// <summary>An option whose value is a text for the model. Whatever stands after its name is that text, even where it looks like an option, a command or a file of arguments.</summary>
internal sealed class FreeTextOption(string name) : Option<string?>(name)
{
    /// <summary>The arguments with each free text tied to its option, so that nothing in it is interpreted.</summary>
    /// <param name="root">All commands.</param>
    /// <param name="arguments">As they were given.</param>
    internal static string[] Tie(Command root, string[] arguments)
    {
        var (command, tied) = (root, new List<string>());
        for (var i = 0; i < arguments.Length; i++)
        {
            command = command.Subcommands.FirstOrDefault(c => c.Name == arguments[i]) ?? command;
            var text = command.Options.OfType<FreeTextOption>().Any(o => o.Name == arguments[i]) && i + 1 < arguments.Length && arguments[i + 1].Length > 0;
            tied.Add(text ? $"{arguments[i]}={arguments[++i]}" : arguments[i]);
        }
        return [.. tied];
    }
}
