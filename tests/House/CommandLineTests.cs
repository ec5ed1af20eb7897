using System.CommandLine;
using HeadKvLab.Cli;

namespace HeadKvLab.Tests.House;

/// <summary>Nothing on a command line is passed over, and a text for the model is nothing but that text.</summary>
public sealed class CommandLineTests : FolderTests
{
    private static IEnumerable<Command> All(Command command) => command.Subcommands.SelectMany(All).Prepend(command);

    private static string[] PathOf(Command command) => command is RootCommand ? [] : [.. command.Parents.OfType<Command>().Take(1).SelectMany(PathOf), command.Name];

    private static string Refused(params string[] arguments)
    {
        var error = new StringWriter();
        Assert.Equal(2, Program.Run(arguments, error));
        return error.ToString();
    }

    [Theory]
    [InlineData("@anna likes tea"), InlineData("@/etc/hostname"), InlineData("--help"), InlineData("-h"), InlineData("/?"), InlineData("--"), InlineData("--model"), InlineData("--prompt"), InlineData("[diagram]")]
    [InlineData("generate"), InlineData("tokens"), InlineData("=x"), InlineData(":x"), InlineData("a=b:c"), InlineData("\"quoted\" and 'so'"), InlineData("two\nlines"), InlineData(" "), InlineData("")]
    public void A_text_is_never_interpreted(string text)
    {
        foreach (var (command, option) in (ReadOnlySpan<(string, string)>)[("generate", "--prompt"), ("tokens", "--text")])
        {
            var root = Program.Root();
            var parsed = root.Parse(FreeTextOption.Tie(root, [command, "--model", "m", option, text]), Program.Parsing);
            Assert.Empty(parsed.Errors);
            Assert.Equal((command, text, "m"), (parsed.CommandResult.Command.Name, parsed.GetValue<string>(option), parsed.GetValue<string>("--model")));
        }
    }

    [Fact]
    public void Arguments_are_no_names_of_files_of_arguments()
    {
        File.WriteAllText(Inside("arguments"), "--json");
        var parsed = Program.Root().Parse(["tokens", "--model", "@" + Inside("arguments"), "--text", "a"], Program.Parsing);
        Assert.Equal(("@" + Inside("arguments"), false), (parsed.GetValue<string>("--model"), parsed.GetValue<bool>("--json")));
    }

    /// <summary>Every option of every command that has others below it, given before each of these.</summary>
    [Fact]
    public void Options_of_a_command_are_refused_in_front_of_a_command_below_it()
    {
        var tried = 0;
        foreach (var above in All(Program.Root()).Where(c => c.Subcommands.Count > 0 && c is not RootCommand))
            foreach (var below in above.Subcommands)
                foreach (var option in above.Options.Where(o => o is not System.CommandLine.Help.HelpOption))
                {
                    string[] value = option.ValueType == typeof(bool) ? [] : [option is Option<int> or Option<int?> ? "2" : option.Name is "--type" ? "float32" : option.Name is "--device" ? "cpu" : "X"];
                    Assert.Contains($"{option.Name} belongs to `lab {string.Join(' ', PathOf(above))}`", Refused([.. PathOf(above), option.Name, .. value, below.Name]));
                    tried++;
                }
        Assert.True(tried > 15, $"{tried} tried");
        Assert.Contains("'some.jsonl' belongs to `lab eval`", Refused("eval", "some.jsonl", "world"));
        Assert.Contains("--methods belongs to `lab eval`, and `lab eval world` would pass over it", Refused("eval", "--methods", "NOSUCH", "--limit", "2", "--out", "X", "world", "--questions", "1"));
    }

    /// <summary>Every option that is declared is read by its command.</summary>
    [Fact]
    public void Every_declared_option_is_read()
    {
        var declared = 0;
        foreach (var file in Directory.EnumerateFiles(Repository.Path("lib", "Cli"), "*.cs"))
        {
            var text = File.ReadAllText(file);
            foreach (System.Text.RegularExpressions.Match variable in System.Text.RegularExpressions.Regex.Matches(text, @"var (\w+) = (?:new (?:Option<[^>]+>+\??|FreeTextOption|Argument<[^>]+>)|Options\.\w+(?:<\w+>)?)\("))
            {
                declared++;
                var name = variable.Groups[1].Value;
                if (name is "option") continue;          // made for several commands, and handed over
                Assert.True(System.Text.RegularExpressions.Regex.IsMatch(text, $@"(GetValue|GetRequiredValue|Read|Place)\({name}\)"), $"{Path.GetFileName(file)}: '{name}' is accepted and never read");
            }
        }
        Assert.True(declared > 120, $"{declared} options found");
    }

