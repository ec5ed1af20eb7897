using HeadKvLab.Evaluation.Suites;
using HeadKvLab.World;

namespace HeadKvLab.Tests.Training;

/// <summary>Conversations of the world.</summary>
public sealed class WorldSessionTests : FolderTests
{
    /// <summary>Six contexts are a whole square: each family once in each turn, and after each other family at most once.</summary>
    [Fact]
    public void Families_take_the_turns_by_a_Latin_square()
    {
        var suite = WorldSessions.Make(WorldSplit.Validation, 512, contexts: 6, turns: 6);
        for (var turn = 0; turn < 6; turn++) Assert.Equal(6, suite.Contexts.Select(c => c.Questions[turn].Family).Distinct().Count());
        Assert.All(suite.Contexts, c => Assert.Equal(6, c.Questions.Select(q => q.Family).Distinct().Count()));
        var pairs = suite.Contexts.SelectMany(c => c.Questions.Zip(c.Questions.Skip(1), (a, b) => (a.Family, b.Family))).ToArray();
        Assert.Equal(30, pairs.Distinct().Count());
        Assert.Contains("give 1 to 6", Assert.Throws<LabException>(() => WorldSessions.Make(WorldSplit.Validation, 512, 1, 7)).Message);
    }

    [Fact]
    public void The_file_is_what_is_made_and_is_read_as_made()
    {
        var (made, path) = (WorldSessions.Make(WorldSplit.Test, 2048), Repository.Path("data", "suites", "scworld-2048.jsonl"));
        made.SaveSessions(Inside("again.jsonl"));
        Assert.Equal(File.ReadAllText(path), File.ReadAllText(Inside("again.jsonl")));
        var options = new SuiteOptions { CountTokens = _ => 0, OwnDirectory = Repository.Path("data", "suites") };
        foreach (var name in (string[])["scworld-2048-turns", "scworld-2048-requests"])
        {
            var (read, expected) = (SuiteCatalogue.Open(name, options), made.ToSessions());
            Assert.Equal(name, read.Name);
            Assert.Equal(24, read.Sessions().Count);
            Assert.Equal(made.Contexts.Select(c => c.Id), read.Sessions().Select(s => s.Key));
            Assert.Equal(expected.Sets.Select(s => (s.Dataset, s.Hash())), read.Sets.Select(s => (s.Dataset, s.Hash())));
            Assert.All(read.Sets, set => Assert.Equal(Enumerable.Repeat(4, 5), set.Samples.CountBy(s => s.Turn).Select(c => c.Value)));
        }
        Assert.Equal(("turns-golden", "requests", "standard"), (SuiteCatalogue.UsualProtocol("scworld-2048-turns"), SuiteCatalogue.UsualProtocol("scworld-2048-requests"), SuiteCatalogue.UsualProtocol("world-2048-test")));
    }

    /// <summary>No context of the suites of single questions stands in them.</summary>
    [Fact]
    public void Contexts_are_of_their_own()
    {
        var single = WorldSuite.Load(Repository.Path("data", "suites", "world-2048-test.jsonl")).Contexts.Select(c => c.Text).ToHashSet();
        Assert.DoesNotContain(WorldSessions.Make(WorldSplit.Test, 2048).Contexts, c => single.Contains(c.Text));
    }
}
