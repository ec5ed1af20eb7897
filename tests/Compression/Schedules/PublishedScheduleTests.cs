using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Bidders;
using HeadKvLab.Compression.Schedules;
using HeadKvLab.Compression.Scorers;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression.Schedules;

/// <summary>PrefixKV's slot and FastGen's rungs while text is generated.</summary>
public sealed class PublishedScheduleTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    /// <summary>A prompt of 100 of which 50 were kept: nothing leaves at 101 tokens, entry 25 at 102, then at every second.</summary>
    [Fact]
    public void PrefixKV_holds_the_share_of_the_text_by_one_slot()
    {
        var entries = 50;
        for (var t = 101; t <= 140; t++)
        {
            var slot = FixedSlot.Drop(++entries, t, 50, 100);
            Assert.Equal(t % 2 == 0 ? 25 : null, slot);
            if (slot is not null) entries--;
        }
        Assert.Equal(70, entries);
        Assert.Equal(35, FixedSlot.Drop(62, 101, 60, 100));        // 60 kept: 25 before the end
        Assert.Equal(1, FixedSlot.Drop(28, 101, 26, 100));         // 26 kept: just behind the first
        Assert.Equal(12, FixedSlot.Drop(27, 101, 25, 100));        // 25 kept: the middle
        Assert.Equal(10, FixedSlot.Drop(25, 30, 20, 26));          // 20 kept: 25 before the end is before the first: their middle
        Assert.Null(FixedSlot.Drop(100, 100, 100, 100));           // all of it is kept: nothing ever leaves
        Assert.Equal(0, FixedSlot.Drop(2, 200, 1, 1000));          // one entry kept: its middle is itself
    }

    [Fact]
    public void The_slot_slides_through_a_cache()
    {
        var text = new MadeUpText(60);
        using var cache = text.Compress(CachePolicy.Parse("PrefixKV published"), new Budget(20, 4), 40);
        var stored = Enumerable.Range(0, 4).Select(i => cache[i / 2].Positions(i % 2).ToArray().ToList()).ToArray();
        int[] kept = [.. stored.Select(positions => positions.Count)];
        for (var t = 41; t <= 60; t++)
        {
            text.Step(cache);
            for (var i = 0; i < 4; i++)
            {
                stored[i].Add(t - 1);
                if (FixedSlot.Drop(stored[i].Count, t, kept[i], 40) is { } slot) stored[i].RemoveAt(slot);
                Assert.Equal(stored[i], cache[i / 2].Positions(i % 2).ToArray());
            }
        }
    }

    /// <summary>Every head beside a naive program: rungs from the prompt, then the rule of the paper's second algorithm on lists. Together the heads stand on each of the five rungs.</summary>
    [Theory]
    [InlineData(0, 0.3, 0.3, "0 0 0 0"), InlineData(0.15, 0.3, 0.3, "1 1 1 1"), InlineData(0.25, 0.2, 0.5, "2 1 2 1"), InlineData(0.7, 0.3, 0.3, "3 2 3 2"), InlineData(0.8, 0.3, 0.3, "3 3 3 3"),
        InlineData(0.7, 0.1, 0.2, "3 4 4 4"), InlineData(0.999, 0.3, 0.3, "4 4 4 4")]
    public void FastGen_stays_on_the_rungs_of_the_prompt(double threshold, double local, double frequent, string climbed)
    {
        const int prompt = 30, window = 2, end = 64;
        var text = new MadeUpText(end);
        var ladder = new Ladder(local, frequent);
        CachePolicy policy = new(new Method("FastGen", ladder, new LadderSteps(ladder, threshold)), new LadderUpkeep(ladder, threshold));
        using var cache = text.Compress(policy, new Budget(8, window, BudgetRule.AsPublished), prompt);
        var (stored, sums, rungs) = (new List<int>[4], new Dictionary<(int, int), double>(), new int[4]);
        for (var i = 0; i < 4; i++)
        {
            stored[i] = [.. cache[i / 2].Positions(i % 2)];
            rungs[i] = ladder.Rungs(text.View(i / 2, prompt, ladder.Needs(window)), 2, window).Cheapest(i % 2, threshold);
            for (var t = 0; t < prompt; t++)
                for (var q = 0; q < 2; q++)
                    foreach (var (weight, p) in text.Attention(i / 2, 2 * (i % 2) + q, t, [.. Enumerable.Range(0, prompt)]).Select((weight, p) => (weight, p))) sums[(i, p)] = sums.GetValueOrDefault((i, p)) + weight;
        }
        Assert.Equal(climbed, string.Join(' ', rungs));
        for (var token = prompt; token < end; token++)
        {
            text.Step(cache);
            for (var i = 0; i < 4; i++)
            {
                stored[i].Add(token);
                for (var q = 0; q < 2; q++)
                    foreach (var (weight, place) in text.Attention(i / 2, 2 * (i % 2) + q, token, stored[i]).Select((weight, place) => (weight, place)))
                        sums[(i, stored[i][place])] = sums.GetValueOrDefault((i, stored[i][place])) + weight;
                if (rungs[i] < 4)
                {
                    var n = token + 1;
                    bool Safe(int p) => p >= n - window || MadeUpText.Kind(p) == TokenKind.Special || (rungs[i] >= 1 && MadeUpText.Kind(p) == TokenKind.Punctuation) || (rungs[i] == 3 && p >= n - Math.Max(1, (int)(local * n)));
                    var heavy = stored[i].Where(p => !Safe(p)).OrderByDescending(p => sums[(i, p)]).Take(rungs[i] < 2 ? 0 : (int)Math.Ceiling(Math.Round(frequent * n, 9))).ToHashSet();
                    stored[i] = [.. stored[i].Where(p => Safe(p) || heavy.Contains(p))];
                }
                Assert.Equal(stored[i], cache[i / 2].Positions(i % 2).ToArray());
            }
        }
        if (threshold == 0) Assert.All(stored, positions => Assert.Equal(1 + window, positions.Count));
        if (threshold == 0.999) Assert.Contains(stored, positions => positions.Count == end);
    }

    [Fact]
    public void FastGens_rungs_are_whole_under_the_published_rule_alone()
    {
        var own = CachePolicy.Parse("FastGen published");
        Assert.StartsWith("FastGen published: while generating each head stays on the rung that its prompt chose, which the budget rule equal-entries cuts short: use as-published", Assert.Throws<LabException>(() => own.Schedule!.Begin(own.Method, new Budget(8), MadeUpText.Shape, 4)).Message);
    }
}
