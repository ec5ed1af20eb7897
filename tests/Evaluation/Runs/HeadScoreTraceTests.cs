using System.Text.Json;
using System.Text.Json.Nodes;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Calibration;

namespace HeadKvLab.Tests.Evaluation.Runs;

/// <summary>Rows say which head scores they were made with, which settings, and which build answered; on one question of the bundled model.</summary>
public sealed class HeadScoreTraceTests : FolderTests
{
    private static readonly string Shipped = Repository.Path("data", "models", "world-4m", "heads", "reasoning.json");

    public HeadScoreTraceTests()
    {
        File.WriteAllText(Inside("one.jsonl"), File.ReadLines(Repository.Path("data", "suites", "world-1024-validation.jsonl")).First() + "\n");
        File.Copy(Shipped, Inside("measured.json"));
        var heads = JsonNode.Parse(File.ReadAllText(Shipped))!.AsObject().ToDictionary(head => head.Key, head => head.Value!.AsArray().Average(score => (double)score!));
        File.WriteAllText(Inside("reversed.json"), JsonSerializer.Serialize(heads.ToDictionary(head => head.Key, head => (double[])[heads.Values.Max() - head.Value])));
    }

    private string HashOf(string file) => HeadScoreFile.Read(Inside(file)).Means().Hash;

    private (int Code, string Error) Eval(string methods, params string[] more) => Child.Lab(["eval", Inside("one.jsonl"), "--methods", methods, "--kv-sizes", "48", "--out", Inside("out"), .. more]).End();

    private IReadOnlyList<EvalRow> Rows(string folder = "out") => RowJournal.Read(Path.Combine(Inside(folder), "rows.jsonl"));

    [Fact]
    public void Other_scores_in_the_same_folder_are_refused_by_name()
    {
        File.Copy(Inside("measured.json"), Inside("scores.json"));
        Assert.Equal((0, ""), Quiet(Eval("SnapKV,HeadKV-R2", "--scores", Inside("scores.json"))));
        Assert.Equal([$"HeadKV-R2 reasoning={HashOf("measured.json")}"], Rows().Where(r => r.Variant.Tables.Any()).Select(r => $"{r.Variant.Method} {r.Variant.Tables}"));
        Assert.Equal(Inside("scores.json"), ResultFolder.ReadCard(Inside("out"))!.Tables["reasoning"][HashOf("measured.json")]);
        var before = File.ReadAllText(Path.Combine(Inside("out"), "rows.jsonl"));

        File.Copy(Inside("reversed.json"), Inside("scores.json"), overwrite: true);       // the same command, another table
        var (code, error) = Eval("SnapKV,HeadKV-R2", "--scores", Inside("scores.json"));
        Assert.Equal(2, code);
        Assert.Contains($"results of other tables: its table 'reasoning' is {HashOf("measured.json")} ({Inside("scores.json")}), not {HashOf("reversed.json")}", error);
        Assert.Equal(before, File.ReadAllText(Path.Combine(Inside("out"), "rows.jsonl")));

        Assert.Equal((0, ""), Quiet(Eval("SnapKV,HeadKV-R2")));                           // the model's own are the first table
        Assert.Equal((0, ""), Quiet(Eval("SnapKV,RazorAttention")));                      // a table of another name is no other table
        Assert.Equal(before, string.Concat(File.ReadLines(Path.Combine(Inside("out"), "rows.jsonl")).Take(3).Select(line => line + "\n")));
        Assert.Equal(["reasoning", "retrieval"], ResultFolder.ReadCard(Inside("out"))!.Tables.Keys);
    }

    [Fact]
    public void Scores_of_other_weights_are_refused_where_a_card_names_them()
    {
        File.WriteAllText(Inside("measured.json.card.json"), File.ReadAllText(Shipped + ".card.json"));
        Assert.Equal((0, ""), Quiet(Eval("HeadKV-R2", "--scores", Inside("measured.json"))));
        File.WriteAllText(Inside("measured.json.card.json"), File.ReadAllText(Shipped + ".card.json").Replace("a046b8c45fb7e322", "0123456789abcdef", StringComparison.Ordinal));
        foreach (var (code, error) in new[] { Eval("HeadKV-R2", "--scores", Inside("measured.json")),
            Child.Lab("profile", "--methods", "HeadKV-R2", "--scores", Inside("measured.json"), "--contexts", "64", "--kv-sizes", "16", "--generate", "1", "--repetitions", "1").End() })
        {
            Assert.Equal(2, code);
            Assert.Contains("measured.json: its card says that it was measured on model 0123456789abcdef, this model is a046b8c45fb7e322", error);
            Assert.Contains("remove the card", error);
        }
    }

