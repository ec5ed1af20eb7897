using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Scorers;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression;

/// <summary>Finch's scores by hand, and with one query beside SnapKV's.</summary>
public sealed class FinchTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static float[] Score(IScorer scorer, LayerView layer, int window, int heads = 1)
    {
        var scores = new float[heads * layer.Length];
        scorer.Score(layer, window, new HeadRows<float>(scores, heads, layer.Length));
        return scores;
    }

    private static void Close(float[] wanted, float[] found) => Assert.Equal(wanted, found, (a, b) => Math.Abs(a - b) <= 1e-5);

    /// <summary>
    /// Four keys alike and two queries. The third position sees three keys, a third each, and counts three times; the fourth sees four, a quarter each, and counts four times:
    /// the mean of both is 1 for the keys that both see, and a half for the last.
    /// </summary>
    [Fact]
    public void A_query_counts_as_often_as_it_sees_keys()
    {
        var alike = new LayerView(0, zeros(1, 4, 2), zeros(1, 4, 2), ones(1, 2, 2), 1);
        Close([1, 1, 1, .5f], Score(new Finch(), alike, 2));
        var unlike = alike with { Keys = tensor(new[] { 0, 0, MathF.Log(2), 0, 0, 0, 0, 0 }, 1, 4, 2), Queries = ones(1, 2, 2) };
        Close([(.25f * 3 + .2f * 4) / 2, (.5f * 3 + .4f * 4) / 2, (.25f * 3 + .2f * 4) / 2, .2f * 4 / 2], Score(new Finch(), unlike, 2));
        Close([0, .5f, 1, .5f], Score(new Finch(), alike with { SlidingWindow = 2 }, 2));                       // each sees two
    }

    [Fact]
    public void One_query_orders_as_SnapKV_does_and_stored_entries_count_what_is_stored()
    {
        var layer = new LayerView(0, RandomTensors.Make(2, 30, 8, 1), RandomTensors.Make(2, 30, 8, 2), RandomTensors.Make(4, 5, 8, 3), .35f);
        var (found, plain) = (Score(new Finch(), layer, 1, 2), Score(new SnapKv(new Pooling(1)), layer, 1, 2));
        Close([.. plain.Select(x => 30 * x)], found);
        var stored = layer with { Positions = [Enumerable.Range(70, 30).ToArray(), Enumerable.Range(70, 30).ToArray()], Tokens = 100 };
        Close(Score(new Finch(), layer, 5, 2), Score(new Finch(), stored, 5, 2));
        Assert.Equal(new ScorerNeeds(8), new Finch().Needs(8));
    }
}
