using System.CommandLine;
using HeadKvLab.Cli;

namespace HeadKvLab.Tests.House;

/// <summary>The help of every command reads like a manual page.</summary>
public sealed class HelpTests
{
    private static IEnumerable<Command> All(Command command) => command.Subcommands.Where(c => !c.Hidden).SelectMany(All).Prepend(command);

    private static string Help(params string[] command)
    {
        var page = new StringWriter { NewLine = "\n" };
        Assert.Equal(0, Program.Root().Parse([.. command, "--help"]).Invoke(new InvocationConfiguration { Output = page }));
        return page.ToString();
    }

    private static string[] Path(Command command) => command is RootCommand ? [] : [.. command.Parents.OfType<Command>().Take(1).SelectMany(Path), command.Name];

    [Fact]
    public void Every_command_has_a_page_with_a_description_an_example_that_names_it_and_its_options()
    {
        foreach (var command in All(Program.Root()))
        {
            string[] path = Path(command);
            string name = string.Join(' ', ["lab", .. path]), page = Help(path);
            Assert.Contains($"  {name}", page, StringComparison.Ordinal); // usage
            Assert.Matches($@"Examples?:[\s\S]*?\s{System.Text.RegularExpressions.Regex.Escape(name)}", page);
            Assert.All(command.Options.Where(o => !o.Hidden), option =>
            {
                Assert.Contains(option.Name, page, StringComparison.Ordinal);
                Assert.False(string.IsNullOrWhiteSpace(option.Description), $"{name} {option.Name} says nothing");
            });
            Assert.All(command.Arguments, argument => Assert.False(string.IsNullOrWhiteSpace(argument.Description), $"{name} <{argument.Name}> says nothing"));
            Assert.All(command.Subcommands.Where(c => !c.Hidden), below => Assert.Matches($@"\n  {below.Name}( .*)?  \S", page));
        }
    }

    [Fact]
    public void A_list_of_commands_gives_each_one_sentence()
    {
        string page = Help();
        Assert.Contains("\n  train ", page, StringComparison.Ordinal);
        Assert.DoesNotContain("Checkpoints hold weights", page, StringComparison.Ordinal);
        Assert.Contains("Checkpoints hold weights", Help("train"), StringComparison.Ordinal);
        Assert.Equal("One, 1.5 of it.", ManualPage.FirstSentence("One, 1.5\nof it. Two."));
        Assert.Equal("Only one", ManualPage.FirstSentence("Only one\n\nExample. x"));
    }
}
