using HeadKvLab.Cache;

namespace HeadKvLab.Tests.Cache;

/// <summary>What a recall chose, head by head: runs that are joined, entries that are counted once, and choices that cannot be.</summary>
public sealed class RecallChoiceTests
{
    /// <summary>Two query heads read a KV head of ten entries: 0 to 4 and 7, then 3, 4 and 8. Seven entries are read, 3 and 4 of them twice; of the next token, which reads one, nothing of this is left.</summary>
    [Fact]
    public void Neighbours_are_joined_and_a_group_reads_an_entry_once()
    {
        var choice = new RecallChoice();
        Begin(choice, 2, 10);
        Assert.Equal(2, choice.Group);
        Choose(choice, (0, 2), (2, 3), (5, 0), (7, 1));
        Choose(choice, (3, 2), (8, 1));
        Assert.Equal(7, choice.End());
        Assert.Equal([new(0, 5), new(7, 1)], choice[0].ToArray());
        Assert.Equal([new(3, 2), new(8, 1)], choice[1].ToArray());
        Begin(choice, 2, 10);
        Choose(choice, (9, 1));
        Choose(choice, (9, 1));
        Assert.Equal(1, choice.End());
    }

    /// <summary>All of it is told by no number, whatever it was chosen by; entries that a window hides are not part of it.</summary>
    [Fact]
    public void Everything_that_is_seen_is_everything()
    {
        var choice = new RecallChoice();
        Begin(choice, 2, 10, first: 4);
        choice.Next();
        choice.AddAll();
        Choose(choice, (4, 3), (7, 3));
        Assert.Null(choice.End());
        Begin(choice, 2, 10, first: 4);
        choice.Next();
        choice.AddAll();
        Choose(choice, (4, 5));
        Assert.Equal(6, choice.End());
    }

    /// <summary>The entry that stands for dropped ones is there before anything is chosen, and choosing it, too, changes nothing.</summary>
    [Fact]
    public void What_stands_for_dropped_entries_is_chosen_already()
    {
        var choice = new RecallChoice();
        Begin(choice, 2, 10, summarised: true);
        Choose(choice, (0, 2), (6, 1));
        Choose(choice);
        Assert.Equal(3, choice.End());
        Assert.Equal([new(0, 2), new(6, 1)], choice[0].ToArray());
        Assert.Equal([new(0, 1)], choice[1].ToArray());
    }

    /// <summary>The same object serves tokens of few query heads and of many.</summary>
    [Fact]
    public void It_grows_with_the_query_heads()
    {
        var choice = new RecallChoice();
        foreach (var queryHeads in (int[])[1, 2, 3, 8])
        {
            Begin(choice, queryHeads, 5);
            for (var q = 0; q < queryHeads; q++) Choose(choice, (q % 5, 1));
            Assert.Equal(Math.Min(queryHeads, 5), choice.End());
        }
    }

    [Fact]
    public void Heads_without_a_choice_and_choices_without_a_head_are_refused()
    {
        var choice = new RecallChoice();
        Begin(choice, 2, 10);
        choice.Next();
        Assert.StartsWith("query head 0: a recall chose no entry", Assert.Throws<InvalidOperationException>(choice.Next).Message);
        Begin(choice, 2, 10);
        Choose(choice, (0, 1));
        Assert.Equal("a recall chose for 1 of 2 query heads", Assert.Throws<InvalidOperationException>(() => choice.End()).Message);
        Choose(choice, (0, 1));
        Assert.Equal("a recall chooses for more than the 2 query heads of the layer", Assert.Throws<InvalidOperationException>(choice.Next).Message);
        Begin(choice, 2, 10, first: 3);
        choice.Next();
        Assert.Equal("query head 0: a recall chose entries 8 to 10: they must ascend and be among entries 3 to 9, which the token sees", Assert.Throws<InvalidOperationException>(() => choice.Add(8, 3)).Message);
    }

    /// <summary>One KV head of some entries, of which the first are hidden.</summary>
    private static void Begin(RecallChoice choice, int queryHeads, int entries, int first = 0, bool summarised = false)
    {
        choice.Begin(1, queryHeads);
        choice.Sees(0, first, entries - first, summarised);
    }

    private static void Choose(RecallChoice choice, params (int First, int Count)[] runs)
    {
        choice.Next();
        foreach (var (first, count) in runs) choice.Add(first, count);
    }
}
