using HeadKvLab.Cli;
using HeadKvLab.Evaluation.Runs;

namespace HeadKvLab.Tests.Training;

public sealed class EvalWorldTests
{
    [Fact]
    public void The_table_shows_mean_interval_and_count_of_each_family_and_length()
    {
        var rows = new List<(int, EvalRow)>();
        foreach (var length in (int[])[512, 2048])
            foreach (var family in HeadKvLab.World.WorldFamilies.Reported.Select(HeadKvLab.World.WorldFamilies.Name))
                for (var i = 0; i < 4; i++) rows.Add((length, Row(family, $"c{i}", right: length == 512 || (family == "code" && i < 2))));
        var lines = EvalWorldCommand.Table("Exact match", HeadKvLab.World.WorldFamilies.Reported, [512, 2048], rows, r => r.Score).Split('\n');
        Assert.Equal("| Exact match | 512 tokens | 2048 tokens |", lines[0]);
        Assert.Equal("| `single` | 1.00 [1.00, 1.00] (4) | 0.00 [0.00, 0.00] (4) |", lines[2]);
        Assert.StartsWith("| `code` | 1.00 [1.00, 1.00] (4) | 0.50 [0.", lines[7]);
    }

    [Theory]
    [InlineData("--lengths", "many", "--lengths 'many'")]
    [InlineData("--questions", "0", "--questions 0")]
    [InlineData("--families", "single,lists", "there is no 'lists' to ask for; choose from single")]
    [InlineData("--decode-weights", "int4", "Argument 'int4' not recognized")]
    [InlineData("--families", "code,code", "each can be named once")]
    public void Bad_options_are_named(string option, string value, string expected)
    {
        using var error = new StringWriter();
        Assert.Equal(2, Program.Run(["eval", "world", option, value], error));
        Assert.Contains(expected, error.ToString());
    }

    private static EvalRow Row(string family, string context, bool right) => new()
    {
        Suite = "s", Dataset = $"world_{family}", Context = context, Question = context, Protocol = "standard", Variant = Variant.Full, Seed = 0, Model = "m", Data = "d", FirstToken = "recompute-last",
        PromptTokens = 1, Heads = 1, Entries = 1, Bytes = 1, Prediction = right ? "a" : "b", Answers = ["a"], Metric = "exact_match", Score = right ? 1 : 0, NewTokens = 1, PrefillSeconds = 0, DecodeSeconds = 0,
    };
}
