using HeadKvLab.Cache;
using HeadKvLab.Compression;
using TorchSharp;

namespace HeadKvLab.Tests.Compression.Schedules;

/// <summary>Sums that the decode kernel adds up beside the entries, against those of the weights that it hands over.</summary>
public sealed class KernelSumTests : IDisposable
{
    private readonly DisposeScope _scope = torch.NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData("H2O every 4", "equal-entries", true), InlineData("H2O every 4 +Quest budget=9 page=3 full-layers=0", "equal-entries", true), InlineData("KV-Compress published", "as-published", true)]
    [InlineData("KV-Compress-full every 3", "equal-entries", true), InlineData("FastGen published", "as-published", true), InlineData("EMS every 5", "equal-entries", true)]
    [InlineData("FastGen every 2", "equal-entries", false), InlineData("TOVA every 1", "equal-entries", false)]         // two sums, and none
    public void They_are_those_of_the_weights(string policy, string rule, bool adds)
    {
        foreach (var slidingWindow in (int?[])[null, 17])
        {
            MadeUpText text = new(80) { SlidingWindow = slidingWindow }, apart = new(80) { SlidingWindow = slidingWindow, HandsOver = true };
            var budget = new Budget(24, 4, Names<BudgetRule>.Parse(rule, ""));
            using var fused = text.Compress(CachePolicy.Parse(policy), budget, 60);
            using var summed = apart.Compress(CachePolicy.Parse(policy), budget, 60);
            Assert.Equal(adds, fused.Retention!.Sum is not null);
            fused.Truncate(59);                                          // the prompt's last token is computed again, and counts once
            summed.Truncate(59);
            for (var token = 59; token < 80; token++)
            {
                text.Step(fused);
                apart.Step(summed);
                for (var l = 0; l < MadeUpText.Layers; l++)
                    for (var h = 0; h < MadeUpText.KvHeads; h++)
                    {
                        Assert.Equal(summed[l].Positions(h).ToArray(), fused[l].Positions(h).ToArray());
                        for (var mark = 0; mark < summed[l].MarkCount; mark++)
                            foreach (var (expected, found) in summed[l].Marks(h, mark).ToArray().Zip(fused[l].Marks(h, mark).ToArray())) Assert.Equal(expected, found, 1e-5f * (1 + expected));
                    }
            }
            if (adds) Assert.Contains(fused[0].Marks(0, 0).ToArray(), mark => mark > 0);
        }
    }

    [Fact]
    public void A_sum_without_marks_or_room_is_refused()
    {
        var text = new MadeUpText(10);
        using var cache = text.Compress(CachePolicy.Parse("SnapKV"), new Budget(8, 4), 10);
        var queries = MadeUpText.Of(text.Queries[0], 9);
        var (output, room) = (new float[queries.Length], new float[cache[0].WeightsOf(MadeUpText.QueryHeads)]);
        Assert.Contains("beside 0 marks", Assert.Throws<ArgumentException>(() => cache[0].Attend(queries, output, 1, null, room, new StepSum(AttentionSum.Received, 0))).Message);
        cache[0].ReserveMarks(2);
        Assert.Contains("room for 0 weights", Assert.Throws<ArgumentException>(() => cache[0].Attend(queries, output, 1, null, [], new StepSum(AttentionSum.Received, 0))).Message);
        cache[0].Attend(queries, output, 1, null, room, new StepSum(AttentionSum.Received, 0));
        Assert.Equal(1, cache[0].Marks(1, 1).ToArray().Sum(), 1e-5);
    }

    [Fact]
    public void Marks_of_a_copy_are_its_own()
    {
        var text = new MadeUpText(40);
        using var cache = text.Compress(CachePolicy.Parse("H2O every 50"), new Budget(16, 4), 30);
        using var copy = cache.Clone();
        var before = cache[0].Marks(0, 0).ToArray();
        for (var step = 0; step < 5; step++) text.Step(copy);
        Assert.Equal(before, cache[0].Marks(0, 0).ToArray());
        Assert.NotEqual(before, copy[0].Marks(0, 0).ToArray()[..before.Length]);
    }
}