    [Fact]
    public void A_sweep_compares_scores_and_its_report_tells_them_apart()
    {
        File.WriteAllText(Inside("grid.json"), JsonSerializer.Serialize(new { suites = (string[])[Inside("one.jsonl")], methods = (string[])["FullKV", "SnapKV", "HeadKV-R2"], kvSizes = (int[])[48], scores = (string[])[Inside("measured.json"), Inside("reversed.json"), Shipped] }));
        Assert.Equal((0, ""), Quiet(Child.Lab("sweep", Inside("grid.json"), "--out", Inside("out")).End()));
        var (measured, reversed) = (HashOf("measured.json"), HashOf("reversed.json"));
        Assert.Equal(4, Rows().Count);                                                    // equal tables once, whatever their files
        Assert.Equal([measured, reversed], Rows().Where(r => r.Variant.Method == "HeadKV-R2").Select(r => r.Variant.Tables["reasoning"]));
        Assert.Single(Rows().Where(r => r.Variant.Method == "HeadKV-R2").Select(r => r.Variant.Settings).Distinct());
        var report = Child.Output(Folder, "dotnet", Repository.Path("bin", "HeadKvLab.dll"), "report", Inside("out"));
        foreach (var words in (string[])[$"| HeadKV-R2, reasoning {measured[..8]} |", $"| HeadKV-R2, reasoning {reversed[..8]} |", $"table 'reasoning': {measured} ({Inside("measured.json")})", $"table 'reasoning': {reversed} ({Inside("reversed.json")})", "- program 0.1.0, commit "])
            Assert.Contains(words, report);
        Assert.Contains($"reasoning={reversed}", File.ReadAllText(Path.Combine(Inside("out"), "table.csv")));
        Assert.Contains(reversed, File.ReadAllText(Path.Combine(Inside("out"), "table.md")));

        Assert.Equal((0, ""), Quiet(Child.Lab("sweep", Inside("grid.json"), "--scores", Inside("reversed.json"), "--out", Inside("out")).End()));     // fewer of the same
        Assert.Equal(4, Rows().Count);
        Assert.Equal(2, ResultFolder.ReadCard(Inside("out"))!.Tables["reasoning"].Count);
    }

    [Fact]
    public void A_default_that_is_given_makes_no_second_row()
    {
        Assert.Equal((0, ""), Quiet(Eval("HeadKV-R2,HeadKV-R2-shuffled")));
        var before = File.ReadAllText(Path.Combine(Inside("out"), "rows.jsonl"));
        Assert.Equal((0, ""), Quiet(Eval("HeadKV-R2", "--betas", "1.01,1.010", "--set", "kernel=7")));
        Assert.Equal((0, ""), Quiet(Eval("HeadKV-R2 temperature=1.0")));
        Assert.Equal(before, File.ReadAllText(Path.Combine(Inside("out"), "rows.jsonl")));
        Assert.Equal((0, ""), Quiet(Eval("HeadKV-R2", "--betas", "2", "--set", "kernel=5")));
        Assert.Equal("kernel=5 pooling=max reduction=mean beta=2 temperature=1 head-reduction=mean", Rows()[^1].Variant.Settings.ToString());
        Assert.All(Rows().Where(r => r.Variant.Method == "HeadKV-R2"), r => Assert.Equal(6, r.Variant.Settings.Count()));
        Assert.Contains("| HeadKV-R2, kernel 5, beta 2 |", File.ReadAllText(Path.Combine(Inside("out"), "table.md")));
    }

