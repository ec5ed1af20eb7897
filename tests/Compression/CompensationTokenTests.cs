using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Settlements;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression;

/// <summary>RazorAttention's compensation token, by hand.</summary>
public sealed class CompensationTokenTests
{
    private const int Dim = 16;

    /// <summary>What stands for the positions that heads drop.</summary>
    internal static MergedEntry[] Summaries(LayerView layer, int[][] kept)
    {
        var rows = new KeptRows(layer, kept);
        new CompensationToken().Settle(layer, default, 1, rows);
        return rows.Summaries!;
    }

    /// <summary>Two KV heads, two query heads to each, four different kept sets: means in plain loops over what each dropped of its own KV head.</summary>
    [Fact]
    public void It_is_the_mean_of_what_its_query_head_dropped()
    {
        using var scope = NewDisposeScope();
        var layer = new LayerView(0, RandomTensors.Make(2, 10, Dim, 10), RandomTensors.Make(2, 10, Dim, 20), RandomTensors.Make(4, 10, Dim, 30), 0.25f);
        int[][] kept = [[0, 9], [3, 4, 5, 9], [9], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]];
        var summaries = Summaries(layer, kept);
        Assert.Equal([8, 6, 9, 0], summaries.Select(s => s.Dropped));
        for (var h = 0; h < 3; h++)
            foreach (var (tensor, mean) in new[] { (layer.Keys, summaries[h].Key), (layer.Values, summaries[h].Value) })
            {
                var rows = tensor[h / 2].data<float>().ToArray();
                for (var i = 0; i < Dim; i++)
                {
                    var dropped = Enumerable.Range(0, 10).Except(kept[h]).Select(j => (double)rows[j * Dim + i]).ToArray();
                    Assert.Equal(dropped.Sum() / dropped.Length, mean[i], 1e-6);
                }
            }
    }
}
