using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;

namespace HeadKvLab.Cli;

/// <summary>The command-line program behind <c>./lab</c>.</summary>
public static class Program
{
    /// <summary>Parses the command line and runs one command.</summary>
    /// <returns>0 on success, 1 when a command fails, 2 when its input is unusable.</returns>
    public static int Main(string[] args)
    {
        if (System.Reflection.Assembly.GetEntryAssembly() == typeof(Program).Assembly) StandardOutput.Guard();     // another program's streams are its own
        return Run(args, Console.Error);
    }

    /// <summary>The same, with the messages of failures written to <paramref name="error"/>.</summary>
    internal static int Run(string[] args, TextWriter error)
    {
        try
        {
            var root = Root();
            var parsed = root.Parse(FreeTextOption.Tie(root, args), Parsing);
            var settings = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromMinutes(2), Error = error };
            Unused.RefuseAbove(parsed);
            if (parsed.Action is not ParseErrorAction misunderstood) return parsed.Invoke(settings);
            misunderstood.ShowHelp = parsed.UnmatchedTokens.Count == 0 && parsed.CommandResult.Command.Subcommands.Count > 0; // a command was left out
            parsed.Invoke(settings);
            if (!misunderstood.ShowHelp) error.WriteLine($"See `{NameOf(parsed.CommandResult)} --help`.");
            return 2;
        }
        catch (LabException e)
        {
            error.WriteLine(e.Message);
            return 2;
        }
        catch (Exception e) when (StandardOutput.FailureIn(e) is { } failure)
        {
            error.WriteLine($"lab: {failure.Message}");
            return 1;
        }
        catch (Exception e) when (MemoryShortage.Describe(e) is { } shortage)
        {
            error.WriteLine(shortage);
            return 1;
        }
        catch (Exception e) when (EngineFailure.Describe(e) is { } failure)
        {
            error.WriteLine(failure);
            return 1;
        }
    }

    /// <summary>An argument that begins with @ is what it is, no file of arguments.</summary>
    internal static readonly ParserConfiguration Parsing = new() { ResponseFileTokenReplacer = null };

    internal static string NameOf(CommandResult result) => result.Parent is CommandResult parent ? $"{NameOf(parent)} {result.Command.Name}" : "lab";

    /// <summary>All commands.</summary>
    internal static RootCommand Root()
    {
        var root = new RootCommand("""
            HeadKvLab: head-level KV-cache compression, measured. The script ./lab adds run, test, build, notebook and kernel.

            Example:  lab generate --model data/models/world-4m --prompt "Anna"
            Example:  lab eval --help
            """) { HelpName = "lab" };
        root.Add(BenchCommand.Create());
        root.Add(BetaCommand.Create());
        root.Add(BudgetCommand.Create());
        root.Add(DoctorCommand.Create());
        root.Add(EvalCommand.Create());
        root.Add(GenerateCommand.Create());
        root.Add(HeadsCommand.Create());
        root.Add(LeaderboardCommand.Create());
        root.Add(LogitsCommand.Create());
        root.Add(MergeCommand.Create());
        root.Add(MethodsCommand.Create());
        root.Add(MetricCommand.Create());
        root.Add(ModelCommand.Create());
        root.Add(PlanCommand.Create());
        root.Add(ProfileCommand.Create());
        root.Add(ReportCommand.Create());
        root.Add(SelectCommand.Create());
        root.Add(SummaryCommand.Create());
        root.Add(SweepCommand.Create());
        root.Add(TokensCommand.Create());
        root.Add(TrainCommand.Create());
        root.Add(WorldCommand.Create());
        ManualPage.Use(root);
        Repository.Serve(root);
        return root;
    }
}
