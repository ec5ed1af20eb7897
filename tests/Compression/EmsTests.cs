using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Allocators;
using HeadKvLab.Compression.Scorers;
using HeadKvLab.Compression.Settlements;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression;

/// <summary>EMS as reconstructed: two statistics of one mean, and merging instead of dropping.</summary>
public sealed class EmsTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData(1, .4f, .3f), InlineData(2, .4f, .3f), InlineData(0, .4f, 0)]     // a multiple of the sum changes nothing; a sum of nothing leaves the window's
    public void Both_statistics_are_brought_to_one_mean(float multiple, float first, float second)
    {
        float[] local = [.4f, 0, .1f, .1f], global = [.1f, .3f, .1f, .1f];
        GlobalLocal.Join(local, [.. global.Select((g, j) => multiple * g * (10 - j))], TenPositions(), 0);
        Assert.Equal([first, second, .1f, .1f], local, (a, b) => Math.Abs(a - b) < 1e-6);
    }

    private static LayerView TenPositions() => zeros(1, 10, 2) is var rows ? new(0, rows, rows, rows, 1) : default;

    private static readonly float[][] Keys = [[1, 0], [0, 1], [.8f, .6f], [0, -2], [5, 5]], Values = [[1, 0], [0, 1], [1, 0], [0, -1], [7, 7]];

    /// <summary>One head, four candidates and a window of one; centres 0 and 1.</summary>
    private static KeptRows Settled(ZeroClass settlement, float[][] keys, float[][] values, params float[] scores)
    {
        var (k, v) = (tensor(keys.SelectMany(row => row).ToArray(), 1, 5, 2), tensor(values.SelectMany(row => row).ToArray(), 1, 5, 2));
        var rows = new KeptRows(new LayerView(0, k, v, k, 1), [[0, 1, 4]]);
        settlement.Settle(new LayerView(0, k, v, k, 1), new HeadRows<float>(scores, 1, 5), 1, rows);
        return rows;
    }

    private static void Equal(float[] wanted, ReadOnlySpan<float> found) => Assert.Equal(wanted, found.ToArray(), (a, b) => Math.Abs(a - b) < 1e-5);

    [Fact]
    public void A_dropped_entry_joins_the_centre_it_is_like_and_an_opposite_one_vanishes()
    {
        var rows = Settled(new ZeroClass(0.6, 1), Keys, Values, .4f, .3f, .1f, .1f, float.NaN);
        Equal([.99228f, .12403f, 0, 1, 5, 5], rows.Keys(0));     // 2 joins 0: u = (.96, .12), norm 1; 3 is opposite to 1 in key and value
        Equal([1, 0, 0, 1, 7, 7], rows.Values(0));
        Assert.Null(rows.Summaries);
    }

    [Fact]
    public void Nothing_is_merged_beyond_the_coverage_or_below_the_similarity()
    {
        foreach (var none in (ZeroClass[])[new(0.6, 0.77), new(0.81, 1), new(1, 1), new(0.6, 0)])
            Equal([1, 0, 0, 1, 5, 5], Settled(none, Keys, Values, .4f, .3f, .1f, .1f, 0).Keys(0));
        var twin = Keys.Index().Select(row => row.Index == 2 ? [3f, 0f] : row.Item).ToArray();    // not a twin in length: the norm is the mean
        Equal([1.4f, 0, 0, 1, 5, 5], Settled(new(0.6, 1), twin, Values, .4f, .3f, .1f, .1f, 0).Keys(0));
        Equal([1, 0, 0, 1, 5, 5], Settled(new(1, 1), twin, Values, .4f, .3f, .1f, .1f, 0).Keys(0));   // exactly alike: ties go to the zero class
        Equal([1, 0, 0, 1, 5, 5], Settled(new(0.6, 1), Keys, Values, 0, 0, 0, 0, 0).Keys(0));
    }

    [Fact]
    public void Everything_joins_some_centre_where_the_zero_class_is_least_alike_but_opposites()
    {
        var rows = Settled(new ZeroClass(-1, 1), Keys, Values, .4f, .3f, .1f, .1f, 0);
        Equal([0, 1], rows.Keys(0)[2..4]);                       // 3 is -1 like centre 1
        var (u, norm) = ((X: .4 + .1 * .8, Y: .1 * .6 - .1), (.4 + .1 + .1 * 2) / .6);            // 2 and 3 join centre 0
        var size = Math.Sqrt(u.X * u.X + u.Y * u.Y);
        Equal([(float)(norm * u.X / size), (float)(norm * u.Y / size)], rows.Keys(0)[..2]);
        Equal([(float)(.5 / .6), (float)(-.1 / .6)], rows.Values(0)[..2]);
    }

    [Fact]
    public void Rows_of_zeros_and_numbers_that_are_none_do_no_harm()
    {
        float[][] zeros = [[0, 0], [0, 1], [0, 0], [0, 3], [5, 5]];
        var rows = Settled(new ZeroClass(0.6, 1), zeros, [[0, 0], [0, 1], [0, 0], [0, 1], [7, 7]], .4f, .3f, .1f, .1f, 0);
        Equal([0, 0, 0, 1.5f, 5, 5], rows.Keys(0));              // 3 joins 1: norm (.3 + .1 * 3) / .4
        Equal([1, 0, 0, 1, 5, 5], Settled(new(0.6, 1), Keys, Values, .4f, .3f, float.NaN, float.NaN, 0).Keys(0));
    }

    [Fact]
    public void Without_merging_it_is_plain_eviction_bit_for_bit_and_with_it_entries_and_positions_stay()
    {
        const int N = 150;
        var layer = new LayerView(0, RandomTensors.Make(2, N, 16, 1), RandomTensors.Make(2, N, 16, 2), RandomTensors.Make(4, N, 16, 3), 0.25f);
        using var plain = Compressed(new Method("plain", new GlobalLocal(new Pooling()), new Uniform()));
        using var none = Compressed(Catalogue.Find("EMS").Create(new(("zero-class", 1))));
        using var merged = Compressed(Catalogue.Find("EMS").Create(new(("zero-class", 0.05), ("coverage", 1))));
        for (var h = 0; h < 2; h++)
        {
            Assert.Equal(plain[0].Positions(h).ToArray(), none[0].Positions(h).ToArray());
            Assert.Equal(plain[0].Positions(h).ToArray(), merged[0].Positions(h).ToArray());
            Assert.Equal(plain[0].KeysOf(h).data<float>().ToArray(), none[0].KeysOf(h).data<float>().ToArray());
            Assert.Equal(plain[0].ValuesOf(h).data<float>().ToArray(), none[0].ValuesOf(h).data<float>().ToArray());
            var (before, after) = (plain[0].KeysOf(h), merged[0].KeysOf(h));
            Assert.True((before - after).abs().sum(1).gt(1e-3).sum().item<long>() > 5);
            Assert.Equal(before.narrow(0, 16, 8).data<float>().ToArray(), after.narrow(0, 16, 8).data<float>().ToArray()); // the window is no centre
        }

        RaggedCache Compressed(Method method)
        {
            using var compressor = new Compressor(method, new Budget(24), new CacheShape(1, 2, 16), 4);
            compressor.Accept(layer);
            return compressor.TakeCache();
        }
    }

    [Fact]
    public void Constants_out_of_range_are_refused()
    {
        Assert.Contains("zero class 2", Assert.Throws<LabException>(() => new ZeroClass(2)).Message);
        Assert.Contains("coverage -1", Assert.Throws<LabException>(() => new ZeroClass(0.5, -1)).Message);
    }
}
