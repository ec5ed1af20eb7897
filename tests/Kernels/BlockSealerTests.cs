using HeadKvLab.Kernels;

namespace HeadKvLab.Tests.Kernels;

/// <summary>What a sealed block holds: rule, layout and bytes.</summary>
public sealed unsafe class BlockSealerTests
{
    private static readonly int[] Counts = [1, 7, 8, 63, 64];

    /// <summary>Seals rows and reads them back, <c>[entry, dim]</c>.</summary>
    internal static (byte[] Block, float[] Keys, float[] Values) Seal(int bits, float[] keys, float[] values, int entries, int dim, params ushort[] channels)
    {
        var format = new BlockFormat(bits, channels.Length == 0 ? 0 : dim - channels.Length);
        var block = new byte[format.Bytes(entries, dim) + SealedHead<Int8Codes>.Slack];
        Assert.True(BlockSealer.Seal(format, keys, values, entries, dim, block, channels));
        Assert.All(block[format.Bytes(entries, dim)..], one => Assert.Equal(0, one));   // nothing is written behind it
        float[] readKeys = new float[keys.Length], readValues = new float[values.Length];
        fixed (byte* start = block)
        fixed (ushort* listed = channels)
            for (var entry = 0; entry < entries; entry++)
            {
                BlockSealer.Key(format, start, entries, entry, readKeys.AsSpan(entry * dim, dim), listed);
                BlockSealer.Value(format, start, entries, entry, readValues.AsSpan(entry * dim, dim));
            }
        return (block, readKeys, readValues);
    }

    /// <summary>
    /// One entry of four channels: its value is one group. 0 1 2 3.1 at 2 bits: scale 3.1 / 3; -1 0 0.5 2 at 4 bits: scale 3 / 15, and 1.5 / 0.2 = 7.5
    /// rounds to the even 8; 5 5 5 5: scale 0, codes 0.
    /// </summary>
    [Theory]
    [InlineData(2, new float[] { 0, 1, 2, 3.1f }, new float[] { 0, 1.0333f, 2.0667f, 3.1f }), InlineData(4, new float[] { -1, 0, 0.5f, 2 }, new float[] { -1, 0, 0.6f, 2 }), InlineData(2, new float[] { 5, 5, 5, 5 }, new float[] { 5, 5, 5, 5 })]
    public void Values_share_a_scale_within_an_entry(int bits, float[] value, float[] back)
    {
        var (_, _, read) = Seal(bits, new float[4], value, 1, 4);
        for (var i = 0; i < 4; i++) Assert.Equal(back[i], read[i], 2e-3f);
    }

    /// <summary>Keys (0, 10), (1, 20): two numbers a channel are its ends, exact at 2 bits. With a third, (0.5, 15): 0.5 / (1/3) = 1.5 rounds to 2, so 0.667 and 16.67.</summary>
    [Fact]
    public void Keys_share_a_scale_within_a_channel()
    {
        Assert.Equal([0, 10, 1, 20], Seal(2, [0, 10, 1, 20], new float[4], 2, 2).Keys, (a, b) => Math.Abs(a - b) < 0.02f);
        Assert.Equal([0, 10, 1, 20, 0.667f, 16.67f], Seal(2, [0, 10, 1, 20, 0.5f, 15], new float[6], 3, 2).Keys, (a, b) => Math.Abs(a - b) < 0.02f);
    }

    /// <summary>KIVI's reason: one channel is a thousand times the others. Per channel the others keep their precision; per entry, as values are, they lose it.</summary>
    [Fact]
    public void A_large_channel_spoils_values_and_not_keys()
    {
        var random = new Random(1);
        float[] rows = [.. Enumerable.Range(0, 64 * 16).Select(i => (random.NextSingle() - 0.5f) * (i % 16 == 3 ? 1000 : 1))];
        var (_, keys, values) = Seal(4, rows, rows, 64, 16);
        double Error(float[] read) => Enumerable.Range(0, rows.Length).Where(i => i % 16 != 3).Average(i => Math.Abs(read[i] - rows[i]));
        Assert.InRange(Error(keys), 0, 0.02);       // a quarter of 1 / 15
        Assert.InRange(Error(values), 0.2, 20);     // nothing is left of numbers of at most 0.5
    }

    /// <summary>No number is further off than half a step and the rounding of scale and zero to float16.</summary>
    [Theory]
    [InlineData(8), InlineData(4), InlineData(2)]
    public void Numbers_are_off_by_half_a_step(int bits)
    {
        var random = new Random(2);
        foreach (var entries in Counts)
            foreach (var dim in (int[])[1, 5, 16, 32, 80, 128])
            {
                float[] Rows() => [.. Enumerable.Range(0, entries * dim).Select(_ => (random.NextSingle() - 0.3f) * 4)];
                var (keys, values) = (Rows(), Rows());
                var (_, readKeys, readValues) = Seal(bits, keys, values, entries, dim);
                for (var i = 0; i < keys.Length; i++)
                {
                    var channel = Enumerable.Range(0, entries).Select(entry => keys[entry * dim + i % dim]).ToArray();
                    var group = Enumerable.Range(0, dim).Where(c => c / 64 == i % dim / 64).Select(c => values[i / dim * dim + c]).ToArray();
                    Assert.InRange(Math.Abs(readKeys[i] - keys[i]), 0, Allowed(channel));
                    Assert.InRange(Math.Abs(readValues[i] - values[i]), 0, Allowed(group));
                }
            }

        float Allowed(float[] group) => (group.Max() - group.Min()) / ((1 << bits) - 1) / 2 + (1 << bits) * 1e-3f / (1 << bits) * 4 + 1e-6f;
    }

