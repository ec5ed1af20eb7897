using HeadKvLab.Calibration;
using HeadKvLab.Compression;
using HeadKvLab.Tests.Compression;

namespace HeadKvLab.Tests.Calibration;

/// <summary>The commands that measure KVzip's head scores and utility curves, the tables that are shipped, and a prompt that is read twice from the command line.</summary>
[Collection("console")]
public sealed class TableCommandTests : FolderTests
{
    private static readonly string Model = Repository.Model.DirectoryName;

    [Fact]
    public void Kvzip_writes_head_scores_and_tells_how_well_the_model_copies()
    {
        var (code, _, error) = CommandTests.Lab("heads", "kvzip", "--model", Model, "--prompts", "2", "--shortest", "120", "--longest", "160", "--replay", "64", "--out", Folder);
        Assert.Equal(0, code);
        Assert.Matches(@"read again in pieces of 64: \d\.\d{3} nats a token, \d+\.\d% of 27\d tokens copied; in the first reading \d\.\d{3} nats", error);
        var card = HeadScoreFile.ReadCard(Inside("kvzip.json"))!;
        Assert.Equal((Repository.Model.Hash, "kvzip, largest", 2), (card.ModelHash, card.Score, card.TestsPassed));
        Assert.Contains("nats a token", card.Protocol);
        var table = CalibrationFolder.Open(Folder, Repository.Model.Config, () => Repository.Model.Hash);
        Assert.All(table.Get(TableKinds.Reconstruction).Values.ToArray(), score => Assert.InRange(score, 0, 1));
        Assert.Equal("HeadKV-KVzip", Catalogue.Find("HeadKV-KVzip").Create(null, table).Name);
        Assert.Contains("replay=N", CommandTests.Lab("heads", "kvzip", "--model", Model, "--prompts", "1", "--longest", "8000", "--out", Folder).Error);
    }

    [Fact]
    public void Utility_writes_both_tables()
    {
        var (code, _, error) = CommandTests.Lab("heads", "utility", "--model", Model, "--lengths", "1", "--shortest", "256", "--longest", "256", "--depths", "1", "--out", Folder);
        Assert.Equal(0, code);
        Assert.Contains("8 of 8 tests counted", error);
        var tables = CalibrationFolder.Open(Folder, Repository.Model.Config, () => Repository.Model.Hash);
        Assert.IsType<UtilityCurves>(tables.Get(TableKinds.Utility));
        Assert.IsType<RemovalCurves>(tables.Get(TableKinds.LuKv));
    }

    /// <summary>What is shipped is this model's, and small.</summary>
    [Theory]
    [InlineData("kvzip.json", "HeadKV-KVzip"), InlineData("utility.json", "Utility-SnapKV"), InlineData("lukv.npy", "LU-KV")]
    public void The_shipped_tables_are_this_model_s(string name, string method)
    {
        var path = Path.Combine(Model, "heads", name);
        Assert.InRange(new FileInfo(path).Length, 1, 200_000);
        Assert.Equal(Repository.Model.Hash, HeadScoreFile.ReadCard(path)!.ModelHash);
        Assert.True(Catalogue.Find(method).IsReady(CalibrationFolder.Load(Model, Repository.Model.Config, () => Repository.Model.Hash)));
    }

    [Fact]
    public void A_prompt_is_read_twice_from_the_command_line()
    {
        string[] call = ["generate", "--model", Model, "--prompt", "Anna lives in the north . Bert lives in the south . Anna", "-n", "3"];
        var (code, _, error) = CommandTests.Lab([.. call, "--method", "KVzip+ replay=8", "--kv-size", "9"]);
        Assert.Equal(0, code);
        Assert.Contains("216 entries kept of the prompt", error);      // 24 heads of 9
        Assert.Contains("decides once, after the prompt", CommandTests.Lab([.. call, "--method", "KVzip every 2", "--kv-size", "9"]).Error);
    }
}