    [Theory]
    [InlineData("setting 'beta': none of the methods takes it", "eval", "world-1024-validation", "--methods", "SnapKV", "--betas", "1.1"), InlineData("--lengths does nothing here", "eval", "qasper", "--lengths", "512")]
    [InlineData("--per-task does nothing here", "eval", "longbench", "--per-task", "3"), InlineData("--kv-sizes does nothing here", "eval", "ruler", "--methods", "FullKV", "--kv-sizes", "64")]
    [InlineData("--shard does nothing here", "sweep", "data/sweeps/world.json", "--slurm", "2", "--shard", "1/2"), InlineData("--megabytes does nothing here", "bench", "load", "--megabytes", "5", "--file", "x")]
    [InlineData("--compare does nothing here", "report", "x", "--as", "csv", "--compare", "SnapKV"), InlineData("--out does nothing here", "report", "x", "--out", "y")]
    [InlineData("--scores does nothing here", "profile", "--methods", "SnapKV", "--scores", "x"), InlineData("--window does nothing here", "profile", "--methods", "FullKV", "--window", "4")]
    [InlineData("--methods '': name at least one of `lab methods`", "eval", "ruler", "--methods", ""), InlineData("--methods ' , ': name at least one of `lab methods`", "profile", "--methods", " , ")]
    [InlineData("'--export' and '--restart'", "train", "--config", "x", "--export", "--restart"), InlineData("'--export' and '--steps'", "train", "--config", "x", "--export", "--steps", "3")]
    [InlineData("'--greedy' and '--temperature'", "generate", "--model", "x", "--prompt", "a", "--greedy", "--temperature", "1")]
    public void An_option_that_would_do_nothing_is_refused(string wanted, params string[] arguments) => Assert.Contains(wanted, Refused(arguments));

    [Theory, InlineData("--seed", "3"), InlineData("--top-k", "3"), InlineData("--top-p", "0.5")]
    public void Settings_of_drawing_need_something_to_draw(string option, string value)
    {
        string[] call = ["generate", "--model", Repository.Path("data", "models", "world-4m"), "--prompt", "Anna", "-n", "1", option, value];
        Assert.Contains($"{option} does nothing here: the most likely token is chosen each time", Refused(call));
        Assert.Equal(0, Program.Run([.. call, "--temperature", "0.8"], TextWriter.Null));
    }

    [Theory, InlineData("data nowhere: nothing of it is used", "--data", "nowhere"), InlineData("dictionary words: nothing of it is used", "--dictionary", "words"), InlineData("first token full-first: nothing of it is used", "--first-token", "full-first")]
    public void What_no_question_of_a_suite_uses_is_refused(string wanted, string option, string value) =>
        Assert.Contains(wanted, Refused("eval", "world-1024-validation", "--model", Repository.Path("data", "models", "world-4m"), "--protocol", "agnostic", option, value, "--out", Inside("out")));

    /// <summary>Scripts call these with the same options for every method or data set: a note on the error stream, and the answer.</summary>
    [Theory]
    [InlineData("--beta", "select --tensors T --method SnapKV --kv-size 16 --beta 1.1"), InlineData("--kernel", "select --tensors T --method H2O --kv-size 16 --kernel 5"), InlineData("--pooling", "select --tensors T --method Knorm --kv-size 16 --pooling avg")]
    [InlineData("--reduction", "select --tensors T --method SnapKV --kv-size 16 --reduction max"), InlineData("--scores", "select --tensors T --method SnapKV --kv-size 16 --layers 1 --scores S")]
    [InlineData("--kv-heads", "budget --scores S --kv-size 64 --kv-heads 1"), InlineData("--dictionary", "metric --dataset qasper --predictions P --dictionary D")]
    public void A_setting_that_a_method_or_metric_lacks_is_noted(string option, string line)
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        HeadKvLab.Models.SafetensorsWriter.Write(Inside("T"), [("query", TorchSharp.torch.randn(2, 30, 8)), ("key", TorchSharp.torch.randn(1, 30, 8)), ("value", TorchSharp.torch.randn(1, 30, 8))]);
        File.WriteAllText(Inside("S"), """{"0-0": [1], "0-1": [2]}""");
        File.WriteAllText(Inside("P"), """{"pred": "a", "answers": ["a"]}""");
        var (code, error) = Child.Lab([.. line.Split(' ').Select(word => word switch { "T" or "S" or "P" => Inside(word), "D" => Repository.Path("tests", "fixtures", "metrics", "jieba"), _ => word })]).End();
        Assert.Equal(0, code);
        Assert.StartsWith($"note: {option} does nothing here: ", error);
    }
}
