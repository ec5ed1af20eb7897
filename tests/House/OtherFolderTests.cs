using System.CommandLine;
using HeadKvLab.Cli;

namespace HeadKvLab.Tests.House;

/// <summary>The program called from a folder that is not the repository: what it reads by default, and what its pages show, is there; what the user names is the user's.</summary>
public sealed class OtherFolderTests : FolderTests
{
    private static readonly string Lab = Repository.Path("bin", "HeadKvLab.dll");

    private static IEnumerable<Command> All(Command command) => command.Subcommands.SelectMany(All).Prepend(command);

    private string Run(string line) => Child.Output(Folder, "dotnet", [Lab, .. line.Split(' ')]);

    [Theory]
    [InlineData("eval world --lengths 512 --questions 1 --families single"), InlineData("heads show data/models/world-4m/heads/reasoning.json"), InlineData("model show data/models/world-4m")]
    [InlineData("plan --config data/configs/llama-3-8b.json --bandwidth 1555 --memory 40"), InlineData("tokens --model data/models/world-4m --text Anna"), InlineData("generate --model data/models/world-4m --prompt Anna -n 2")]
    [InlineData("budget --scores data/models/world-4m/heads/reasoning.json --kv-size 64"), InlineData("logits --model data/models/world-4m --ids 1,5 --out logits.safetensors"), InlineData("sweep data/sweeps/world.json --slurm 2")]
    [InlineData("bench decode --model data/models/world-4m --lengths 8 --contexts 16 --prompts 8 --kv-size 12 --repetitions 1 --json")]
    public void What_the_pages_show_works_everywhere(string line) => Assert.NotEqual("", Run(line));

    [Fact]
    public void Defaults_are_read_from_the_repository_and_results_go_to_the_callers_folder()
    {
        Run("eval world-1024-validation --methods SnapKV --kv-sizes 48 --limit 1 --out results/here");
        Assert.True(File.Exists(Inside("results/here/table.csv")));
        Run("eval data/suites/world-1024-validation.jsonl --methods SnapKV --kv-sizes 48 --limit 1");
        Assert.True(File.Exists(Inside("results/world-1024-validation-world-4m/table.csv")));
        Run("world make --lengths 512 --questions 1 --families single");
        Assert.NotEmpty(Directory.EnumerateFiles(Inside("data/suites")));
    }

    [Fact]
    public void A_file_of_the_callers_folder_comes_first()
    {
        Directory.CreateDirectory(Inside("data/models/world-4m/heads"));
        File.WriteAllText(Inside("data/models/world-4m/heads/reasoning.json"), """{"0-0": [1], "0-1": [3]}""");
        Assert.StartsWith("1 layers of 2 query heads", Run("heads show data/models/world-4m/heads/reasoning.json"));
    }

    /// <summary>Every path below data/ that an example reads is there, and is given to an option or argument that finds it from everywhere.</summary>
    [Fact]
    public void Every_example_names_what_is_there()
    {
        var seen = 0;
        foreach (var command in All(Program.Root()))
            foreach (System.Text.RegularExpressions.Match example in System.Text.RegularExpressions.Regex.Matches(command.Description ?? "", @"^\s*(?:Examples?:)?\s*lab (.+)$", System.Text.RegularExpressions.RegexOptions.Multiline))
            {
                string[] words = example.Groups[1].Value.Split("  #")[0].Split(" && ")[0].Split(" > ")[0].Split(' ');
                for (var i = 0; i < words.Length; i++)
                {
                    if (!words[i].StartsWith("data/", StringComparison.Ordinal) || words[i - 1] == "--out") continue;
                    if (words[i - 1].StartsWith('-')) Assert.Contains(words[i - 1], HeadKvLab.Cli.Repository.Inputs);
                    Assert.True(Path.Exists(Repository.Path(words[i].Split('/'))), $"{example.Value}: {words[i]} is not there");
                    seen++;
                }
            }
        Assert.True(seen > 10, $"{seen} paths in examples");
    }
}
