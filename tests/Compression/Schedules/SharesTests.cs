using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Allocators;
using HeadKvLab.Compression.Schedules;
using HeadKvLab.Compression.Scorers;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression.Schedules;

/// <summary>How many entries heads go back to when a method chooses again, and what prompts shorter than budget and window make of it.</summary>
public sealed class SharesTests : IDisposable
{
    private const int Prompt = 40, Window = 4, B = 12;

    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    /// <summary>A prompt that fits grows up to the budget, and no further.</summary>
    [Theory]
    [InlineData("every 1", 2), InlineData("grown 3", 2), InlineData("every 1", 8)]
    public void A_prompt_that_fits_grows_up_to_the_budget(string schedule, int prompt)
    {
        var text = new MadeUpText(30);
        using var cache = text.Compress(CachePolicy.Parse($"SnapKV {schedule}"), new Budget(B, Window), prompt);
        Assert.Equal(prompt * 4, cache.Entries);
        for (var t = prompt; t < 30; t++)
        {
            text.Step(cache);
            var beyond = t + 1 - B;
            Assert.Equal(beyond <= 0 ? t + 1 : schedule == "every 1" ? B : B + beyond % 3, cache[1].Counts[0]);
        }
    }

    /// <summary>A prompt that fits makes no head equal: what the method gives a text of that length is what heads go back to, clipped no more than the text asks.</summary>
    [Fact]
    public void Shares_are_those_of_the_text_as_long_as_it_has_become()
    {
        var text = new MadeUpText(60);
        var importance = new HeadImportance(2, 4, [.. Enumerable.Range(1, 8).Select(x => (double)x)]);
        var method = new Method("h", new SnapKv(), new HeadKv(importance, 1.2));
        var budget = new Budget(B, Window);
        foreach (var (prompt, grown) in ((int, int)[])[(3, 0), (B, 0), (14, 0), (Prompt, 0), (3, 1), (14, 1), (3, 3), (Prompt, 3)])
        {
            using var cache = text.Compress(new(method, grown == 0 ? new Every() : new Grown(grown)), budget, prompt);
            var counts = Counts(cache);
            for (var t = prompt; t < 60; t++)
            {
                text.Step(cache);
                int[] shares = t + 1 <= B ? [.. Enumerable.Repeat(t + 1, 4)] : [.. PromptAllocation.OfModel(method, budget.Rule, BudgetFrame.Of(budget, 2, 2, 4, t + 1)).Select(entries => entries + Window)];
                counts = [.. counts.Select(count => count + 1)];
                if (counts.Zip(shares, (count, share) => count - share).Max() >= grown) counts = [.. counts.Zip(shares, Math.Min)];
                Assert.Equal(counts, Counts(cache));
            }
        }

        static int[] Counts(RaggedCache cache) => [.. cache[0].Counts, .. cache[1].Counts];
    }

    /// <summary>Allotted by a layer's scores, heads of a prompt that fits get their numbers when the text first exceeds the budget, and then hold them.</summary>
    [Theory]
    [InlineData(5), InlineData(8), InlineData(B)]
    public void A_layers_scores_allot_once(int prompt)
    {
        var text = new MadeUpText(60);
        using var cache = text.Compress(CachePolicy.Parse("Ada-SnapKV every 1"), new Budget(B, Window), prompt);
        int[] allotted = [];
        for (var t = prompt; t < 30; t++)
        {
            text.Step(cache);
            int[] counts = [.. cache[0].Counts, .. cache[1].Counts];
            if (t < B) Assert.Equal(Enumerable.Repeat(t + 1, 4), counts);
            else if (t == B) allotted = counts;
            Assert.True(t < B || allotted.SequenceEqual(counts), $"{t}: {string.Join(' ', counts)}");
        }
        Assert.Equal((2 * B, 2 * B), (allotted[0] + allotted[1], allotted[2] + allotted[3]));
        Assert.NotEqual(allotted[0], allotted[1]);
    }

