using System.CommandLine;

namespace HeadKvLab.Cli;

/// <summary><c>--scores</c>: head scores other than those beside the model.</summary>
internal static class ScoresOption
{
    private const string What = "Head scores, for the methods that need them: a folder as `lab heads score` writes it, or one file, which then serves all of them; those in the model's heads folder where it is not given.";

    internal static Option<string?> One() => new("--scores") { Description = What };

    internal static Option<string[]> Several() => new("--scores") { Description = What + " Given several times, they are compared.", HelpName = "file|folder" };
}
