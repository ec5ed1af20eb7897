using HeadKvLab.Calibration;
using HeadKvLab.Compression;

namespace HeadKvLab.Tests.Calibration;

/// <summary>Which files of a folder become which tables, and the card that names the weights they were measured on.</summary>
public sealed class CalibrationFolderTests : FolderTests
{
    private static readonly HeadKvLab.Models.ModelConfig Config = Repository.Model.Config;

    private string Scores(string name, double first)
    {
        var scores = new HeadScores(Config.Layers, Config.QueryHeads);
        scores.Add([first, .. Enumerable.Repeat(1.0, Config.Layers * Config.QueryHeads - 1)]);
        HeadScoreFile.Write(Inside(name), scores, new HeadScoreCard("abc", "eq1", "retrieval", "clean", 1, 1, 0));
        return Inside(name);
    }

    [Fact]
    public void Each_kind_has_its_file_and_what_is_no_table_of_files_is_none()
    {
        Scores("retrieval.json", 2);
        Scores("reasoning.json", 3);
        var tables = CalibrationFolder.Open(Folder, Config);
        Assert.Equal((2, 3), (tables.Get(TableKinds.Retrieval)[0, 0], tables.Get(TableKinds.RetrievalReasoning)[0, 0]));
        Assert.Null(tables.Find(TableKinds.EnhancedRetrieval));
        Assert.Null(tables.Find(TableKinds.DuoGates));
        File.WriteAllText(Inside("other.tsv"), "1");
        Assert.Null(tables.Find(new TableKind<HeadImportance>("other", "other.tsv", "others' tables", "measure them")));
    }

    [Fact]
    public void One_file_of_scores_serves_every_kind_of_scores()
    {
        var tables = CalibrationFolder.Open(Scores("mine.json", 2), Config);
        Assert.All(TableKinds.HeadScores, kind => Assert.Equal(2, tables.Get(kind)[0, 0]));
        Assert.Null(tables.Find(TableKinds.DuoGates));
    }

    [Fact]
    public void A_folder_without_tables_is_refused_with_the_names_and_the_cure() =>
        Assert.Equal($"{Folder}: holds none of retrieval.json, enhanced-retrieval.json, reasoning.json, kvzip.json, full_attention_heads.tsv, prefix.json, change.json, filters.json, moments.json, utility.json, lukv.npy, share.json, latent.json; `lab heads score --out {Folder}` writes the head scores",
            Assert.Throws<LabException>(() => CalibrationFolder.Open(Folder, Config)).Message);

    [Fact]
    public void Scores_of_other_weights_are_refused_where_the_weights_are_known()
    {
        var path = Scores("mine.json", 2);
        Assert.Equal(2, CalibrationFolder.Open(path, Config, () => "abc").Get(TableKinds.Retrieval)[0, 0]);
        Assert.Equal($"{path}: its card says that it was measured on model abc, this model is abd (both are the first digits of the weights' SHA-256): measure this model's with `lab heads score`; "
            + "to use another model's all the same, remove the card beside the file", Assert.Throws<LabException>(() => CalibrationFolder.Open(path, Config, () => "abd")).Message);
        File.Delete(path + ".card.json");
        Assert.Equal(2, CalibrationFolder.Open(path, Config, () => "abd").Get(TableKinds.Retrieval)[0, 0]);
    }
}
