using HeadKvLab.Evaluation.Runs;

namespace HeadKvLab.Tests.Evaluation.Runs;

/// <summary>A folder's tables: more of a name, or fewer, but not others.</summary>
public sealed class FolderTableTests : FolderTests
{
    private static FolderCard Card(params (string Name, string Hash)[] tables) => SomeRows.Card() with
    {
        Tables = new(tables.GroupBy(t => t.Name).ToDictionary(g => g.Key, g => new SortedDictionary<string, string>(g.ToDictionary(t => t.Hash, t => $"{t.Hash}.json")))),
    };

    private string Opened(params (string Name, string Hash)[] tables)
    {
        ResultFolder.Open(Folder, Card(tables)).Dispose();
        return string.Join(' ', ResultFolder.ReadCard(Folder)!.Tables.SelectMany(t => t.Value.Select(one => $"{t.Key}={one.Key}:{one.Value}")));
    }

    [Fact]
    public void Runs_may_add_names_and_tables_and_use_fewer()
    {
        Assert.Equal("", Opened());
        Assert.Equal("r=a:a.json", Opened(("r", "a")));
        Assert.Equal("q=a:a.json r=a:a.json", Opened(("q", "a")));
        Assert.Equal("q=a:a.json r=a:a.json r=b:b.json", Opened(("r", "b"), ("r", "a")));
        Assert.Equal("q=a:a.json r=a:a.json r=b:b.json", Opened(("r", "b")));
        Assert.Equal("q=a:a.json r=a:a.json r=b:b.json", Opened());
    }

    [Fact]
    public void Other_tables_of_a_name_are_refused()
    {
        Opened(("r", "a"), ("q", "a"));
        Assert.Contains("its table 'r' is a (a.json), not b (b.json); give another --out", Assert.Throws<LabException>(() => Opened(("r", "b"))).Message);
        Opened(("r", "a"), ("r", "b"));
        Assert.Contains("its table 'r' is a (a.json) and b (b.json), not b (b.json) and c (c.json)", Assert.Throws<LabException>(() => Opened(("r", "b"), ("r", "c"))).Message);
        Assert.Contains("its table 'q' is a (a.json), not r (r.json)", Assert.Throws<LabException>(() => Opened(("q", "r"))).Message);
        Assert.Equal("q=a:a.json r=a:a.json r=b:b.json", Opened());
    }

    [Fact]
    public void Shards_of_different_tables_are_not_joined()
    {
        for (var i = 1; i <= 2; i++)
        {
            using var shard = ResultFolder.Open(Inside($"shard-{i}-of-2"), Card(("r", i == 1 ? "a" : "b")) with { Shard = $"{i}/2", ShardSamples = 1, Samples = 2 });
            shard.Add(SomeRows.Row(i));
        }
        Assert.Contains("other data or other head scores than", Assert.Throws<LabException>(() => ShardMerge.Join(Folder)).Message);
    }
}