    [Theory]
    [InlineData("SnapKV beta=2", "", "SnapKV takes no setting 'beta'"), InlineData("SnapKV", "--betas 2", "setting 'beta': none of the methods takes it"), InlineData("SnapKV", "--set sinks=2", "setting 'sinks'")]
    [InlineData("SnapKV", "--set kernel", "write name=value"), InlineData("SnapKV", "--set kernel=5 --set kernel=7", "given twice"), InlineData("SnapKV", "--scores nowhere", "none of the methods uses head scores")]
    [InlineData("HeadKV-R2", "--scores nowhere", "nowhere: cannot be read"), InlineData("HeadKV-R2", "--scores tests", "tests: holds none of retrieval.json, enhanced-retrieval.json, reasoning.json")]
    public void What_is_not_used_or_not_there_is_refused(string methods, string more, string named)
    {
        var (code, error) = Eval(methods, more.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(2, code);
        Assert.Contains(named, error);
        Assert.False(Directory.Exists(Inside("out")));
    }

    [Fact]
    public void A_folder_of_scores_serves_each_method_its_own_and_one_that_lacks_a_table_is_refused()
    {
        Directory.CreateDirectory(Inside("heads"));
        File.Copy(Inside("reversed.json"), Path.Combine(Inside("heads"), "reasoning.json"));
        Assert.Equal((0, ""), Quiet(Eval("HeadKV-R2", "--scores", Inside("heads"))));
        Assert.Equal(HashOf("reversed.json"), Rows().Single(r => r.Variant.Method == "HeadKV-R2").Variant.Tables["reasoning"]);
        var (code, error) = Eval("HeadKV-R", "--scores", Inside("heads"));
        Assert.Equal((2, true), (code, error.Contains("HeadKV-R needs head scores (Eq. 1 on retrieval needles)")));
    }

    [Fact]
    public void Beta_is_chosen_with_the_scores_that_it_names()
    {
        File.WriteAllLines(Inside("two.jsonl"), File.ReadLines(Repository.Path("data", "suites", "world-1024-validation.jsonl")).DistinctBy(line => (string)JsonNode.Parse(line)!["context"]!).Take(2));
        var (code, error) = Child.Lab("beta", Inside("two.jsonl"), "--kv-sizes", "48", "--betas", "1.01,5", "--split", "0.5", "--no-leaky", "--scores", Inside("reversed.json"), "--out", Inside("beta")).End();
        Assert.True(code == 0, error);
        foreach (var part in (string[])["validation", "test"]) Assert.All(Rows(Path.Combine("beta", part)), r => Assert.Equal(HashOf("reversed.json"), r.Variant.Tables["reasoning"]));
        var report = File.ReadAllText(Path.Combine(Inside("beta"), "beta.md"));
        Assert.Contains("| 48 | beta 1.01 |", report);                                    // of equals the default, which is then the fixed one as well
        Assert.Contains($"table 'reasoning': {HashOf("reversed.json")} ({Inside("reversed.json")})", report);
    }

    [Fact]
    public void Rows_and_folder_carry_commit_and_build_date()
    {
        Assert.Equal((0, ""), Quiet(Eval("SnapKV")));
        var (card, program) = (ResultFolder.ReadCard(Inside("out"))!, Repository.Path("bin", "HeadKvLab.dll"));
        var built = File.GetLastWriteTimeUtc(program).ToString("yyyy-MM-ddTHH:mm:ssZ", System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal((ProgramBuild.Current.Version, ProgramBuild.Current.Commit, built), (card.Program, card.Commit, card.Built));
        Assert.All(Rows(), row => Assert.Equal((card.Program, card.Commit, card.Built, "cpu"), (row.Program, row.Commit, row.Built, row.Device)));
        Assert.Matches(Path.Exists(Repository.Path(".git")) ? "^[0-9a-f]{40}(-modified)?$" : "^unknown$", card.Commit);
    }

    [Theory]
    [InlineData("0.1.0", "unknown"), InlineData(null, "unknown"), InlineData("0.1.0+", "unknown"), InlineData("0.1.0+ab12", "ab12"), InlineData("0.1.0+ab12-modified", "ab12-modified")]
    public void A_build_without_git_says_so(string? informationalVersion, string commit) => Assert.Equal(commit, ProgramBuild.CommitOf(informationalVersion));

    /// <summary>Only progress was told.</summary>
    private static (int, string) Quiet((int Code, string Error) end) => (end.Code, string.Concat(end.Error.Split('\n').Where(line => line.Length > 0 && !line.Contains(" samples"))));
}