    /// <summary>methods: 4 dim bytes as bfloat16; int8, int4 and int2 take 53, 28 and 16 % of it at dim 128, and 55, 30 and 17 % at dim 32, where a value has 32 channels.</summary>
    [Theory]
    [InlineData(128, 8, 272), InlineData(128, 4, 144), InlineData(128, 2, 80), InlineData(32, 8, 70), InlineData(32, 4, 38), InlineData(32, 2, 22)]
    public void A_full_block_takes_so_many_bytes_an_entry(int dim, int bits, int bytes) => Assert.Equal(64 * bytes, new BlockFormat(bits).Bytes(64, dim));

    /// <summary>8 entries of 32 channels at 4 bits: 128 + 128 bytes of keys, 32 each; 32 of values' scales and 128 of codes.</summary>
    [Fact]
    public void A_short_block_pays_the_same_scales() => Assert.Equal(128 + 128 + 32 + 128, new BlockFormat(4).Bytes(8, 32));

    /// <summary>Codes 0 to 3 of one channel at 2 bits in a block of four: one byte, the first in the lowest bits.</summary>
    [Fact]
    public void Codes_lie_as_the_format_says()
    {
        var (block, _, _) = Seal(2, [0, 1, 2, 3], [0, 0, 0, 0], 4, 1);
        Assert.Equal(0b11_10_01_00, block[4]);
        var (wide, _, _) = Seal(4, [.. Enumerable.Range(0, 64).Select(i => (float)(i % 16))], new float[64], 64, 1);
        Assert.Equal((0 | 0 << 4, 5 | 5 << 4), (wide[4], wide[4 + 5]));   // entries 0 and 32, 5 and 37
        Assert.Equal(15, wide[4 + 15] & 15);
    }

    /// <summary>Channels 0 and 2 of three as bfloat16: two rows of keys, then the values; nothing beside them. At 2 bits only kept channels have scales.</summary>
    [Fact]
    public void Keys_lack_channels()
    {
        var (block, keys, values) = Seal(16, [1, 50, 2, 3, 60, 4], [5, 6, 7, 8, 9, 10], 2, 3, 0, 2);
        Assert.Equal([1, 0, 2, 3, 0, 4], keys);
        Assert.Equal([5, 6, 7, 8, 9, 10], values);
        Assert.Equal(2 * 2 * 2 + 2 * 3 * 2, new BlockFormat(16, 1).Bytes(2, 3));
        Assert.Equal([0x3F80, 0x4040, 0x4000, 0x4080], System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ushort>(block)[..4].ToArray().Select(x => (int)x));   // 1 3, then 2 4
        Assert.Equal(2 * 4 + 2 * 1 + 2 * 4 + 2 * 1, new BlockFormat(2, 1).Bytes(2, 3));
        Assert.Equal([1, 0, 2, 3, 0, 4], Seal(2, [1, 50, 2, 3, 60, 4], new float[6], 2, 3, 0, 2).Keys, (a, b) => Math.Abs(a - b) < 0.01f);
        Assert.Throws<ArgumentException>(() => BlockSealer.Seal(new(16, 1), new float[6], new float[6], 2, 3, new byte[100], [0, 1, 2]));
    }

    /// <summary>What a dropped channel holds is refused all the same: nothing may hide an overflow.</summary>
    [Fact]
    public void An_overflow_in_a_dropped_channel_is_refused()
    {
        foreach (var bits in (int[])[16, 4])
        {
            Assert.False(BlockSealer.Seal(new(bits, 1), [1, float.NaN, 2, 3, 4, 5], new float[6], 2, 3, new byte[200], [0, 2]));
            Assert.False(BlockSealer.Seal(new(bits, 1), new float[6], [1, float.NegativeInfinity, 2, 3, 4, 5], 2, 3, new byte[200], [0, 2]));
        }
    }

    /// <summary>A scale that float16 cannot hold is its end, and does not make infinities.</summary>
    [Fact]
    public void Numbers_beyond_half_are_its_ends()
    {
        var (_, keys, values) = Seal(8, [-1e6f, 1e6f], [-3e5f, 0], 2, 1);
        Assert.All((float[])[.. keys, .. values], number => Assert.True(float.IsFinite(number)));
        Assert.Equal(-65504, values[0]);
    }

    [Theory]
    [InlineData(float.NaN), InlineData(float.PositiveInfinity), InlineData(float.NegativeInfinity)]
    public void What_is_no_number_is_refused(float odd)
    {
        foreach (var inKeys in (bool[])[true, false])
            for (var at = 0; at < 6; at++)
            {
                float[] rows = [1, 2, 3, 4, 5, 6], other = [.. rows];
                rows[at] = odd;
                Assert.False(BlockSealer.Seal(new(4), inKeys ? rows : other, inKeys ? other : rows, 3, 2, new byte[200]));
            }
    }
}
