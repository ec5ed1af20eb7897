using System.CommandLine;
using HeadKvLab.World;

namespace HeadKvLab.Cli;

/// <summary><c>--families</c> of the commands that make questions of the synthetic world.</summary>
internal static class WorldFamiliesOption
{
    public static Option<string> Create() => new("--families")
    {
        Description = $"Families that the contexts hold and are asked: some of {string.Join(", ", WorldFamilies.Askable.Select(WorldFamilies.Name))}.",
        DefaultValueFactory = _ => string.Join(",", WorldFamilies.Reported.Select(WorldFamilies.Name)),
    };

    public static IReadOnlyList<WorldFamily> Of(ParseResult parse, Option<string> families) => WorldFamilies.Parse(parse.GetRequiredValue(families));
}