    /// <summary>Under a bidder heads have no share to grow beyond: what counts is what each has got since the last choice.</summary>
    [Fact]
    public void Heads_that_compete_grow_from_choice_to_choice()
    {
        var text = new MadeUpText(60);
        using var cache = text.Compress(CachePolicy.Parse("KV-Compress grown 3"), new Budget(B, Window), Prompt);
        var entries = cache.Entries;
        for (var t = Prompt; t < 60; t++)
        {
            text.Step(cache);
            Assert.Equal(entries + 4 * ((t - Prompt + 1) % 3), cache.Entries);
        }
    }

    /// <summary>Prompts shorter than the window, of which everything is kept.</summary>
    [Theory]
    [InlineData("KV-Compress published", "equal-entries"), InlineData("FastGen published", "as-published"), InlineData("PrefixKV published", "equal-entries"), InlineData("SnapKV every 1", "equal-entries"), InlineData("EMS grown 2", "equal-bytes"), InlineData("KV-Compress-full every 3", "as-published")]
    public void A_prompt_may_be_shorter_than_the_window(string policy, string rule)
    {
        var text = new MadeUpText(20);
        using var cache = text.Compress(CachePolicy.Parse(policy), new Budget(10, 6, Names<BudgetRule>.Parse(rule, "")), 3);
        for (var t = 3; t < 20; t++)
        {
            text.Step(cache);
            Assert.Equal(t, cache[1].Positions(1)[^1]);
        }
        if (!policy.EndsWith("published", StringComparison.Ordinal)) Assert.InRange(cache[0].Counts[0], 6, 20);
    }

    /// <summary>Sums of attention cannot be taken back: the prompt's last token alone, which is computed again.</summary>
    [Fact]
    public void More_than_the_last_token_of_the_prompt_is_not_taken_back()
    {
        var text = new MadeUpText(50);
        using var cache = text.Compress(CachePolicy.Parse("H2O every 1"), new Budget(B, Window), Prompt);
        Assert.StartsWith($"2 tokens back from {Prompt}: a cache that drops entries while text is generated", Assert.Throws<LabException>(() => cache.Truncate(Prompt - 2)).Message);
        text.Step(cache);
        Assert.Throws<LabException>(() => cache.Truncate(Prompt));
        Assert.Equal((Prompt + 1, 4 * B), (cache.LogicalLength, cache.Entries));
        cache.Truncate(Prompt + 1);
    }

    /// <summary>Interval 4, target 6, a prompt of 5: as a known decoding schedule counts.</summary>
    [Fact]
    public void An_interval_is_counted_in_generated_tokens()
    {
        var text = new MadeUpText(13);
        using var cache = text.Compress(CachePolicy.Parse("Knorm every 4"), new Budget(6, 1), 5);
        var sizes = new List<int>();
        for (var step = 0; step < 8; step++)
        {
            text.Step(cache);
            sizes.Add(cache[0].Counts[0]);
            Assert.Equal(5 + step, cache[0].Positions(0)[^1]);   // the newest entry survives
        }
        Assert.Equal([6, 7, 8, 6, 7, 8, 9, 6], sizes);
    }

    /// <summary>Heads keep their own numbers: what HeadKV gave a head, or Ada-KV by a layer's scores, is what it goes back to.</summary>
    [Theory]
    [InlineData(false), InlineData(true)]
    public void Ragged_heads_go_back_to_what_each_had(bool byScores)
    {
        var text = new MadeUpText(60);
        var importance = new HeadImportance(2, 4, [.. Enumerable.Range(1, 8).Select(x => (double)x)]);
        var method = byScores ? CachePolicy.Parse("Ada-SnapKV").Method : new Method("h", new SnapKv(), new HeadKv(importance, 1.2));
        using var cache = text.Compress(new(method, new Grown(5)), new Budget(B, Window), Prompt);
        var counts = Enumerable.Range(0, 2).SelectMany(l => cache[l].Counts.ToArray()).ToArray();
        Assert.True(counts.Distinct().Count() > 2, string.Join(' ', counts));
        for (var t = Prompt; t < 60; t++)
        {
            text.Step(cache);
            Assert.Equal([.. counts.Select(count => count + (t - Prompt + 1) % 5)], Enumerable.Range(0, 2).SelectMany(l => cache[l].Counts.ToArray()));
        }
    }
}
