using HeadKvLab.Kernels;

namespace HeadKvLab.Tests.Kernels;

public unsafe class RaggedAttentionTests
{
    /// <summary>The definition in double precision over the numbers as stored.</summary>
    private static float[] Naive(float[] queries, float[] keys, float[] values, int[] counts, long[] offsets, int dim, float scale, float[]? bias = null)
    {
        var group = queries.Length / dim / counts.Length;
        var output = new float[queries.Length];
        for (var q = 0; q < queries.Length / dim; q++)
        {
            var head = q / group;
            var logits = new double[counts[head]];
            for (var j = 0; j < counts[head]; j++)
            {
                for (var i = 0; i < dim; i++) logits[j] += (double)queries[q * dim + i] * keys[(offsets[head] + j) * dim + i];
                logits[j] = logits[j] * scale + (j == 0 ? bias?[head] ?? 0 : 0);
            }
            var max = logits.Max();
            var sum = logits.Sum(x => Math.Exp(x - max));
            for (var i = 0; i < dim; i++)
            {
                double total = 0;
                for (var j = 0; j < counts[head]; j++) total += Math.Exp(logits[j] - max) / sum * values[(offsets[head] + j) * dim + i];
                output[q * dim + i] = (float)total;
            }
        }
        return output;
    }

    private static float[] Numbers(Random random, int count, float spread = 1)
    {
        var numbers = new float[count];
        foreach (ref var x in numbers.AsSpan()) x = (random.NextSingle() - 0.5f) * 2 * spread;
        return numbers;
    }

    /// <summary>Stores numbers in the format and reads them back, so that both sides see the same values.</summary>
    private static (byte[] Stored, float[] Read) Store(float[] numbers, NumberFormat format)
    {
        var stored = new byte[numbers.Length * format.Bytes() + 64];
        fixed (byte* p = stored) format.Narrow(numbers, p);
        var read = new float[numbers.Length];
        for (var i = 0; i < read.Length; i++)
            read[i] = format switch
            {
                NumberFormat.Float32 => numbers[i],
                NumberFormat.BFloat16 => BitConverter.UInt32BitsToSingle((uint)BitConverter.ToUInt16(stored, 2 * i) << 16),
                _ => (float)BitConverter.ToHalf(stored, 2 * i),
            };
        return (stored, read);
    }

    private static void Compare(int dim, int group, int[] counts, NumberFormat format, int seed, float spread = 1, bool biased = false)
    {
        var random = new Random(seed);
        var offsets = new long[counts.Length];
        long total = 0;
        for (var h = 0; h < counts.Length; h++)
        {
            offsets[h] = total;
            total += counts[h] + random.Next(5); // room between heads
        }
        var queries = Numbers(random, counts.Length * group * dim, spread);
        var (keys, readKeys) = Store(Numbers(random, (int)total * dim, spread), format);
        var (values, readValues) = Store(Numbers(random, (int)total * dim), format);
        var bias = biased ? Numbers(random, counts.Length, 5) : null;
        var output = new float[queries.Length];
        var scale = 1 / MathF.Sqrt(dim);
        fixed (byte* k = keys, v = values)
            RaggedAttention.Decode(queries, Pieces.Of(k, v, format, dim, counts, offsets, bias), output, scale);
        var expected = Naive(queries, readKeys, readValues, counts, offsets, dim, scale, bias);
        for (var i = 0; i < output.Length; i++)
            Assert.True(Math.Abs(output[i] - expected[i]) <= 1e-5, $"dim {dim}, group {group}, {format}, number {i}: {output[i]} for {expected[i]}");
    }

