using System.Runtime.InteropServices;
using HeadKvLab.Cache;
using HeadKvLab.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using static HeadKvLab.Tests.Cache.SomeSealed;

namespace HeadKvLab.Tests.Cache;

/// <summary>Entries in sealed blocks are kept, grown, copied and taken back as rows are.</summary>
public sealed class SealedCacheTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    /// <summary>By hand: 300 entries and 32 recent ones leave 268 = 4 x 64 + 12; 40 leave 8; 39 leave 7, which no block is worth; a head of 3 stays as it is.</summary>
    [Fact]
    public void The_end_of_a_prompt_seals_all_but_the_latest()
    {
        using var cache = Holding(300, 300, 40, 39, 3);
        cache.Seal(new(4));
        Assert.Equal([268, 8, 0, 0], Enumerable.Range(0, 4).Select(cache[0].Sealed));
        Assert.Equal([300, 40, 39, 3], cache[0].Counts.ToArray());
        Assert.Equal((int[])[.. Enumerable.Range(0, 299), 299], cache[0].Positions(0).ToArray());
        // 4 full blocks of 64 x 38 bytes; of 12 entries 128 + 32 x 6 + 12 x (4 + 16), of 8 the same with 8; rows of 128
        long bytes = 4 * 64 * 38 + (128 + 192 + 240) + (128 + 128 + 160) + (32 + 32 + 39 + 3) * 128L;
        Assert.Equal(bytes, cache.StoredBytes);
        Assert.Equal(bytes, new[] { 300, 40, 39, 3 }.Sum(entries => new EntryFormat(4).BytesFor(0, entries, Dim)));
        Assert.Equal(bytes + 4 * RaggedAttention.BlockSlack, cache.ReservedBytes);   // the arrays themselves
        Assert.Equal(bytes, Touched(cache));
    }

    /// <summary>33 entries leave 1 behind the 32 latest, which no block is worth: such heads, and shorter ones, have a list of channels, no block, and read as before.</summary>
    [Theory, InlineData(16), InlineData(4)]
    public void Heads_without_a_block_read_as_before_under_any_format(int bits)
    {
        using var cache = Holding(300, 300, 33, 3);
        var before = Attend(cache);
        cache.Seal(new(bits, Ratio: 0.4), [[.. Enumerable.Repeat(1.0, 3 * Dim)]]);
        Assert.Equal([268, 0, 0], Enumerable.Range(0, 3).Select(cache[0].Sealed));
        var after = Attend(cache);
        Assert.Equal(before[(Group * Dim)..], after[(Group * Dim)..]);
        Assert.NotEqual(before[..(Group * Dim)], after[..(Group * Dim)]);
        Assert.Equal(new[] { 300, 33, 3 }.Sum(entries => new EntryFormat(bits, Ratio: 0.4).BytesFor(0, entries, Dim)), cache.StoredBytes);
    }

    private static long Touched(RaggedCache cache)
    {
        using var copy = cache.Clone();
        Attend(copy);
        return copy.TouchedBytes;
    }

    /// <summary>A block is sealed when 64 entries wait behind the latest ones, whatever came before; attention changes by no more than the rounding of those 64.</summary>
    [Fact]
    public void Generated_entries_are_sealed_in_full_blocks()
    {
        using var cache = Holding(100, 100, 20);
        cache.Seal(new(8, 4));   // 64 + 32 sealed, 4 open; 16 sealed, 4 open
        Assert.Equal((96, 16), (cache[0].Sealed(0), cache[0].Sealed(1)));
        Append(cache, 63, 3);
        Assert.Equal((96, 16), (cache[0].Sealed(0), cache[0].Sealed(1)));
        using var before = cache.Clone();
        Append(cache, 1, 5);
        Assert.Equal((96 + 64, 16 + 64), (cache[0].Sealed(0), cache[0].Sealed(1)));
        Assert.Equal((164, 84), (cache[0].Counts[0], cache[0].Counts[1]));
        Assert.Equal(96 * 70L - 32 * 70 + new BlockFormat(8).Bytes(32, Dim) + 64 * 70 + 4 * 128 + new BlockFormat(8).Bytes(16, Dim) + 64 * 70 + 4 * 128, cache.StoredBytes);
        Append(before, 200, 5);
        Append(cache, 199, 7);
        Assert.Equal(cache[0].Counts.ToArray(), before[0].Counts.ToArray());
        Assert.Equal(Enumerable.Range(100, 263), cache[0].Positions(0)[100..].ToArray());
        Assert.All(Attend(cache), number => Assert.True(float.IsFinite(number)));
    }

    /// <summary>Room to grow is a quarter of the rows, not of all entries: a block is sealed before they become many.</summary>
    [Fact]
    public void Growing_keeps_little_room()
    {
        using var cache = Holding(4000, 4000, 4000);
        cache.Seal(new(4));
        Append(cache, 1, 3);
        Assert.InRange(cache.ReservedBytes - cache.StoredBytes, 1, 2 * 200 * 128);
        Append(cache, 200, 5);
        Assert.InRange(cache.ReservedBytes - cache.StoredBytes, 1, 2 * (200 * 128 + 4000 * 38 / 4 + 64 * 38));   // blocks grow by a quarter, too
    }

    /// <summary>One by one or together: what is stored depends on the entries alone.</summary>
    [Fact]
    public void Appending_together_seals_the_same_blocks()
    {
        using var one = Holding(50, 50, 10);
        one.Seal(new(4, 2));
        using var together = one.Clone();
        Tensor keys = Rows(2, 300, 3), values = Rows(2, 300, 4);
        for (var t = 0; t < 300; t++)
        {
            one[0].Append(Numbers(keys.narrow(1, t, 1)), Numbers(values.narrow(1, t, 1)));
            one.Advance(1);
        }
        together[0].Append(keys, values);
        together.Advance(300);
        Assert.Equal(one.StoredBytes, together.StoredBytes);
        Assert.Equal(Attend(one), Attend(together));
    }

    [Fact]
    public void A_clone_shares_no_block_and_no_tail()
    {
        using var cache = Holding(200, 200, 90);
        cache.Seal(new(2, 8));
        var alone = Attend(cache);
        using var clone = cache.Clone();
        Append(clone, 150, 3);
        Assert.Equal(alone, Attend(cache));
        Append(cache, 70, 11);
        using var fresh = Holding(200, 200, 90);
        fresh.Seal(new(2, 8));
        Append(fresh, 150, 3);
        Assert.Equal(Attend(fresh), Attend(clone));
        Assert.Equal(new EntryFormat(2, 8), clone.Format);
    }

    /// <summary>Of 100 entries with 10 recent 90 are sealed: the last ten tokens can be taken back, no more, and a refusal changes nothing.</summary>
    [Fact]
    public void Tokens_are_taken_back_up_to_the_seal()
    {
        using var cache = Holding(100, 100, 100);
        cache.Seal(new(4, 10));
        var before = Attend(cache);
        Assert.Contains("11 tokens are taken back, and some of them are sealed as int4 recent=10", Assert.Throws<LabException>(() => cache.Truncate(89)).Message);
        Assert.Equal(100, cache.LogicalLength);
        Assert.Equal(before, Attend(cache));
        cache.Truncate(90);
        Assert.Equal([90, 90], cache[0].Counts.ToArray());
        Append(cache, 10, 3);
        Assert.Equal(Enumerable.Range(0, 100), cache[0].Positions(1).ToArray());
    }

    [Theory]
    [InlineData(float.NaN), InlineData(float.PositiveInfinity)]
    public void A_number_without_a_code_is_refused_by_layer_and_head(float odd)
    {
        using var cache = new RaggedCache(new CacheShape(2, 3, Dim, ScalarType.BFloat16));
        for (var layer = 0; layer < 2; layer++)
        {
            var keys = Rows(3, 80, layer);
            if (layer == 1) keys[2, 17, 5] = odd;
            cache[layer].Append(keys, Rows(3, 80, 7));
        }
        cache.Advance(80);
        Assert.Contains("layer 1, head 2: a key or a value is infinite or no number, and int4", Assert.Throws<ModelOverflow>(() => cache.Seal(new(4))).Message);
    }

    [Fact]
    public void Early_layers_may_have_other_bits()
    {
        using var cache = new RaggedCache(new CacheShape(3, 1, Dim, ScalarType.BFloat16));
        for (var layer = 0; layer < 3; layer++) cache[layer].Append(Rows(1, 96, layer), Rows(1, 96, 5));
        cache.Advance(96);
        var format = new EntryFormat(2, 32, 2, 8);
        cache.Seal(format);
        Assert.Equal([64 * 70 + 32 * 128, 64 * 70 + 32 * 128, 64 * 22 + 32 * 128], Enumerable.Range(0, 3).Select(layer => cache[layer].StoredBytes));
        Assert.Equal(cache.StoredBytes, Enumerable.Range(0, 3).Sum(layer => format.BytesFor(layer, 96, Dim)));
    }

    [Fact]
    public void Bfloat16_seals_nothing()
    {
        using var rows = Holding(300, 300, 40);
        using var cache = rows.Clone();
        cache.Seal(new(16));
        Append(rows, 100, 3);
        Append(cache, 100, 3);
        Assert.Equal(Attend(rows), Attend(cache));
        Assert.Equal(rows.StoredBytes, cache.StoredBytes);
    }

    [Fact]
    public void What_needs_rows_is_refused()
    {
        using var cache = Holding(300, 300, 40);
        cache.Seal(new(4));
        Assert.Contains("sealed already", Assert.Throws<InvalidOperationException>(() => cache.Seal(new(4))).Message);
        Assert.Contains("entries are dropped, and its entries are sealed as int4", Assert.Throws<InvalidOperationException>(() => cache[0].Retain(0, [1, 2])).Message);
        Assert.False(cache[0].IsUniform);
        using var single = new RaggedCache(new CacheShape(1, 1, Dim));
        Assert.Contains("a cache of bfloat16; this one holds Float32", Assert.Throws<InvalidOperationException>(() => single.Seal(new(4))).Message);
    }
}
