using HeadKvLab.Cache;
using HeadKvLab.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using static HeadKvLab.Tests.Cache.SomeLatents;
using static HeadKvLab.Tests.Cache.SomeSealed;

namespace HeadKvLab.Tests.Cache;

/// <summary>Entries in latent vectors are read, counted, grown, copied and taken back as rows are.</summary>
public sealed class LatentTests
{
    private static void Near(float[] expected, float[] found, float by = 1e-4f)
    {
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], found[i], by);
    }

    /// <summary>All directions hold everything: a cache of rows mixes the same.</summary>
    [Theory]
    [InlineData(9), InlineData(71), InlineData(72), InlineData(73), InlineData(300)]
    public void All_directions_reproduce_the_rows(int tokens)
    {
        using RaggedCache rows = SomeLatents.Holding(tokens, null), cache = SomeLatents.Holding(tokens, Format(Width));
        Assert.Equal((0, tokens - 8), (cache[0].Sealed(0), cache[1].Sealed(1)));
        for (var layer = 0; layer < Layers; layer++)
            foreach (var window in (int?[])[null, 5, 8, 9, 70, 1000])
            {
                Near(SomeLatents.Attend(rows, layer, window), SomeLatents.Attend(cache, layer, window));
                Near(SomeLatents.Attend(rows, layer, window), SomeLatents.Attend(cache, layer, window, LatentReading.Rebuilt));
            }
        SomeLatents.Decode(rows, 70, 3);
        SomeLatents.Decode(cache, 70, 3);
        Assert.Equal(tokens + 62, cache[2].Sealed(0));
        for (var layer = 0; layer < Layers; layer++) Near(SomeLatents.Attend(rows, layer), SomeLatents.Attend(cache, layer));
    }

    /// <summary>Values that are absorbed are those that are rebuilt, whatever the rank and the bits.</summary>
    [Theory]
    [InlineData(1, 16), InlineData(16, 4), InlineData(31, 8), InlineData(33, 2), InlineData(64, 4), InlineData(200, 16)]
    public void Absorbed_and_rebuilt_are_equal(int rank, int bits)
    {
        foreach (var storage in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16])
            foreach (var tokens in (int[])[8, 9, 71, 72, 73, 200])
            {
                using var cache = SomeLatents.Holding(tokens, Format(rank, bits), storage);
                foreach (var window in (int?[])[null, 20, 100])
                    for (var layer = 1; layer < Layers; layer++) Near(SomeLatents.Attend(cache, layer, window), SomeLatents.Attend(cache, layer, window, LatentReading.Rebuilt));
            }
    }

    /// <summary>The definition: turned back, projected, read back, turned, and read as rows.</summary>
    [Fact]
    public void A_vector_is_the_projection_of_what_the_layers_have()
    {
        const int tokens = 100, rank = 48, recent = 8;
        var basis = Basis();
        using var scope = NewDisposeScope();
        Tensor mean = tensor(basis.Groups[0].Mean), directions = tensor(basis.Groups[0].Basis).view(Width, Width).narrow(0, 0, rank);
        var angles = arange(tokens).to(ScalarType.Float32).view(1, -1, 1) * tensor(Frequencies);
        Tensor[] parts = [.. from layer in (int[])[1, 2] from values in (bool[])[false, true] select Rows(Heads, tokens, (values ? 20 : 10) + layer)];
        var row = cat([.. parts.Select((part, i) => (i % 2 == 0 ? Turn(part, -angles) : part).transpose(0, 1).flatten(1))], 1);
        var read = (row - mean).mm(directions.t()).mm(directions) + mean;
        Tensor[] back = [.. Enumerable.Range(0, 4).Select(i => read.narrow(1, i * Heads * Dim, Heads * Dim).view(tokens, Heads, Dim).transpose(0, 1)).Select((part, i) => i % 2 == 0 ? Turn(part, angles) : part)];
        using RaggedCache expected = new(new CacheShape(Layers, Heads, Dim)), cache = SomeLatents.Holding(tokens, Format(rank));
        for (var layer = 1; layer < Layers; layer++)
            expected[layer].Append(Mixed(back[2 * layer - 2], parts[2 * layer - 2]), Mixed(back[2 * layer - 1], parts[2 * layer - 1]));
        for (var layer = 1; layer < Layers; layer++) Near(SomeLatents.Attend(expected, layer), SomeLatents.Attend(cache, layer));

        static Tensor Mixed(Tensor old, Tensor late) => cat([old.narrow(1, 0, tokens - recent), late.narrow(1, tokens - recent, recent)], 1);

        static Tensor Turn(Tensor rows, Tensor angles)
        {
            Tensor left = rows.narrow(2, 0, Dim / 2), right = rows.narrow(2, Dim / 2, Dim / 2);
            return cat([left * angles.cos() - right * angles.sin(), right * angles.cos() + left * angles.sin()], 2);
        }
    }

    /// <summary>
    /// By hand: 100 tokens, 8 of them in rows of 128 bytes a head as bfloat16. 92 vectors of 40 numbers take 80 bytes each at 16 bits, and 2 scales, 2 zeros and 20 bytes of codes,
    /// 28, at 4. Layer 0 has 100 rows; at 4 bits too, 64 entries of 38 bytes, a block of 28 of 4 x 32 + 28 x (16 + 20) bytes and 8 rows.
    /// </summary>
    [Fact]
    public void Bytes_are_those_of_the_arrays()
    {
        foreach (var (format, bytes) in ((EntryFormat, long)[])[
            (Format(40), 92 * 80 + 2 * 2 * 8 * 128 + 2 * 100 * 128), (Format(40, 4), 92 * 28 + 2 * 2 * 8 * 128 + 2 * 100 * 128),
            (Format(40, 4, early: 4), 92 * 28 + 2 * 2 * 8 * 128 + 2 * (64 * 38 + 128 + 28 * 36 + 8 * 128)), (Format(Width), 92 * 2 * Width + 2 * 2 * 8 * 128 + 2 * 100 * 128)])
        {
            using var cache = SomeLatents.Holding(100, format, ScalarType.BFloat16);
            Assert.Equal(bytes, cache.StoredBytes);
            Assert.Equal(bytes + (format.EarlyBits == 4 ? 2 * RaggedAttention.BlockSlack : 0), cache.ReservedBytes);
            Assert.Equal(cache.ReservedBytes, BytesHeld(cache));
            for (var layer = 1; layer < Layers; layer++) SomeLatents.Attend(cache, layer);
            Assert.Equal(2 * (92L * (format.Bits == 4 ? 28 : 2 * format.Rank) + 2 * 8 * 128), cache.TouchedBytes); // each layer reads all vectors
            SomeLatents.Decode(cache, 300, 7);
            Assert.Equal(392L * (format.Bits == 4 ? 28 : 2 * format.Rank) + 2 * 2 * 8 * 128, cache[1].StoredBytes + cache[2].StoredBytes);
            Assert.Equal(cache.ReservedBytes, BytesHeld(cache));
            Assert.Equal(Enumerable.Range(0, 400), cache[2].Positions(1).ToArray());
        }
    }

    /// <summary>What a window skips is not touched.</summary>
    [Fact]
    public void A_window_touches_what_it_sees()
    {
        using var cache = SomeLatents.Holding(100, Format(40, 4), ScalarType.BFloat16);
        SomeLatents.Attend(cache, 1, 30);
        Assert.Equal(22 * 28L + 2 * 8 * 128, cache[1].TouchedBytes);
        SomeLatents.Attend(cache, 2, 5);
        Assert.Equal(2 * 5 * 128L, cache[2].TouchedBytes);
    }

    /// <summary>In the prompt or one by one: what is stored depends on the tokens alone.</summary>
    [Fact]
    public void Folding_later_gives_the_same_vectors()
    {
        using RaggedCache early = SomeLatents.Holding(20, Format(48, 4), ScalarType.BFloat16), copy = SomeLatents.Holding(20, Format(48, 4), ScalarType.BFloat16);
        SomeLatents.Decode(early, 200, 3);
        copy.Reserve(300);
        SomeLatents.Decode(copy, 200, 3);
        Assert.Equal(early.StoredBytes, copy.StoredBytes);
        for (var layer = 0; layer < Layers; layer++) Assert.Equal(SomeLatents.Attend(early, layer), SomeLatents.Attend(copy, layer));
    }

    [Fact]
    public void A_clone_shares_no_vector_and_no_row()
    {
        using var cache = SomeLatents.Holding(150, Format(48, 4), ScalarType.BFloat16);
        var alone = SomeLatents.Attend(cache, 2);
        using var clone = cache.Clone();
        Assert.Equal(alone, SomeLatents.Attend(clone, 2));
        SomeLatents.Decode(clone, 90, 3);
        Assert.Equal(alone, SomeLatents.Attend(cache, 2));
        SomeLatents.Decode(cache, 70, 11);
        using var fresh = SomeLatents.Holding(150, Format(48, 4), ScalarType.BFloat16);
        SomeLatents.Decode(fresh, 90, 3);
        Assert.Equal(SomeLatents.Attend(fresh, 1), SomeLatents.Attend(clone, 1));
        Assert.Equal(fresh.StoredBytes, clone.StoredBytes);
    }

    [Fact]
    public void Tokens_are_taken_back_up_to_the_vectors()
    {
        using var cache = SomeLatents.Holding(100, Format(48, 4));
        var before = SomeLatents.Attend(cache, 1);
        Assert.Contains("9 tokens are taken back, and some of them are sealed as latent rank=48 bits=4 recent=8", Assert.Throws<LabException>(() => cache.Truncate(91)).Message);
        Assert.Equal(before, SomeLatents.Attend(cache, 1));
        cache.Truncate(92);
        Assert.Equal([92, 92], cache[2].Counts.ToArray());
        SomeLatents.Decode(cache, 8, 3);
        Assert.Equal(Enumerable.Range(0, 100), cache[1].Positions(1).ToArray());
    }

    /// <summary>One direction of constant rows: the vectors are 0, and the mean comes back. At 4 bits a group of equal numbers has scale 0.</summary>
    [Theory]
    [InlineData(16), InlineData(4)]
    public void Constant_rows_come_back(int bits)
    {
        var mean = new float[Width];
        Array.Fill(mean, 0.75f, Heads * Dim, Heads * Dim);         // values of the first layer
        Array.Fill(mean, -2f, 3 * Heads * Dim, Heads * Dim);       // and of the second
        var direction = new float[Width];
        direction[0] = 1;
        var format = new EntryFormat(bits, 8, Rank: 1) { Latents = new(Layers, Heads, Dim, new LatentGroup(1, 2, mean, direction)) };
        using var cache = SomeLatents.Holding(90, format, change: (layer, keys, values) =>
        {
            keys.zero_();
            values.fill_(layer == 1 ? 0.75 : -2);
        });
        Assert.All(SomeLatents.Attend(cache, 1), value => Assert.Equal(0.75f, value, 1e-5f));
        Assert.All(SomeLatents.Attend(cache, 2), value => Assert.Equal(-2f, value, 1e-5f));
    }

    [Theory]
    [InlineData(16, float.NaN), InlineData(4, float.PositiveInfinity)]
    public void A_number_without_a_vector_is_refused_by_layers(int bits, float odd) =>
        Assert.Contains("layers 1 to 2: a key or a value is infinite or no number", Assert.Throws<ModelOverflow>(() => SomeLatents.Holding(80, Format(48, bits), change: (layer, keys, _) =>
        {
            if (layer == 2) keys[1, 17, 5] = odd;
        })).Message);

    [Fact]
    public void What_needs_rows_is_refused()
    {
        using var cache = SomeLatents.Holding(100, Format(48, 4));
        Assert.False(cache[1].IsUniform);
        Assert.True(cache[0].IsUniform);
        Assert.Contains("attention weights are asked for, and its entries are sealed as latent rank=48", Assert.Throws<InvalidOperationException>(() => cache[1].Attend(new float[Heads * Dim], new float[Heads * Dim], 1, null, new float[400])).Message);
        Assert.Contains("entries are dropped, and its entries are sealed", Assert.Throws<InvalidOperationException>(() => cache[1].Retain(0, [1, 2])).Message);
        using var whole = new RaggedCache(new CacheShape(Layers, Heads, Dim));
        Assert.Contains("layers are folded as a prompt is read", Assert.Throws<InvalidOperationException>(() => whole.Seal(Format(4))).Message);
        Assert.Contains("no head has bytes of its own", Assert.Throws<InvalidOperationException>(() => Format(4).BytesFor(1, 10, Dim)).Message);
    }

    [Fact]
    public void Groups_that_fit_no_model_are_refused()
    {
        static LatentGroup Group(int first, int layers) => new(first, layers, new float[layers * 2 * Heads * Dim], new float[layers * 2 * Heads * Dim]);
        Assert.Contains("layer 2 is in two groups", Assert.Throws<LabException>(() => new LatentBasis(4, Heads, Dim, Group(1, 2), Group(2, 1))).Message);
        Assert.Contains("layers 2 to 3", Assert.Throws<LabException>(() => new LatentBasis(3, Heads, Dim, Group(2, 2))).Message);
        Assert.Contains("256 numbers of a token are not those of 2 layers of 3 KV heads", Assert.Throws<LabException>(() => new LatentBasis(3, 3, Dim, Group(1, 2))).Message);
        Assert.Contains("no group", Assert.Throws<LabException>(() => new LatentBasis(3, 3, Dim)).Message);
        Assert.Contains("5 numbers are no directions of 4", Assert.Throws<LabException>(() => new LatentGroup(0, 1, new float[4], new float[5])).Message);
        Assert.Contains("infinite or none", Assert.Throws<LabException>(() => new LatentGroup(0, 1, [1, float.NaN], new float[2])).Message);
    }
}