    public static TheoryData<int, int, NumberFormat> Shapes()
    {
        var shapes = new TheoryData<int, int, NumberFormat>();
        foreach (var dim in new[] { 8, 16, 20, 32, 64, 80, 96, 128, 256 })
            foreach (var group in new[] { 1, 2, 3, 4, 5, 6, 7, 8 })
                foreach (var format in NumberFormats.Floating) shapes.Add(dim, group, format);
        return shapes;
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Equals_the_definition(int dim, int group, NumberFormat format) =>
        Compare(dim, group, [1, 2500, 63, 64, 65, 7, 1024, 1025, 3], format, dim * 100 + group);

    [Theory]
    [InlineData(64, NumberFormat.Float32), InlineData(128, NumberFormat.BFloat16), InlineData(24, NumberFormat.Float32)]
    public void Survives_large_logits_and_biases(int dim, NumberFormat format)
    {
        Compare(dim, 4, [300, 5, 64], format, 7, spread: 8);
        Compare(dim, 2, [300, 5, 64], format, 8, spread: 1, biased: true);
        Compare(dim, 2, [2500, 5, 1025], format, 9, spread: 1, biased: true); // heads of several segments: the first entry alone is biased
    }

    [Fact]
    public void A_head_that_never_gets_a_higher_logit_and_one_that_always_does()
    {
        // keys grow or shrink along the entries, so that the running maximum never or always moves
        const int dim = 32, n = 500;
        var keys = new float[2 * n * dim];
        for (var j = 0; j < n; j++)
        {
            keys.AsSpan(j * dim, dim).Fill(j / 100f);
            keys.AsSpan((n + j) * dim, dim).Fill((n - j) / 100f);
        }
        var values = Numbers(new Random(4), 2 * n * dim);
        var queries = Enumerable.Repeat(1f, 2 * dim).ToArray();
        var output = new float[queries.Length];
        int[] counts = [n, n];
        long[] offsets = [0, n];
        fixed (float* k = keys, v = values)
            RaggedAttention.Decode(queries, Pieces.Of(k, v, NumberFormat.Float32, dim, counts, offsets), output, 1);
        var expected = Naive(queries, keys, values, counts, offsets, dim, 1);
        for (var i = 0; i < output.Length; i++) Assert.Equal(expected[i], output[i], 1e-5);
    }

    [Fact]
    public void An_entry_with_bias_ln_N_counts_N_times()
    {
        // entry 0 stands for three equal ones
        const int dim = 16;
        var random = new Random(11);
        var (key, value, rest) = (Numbers(random, dim), Numbers(random, dim), Numbers(random, 5 * dim));
        var queries = Numbers(random, dim);
        float[] once = [.. key, .. rest], onceValues = [.. value, .. rest];
        float[] thrice = [.. key, .. key, .. key, .. rest], thriceValues = [.. value, .. value, .. value, .. rest];
        var (a, b) = (new float[dim], new float[dim]);
        fixed (float* k = once, v = onceValues)
            RaggedAttention.Decode(queries, Pieces.Of(k, v, NumberFormat.Float32, dim, [6], [0], [MathF.Log(3)]), a, 0.25f);
        fixed (float* k = thrice, v = thriceValues)
            RaggedAttention.Decode(queries, Pieces.Of(k, v, NumberFormat.Float32, dim, [8], [0]), b, 0.25f);
        for (var i = 0; i < dim; i++) Assert.Equal(b[i], a[i], 1e-6);
    }

    [Fact]
    public void Half_precision_reads_small_infinite_and_negative_numbers()
    {
        ushort[] bits = [0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x3C00, 0xC000, 0x7BFF, 0x7C00, 0xFC00, 0x3555, 0xB555, 0x0200, 0x1234, 0x9876, 0x7000];
        fixed (ushort* p = bits)
        {
            var wide = Float16Lanes.Load((byte*)p);
            for (var i = 0; i < 16; i++) Assert.Equal((float)BitConverter.UInt16BitsToHalf(bits[i]), wide[i]);
        }
    }

    [Fact]
    public void Exponentials_are_exact_to_two_parts_in_ten_million()
    {
        var x = new float[16];
        for (var step = 0; step < 5500; step++)
        {
            for (var i = 0; i < 16; i++) x[i] = -(step * 16 + i) * 0.001f;
            var y = FastExp.Exp(System.Runtime.Intrinsics.Vector512.LoadUnsafe(ref x[0]));
            for (var i = 0; i < 16; i++)
            {
                var expected = Math.Exp(x[i]);
                if (x[i] >= -87) Assert.InRange(y[i] / expected, 1 - 2e-7, 1 + 2e-7);
                else Assert.Equal(0, y[i]);
            }
        }
    }

    [Theory]
    [InlineData(64), InlineData(20)]
    public void What_is_not_a_number_is_not_hidden_and_stays_in_its_head(int dim)
    {
        const int n = 70;
        var data = Numbers(new Random(31), 2 * n * dim);
        data[(n + 66) * dim + 3] = float.NaN; // a key of head 1, in its last, incomplete block
        var values = Numbers(new Random(32), 2 * n * dim);
        var queries = Numbers(new Random(33), 6 * dim);
        var output = new float[queries.Length];
        fixed (float* k = data, v = values)
            RaggedAttention.Decode(queries, Pieces.Of(k, v, NumberFormat.Float32, dim, [n, n], [0, n]), output, 0.2f);
        Assert.All(output[..(3 * dim)], x => Assert.True(float.IsFinite(x)));
        Assert.All(output[(3 * dim)..], x => Assert.True(float.IsNaN(x)));
    }

    [Fact]
    public void Entries_whose_weight_is_nothing_change_nothing()
    {
        // logits far below the maximum, and a maximum that rises from minus 1,000 to plus 1,000 within a segment
        const int dim = 64, n = 300;
        var (keys, values) = (new float[n * dim], Numbers(new Random(41), n * dim));
        for (var j = 0; j < n; j++) keys[j * dim] = j == 250 ? 1000 : j < 100 ? -1000 : -2000;
        var queries = new float[3 * dim];
        for (var g = 0; g < 3; g++) queries[g * dim] = 1;
        var output = new float[queries.Length];
        fixed (float* k = keys, v = values)
            RaggedAttention.Decode(queries, Pieces.Of(k, v, NumberFormat.Float32, dim, [n], [0]), output, 1);
        for (var i = 0; i < output.Length; i++) Assert.Equal(values[250 * dim + i % dim], output[i], 1e-6);
    }

    [Fact]
    public void Allocates_nothing()
    {
        const int dim = 64;
        var data = new float[400 * dim];
        var (queries, output) = (new float[4 * dim], new float[4 * dim]);
        int[] counts = [300, 20];
        long[] offsets = [0, 310];
        var least = long.MaxValue;   // of six rounds: a collection that another thread starts counts what is left of this thread's block as allocated
        fixed (float* p = data)
        {
            var heads = Pieces.Of(p, p, NumberFormat.Float32, dim, counts, offsets);
            for (var round = 0; round < 6; round++)
            {
                var before = GC.GetAllocatedBytesForCurrentThread();
                for (var run = 0; run < 20; run++) RaggedAttention.Decode(queries, heads, output, 1);
                least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            }
        }
        Assert.Equal(0, least);
    }

    [Fact]
    public void Impossible_shapes_are_refused()
    {
        var data = new float[64];
        fixed (float* p = data)
        {
            var pointer = (nint)p;
            void Decode(int queries, int output, int dim, int[] counts) => RaggedAttention.Decode(
                new float[queries], Pieces.Of((void*)pointer, (void*)pointer, NumberFormat.Float32, dim, counts, new long[counts.Length]), new float[output], 1);
            Assert.Contains("head 1", Assert.Throws<InvalidOperationException>(() => Decode(32, 32, 16, [2, 0])).Message);
            Assert.Throws<ArgumentException>(() => Decode(24, 24, 16, [2]));
            Assert.Throws<ArgumentException>(() => Decode(16, 32, 16, [2]));
            Assert.Throws<ArgumentException>(() => Decode(0, 0, 16, [2]));
            Assert.Throws<ArgumentException>(() => Decode(16 * 65, 16 * 65, 16, [2]));
        }
    }

    private static void Count(void* counters, int part) => Interlocked.Increment(ref ((int*)counters)[part]);

    [Fact]
    public void A_team_does_every_part_once_whoever_does_it()
    {
        const int parts = 1000;
        using var team = new WorkerTeam(4);
        var counters = stackalloc int[parts];
        for (var round = 1; round <= 200; round++)
        {
            team.Run(&Count, counters, parts);
            for (var part = 0; part < parts; part++) Assert.Equal(round, counters[part]);
        }
        Assert.Throws<LabException>(() => new WorkerTeam(0));
    }

    /// <summary>Pauses from none to longer than a helper looks for work: it is found looking, about to sleep, and asleep.</summary>
    [Fact]
    public void A_team_works_after_pauses_of_any_length()
    {
        const int parts = 6;
        using var team = new WorkerTeam(3);
        var counters = stackalloc int[parts];
        var random = new Random(51);
        for (var round = 1; round <= 3000; round++)
        {
            var until = System.Diagnostics.Stopwatch.GetTimestamp() + random.NextInt64(System.Diagnostics.Stopwatch.Frequency / 10_000); // up to 100 microseconds
            while (System.Diagnostics.Stopwatch.GetTimestamp() < until) { }
            if (round % 500 == 0) Thread.Sleep(2);
            team.Run(&Count, counters, parts);
            for (var part = 0; part < parts; part++) Assert.Equal(round, counters[part]);
        }
    }

    [Fact]
    public void Callers_on_several_threads_get_the_same_numbers_as_one()
    {
        const int dim = 64, n = 6000;
        var random = new Random(21);
        var data = Numbers(random, 3 * n * dim);
        var queries = Numbers(random, 6 * dim);
        int[] counts = [n, n - 5, 900];
        long[] offsets = [0, n, 2 * n];
        float[] Once()
        {
            var output = new float[queries.Length];
            fixed (float* p = data)
                RaggedAttention.Decode(queries, Pieces.Of(p, p, NumberFormat.Float32, dim, counts, offsets), output, 0.125f);
            return output;
        }
        var expected = Once();
        Parallel.For(0, 64, _ => Assert.Equal(expected, Once()));
    }
}
