using HeadKvLab.Kernels;

namespace HeadKvLab.Tests.Kernels;

/// <summary>What stands between a layer's products against its definition in double precision, at all lengths around a vector's, one row and many.</summary>
public sealed unsafe class ElementwiseTests
{
    private const float Epsilon = 0.25f;

    private static float[] Numbers(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 4 - 2)];
    }

    private static double[] Normalised(ReadOnlySpan<float> x, ReadOnlySpan<float> gains)
    {
        var (squares, y) = (0.0, new double[x.Length]);
        foreach (var number in x) squares += (double)number * number;
        for (var i = 0; i < y.Length; i++) y[i] = x[i] / Math.Sqrt(squares / x.Length + Epsilon) * gains[i];
        return y;
    }

    private static double[] Gated(ReadOnlySpan<float> gate, ReadOnlySpan<float> up)
    {
        var y = new double[gate.Length];
        for (var i = 0; i < y.Length; i++) y[i] = gate[i] / (1 + Math.Exp(-gate[i])) * up[i];
        return y;
    }

    private static double[] Rotated(ReadOnlySpan<float> head, ReadOnlySpan<float> cosines, ReadOnlySpan<float> sines)
    {
        var (half, y) = (cosines.Length, new double[head.Length]);
        for (var i = 0; i < y.Length; i++)
            y[i] = i < half ? (double)head[i] * cosines[i] - (double)head[i + half] * sines[i] : i < 2 * half ? (double)head[i] * cosines[i - half] + (double)head[i - half] * sines[i - half] : head[i];
        return y;
    }

    private static void Near(double[] expected, ReadOnlySpan<float> found)
    {
        Assert.Equal(expected.Length, found.Length);
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], found[i], 2e-6 * Math.Max(1, Math.Abs(expected[i])));
    }

    public static TheoryData<int> Lengths => new(1, 2, 15, 16, 17, 31, 32, 33, 48, 50);

    [Theory, MemberData(nameof(Lengths))]
    public void Rows_of_any_length_equal_the_definition(int length)
    {
        float[] x = Numbers(length, 1), other = Numbers(length, 2), y = new float[length];
        Elementwise.Normalise(x, other, Epsilon, y);
        Near(Normalised(x, other), y);
        var sum = x.ToArray();
        Elementwise.Add(sum, other);
        Near([.. x.Zip(other, (a, b) => (double)(a + b))], sum);
        var gated = x.ToArray();
        Elementwise.SwiGlu(gated, other);
        Near(Gated(x, other), gated);
        float[] head = Numbers(2 * length + 3, 3), turned = head.ToArray();       // three numbers that are not turned
        Elementwise.Rotate(turned, x, other);
        Near(Rotated(head, x, other), turned);
    }

    /// <summary>A gate far from 0 neither overflows nor loses its sign.</summary>
    [Fact]
    public void Large_gates_are_passed_or_closed()
    {
        float[] gate = [.. Enumerable.Repeat((float[])[200, -200, 0, 90, -90], 8).SelectMany(x => x)], y = gate.ToArray();
        Elementwise.SwiGlu(y, Enumerable.Repeat(1f, gate.Length).ToArray());
        for (var i = 0; i < y.Length; i++) Assert.Equal(gate[i] > 0 ? gate[i] : 0, y[i], 1e-6f);
    }

    /// <summary>Long rows are a part each, short ones many: 16,384 numbers make a part.</summary>
    [Theory]
    [InlineData(1, 6, 2), InlineData(3, 20_000, 4), InlineData(700, 48, 16), InlineData(1025, 32, 32), InlineData(0, 16, 8)]
    public void Rows_are_worked_on_each_by_itself(int rows, int columns, int dim)
    {
        float[] x = Numbers(rows * columns, 4), other = Numbers(rows * columns, 5), y = new float[rows * columns], gated = x.ToArray(), turned = x.ToArray();
        float[] gains = Numbers(columns, 6), cosines = Numbers(rows * dim / 2, 7), sines = Numbers(rows * dim / 2, 8);
        fixed (float* px = x, pother = other, py = y, pgated = gated, pturned = turned, pgains = gains, pcosines = cosines, psines = sines)
        {
            RowKernels.Normalise(px, pgains, Epsilon, py, rows, columns);
            RowKernels.SwiGlu(pgated, pother, rows, columns);
            RowKernels.Rotate(pturned, pcosines, psines, rows, columns / dim, dim);
        }
        for (var row = 0; row < rows; row++)
        {
            var (from, end) = (row * columns, (row + 1) * columns);
            Near(Normalised(x.AsSpan(from..end), gains), y.AsSpan(from..end));
            Near(Gated(x.AsSpan(from..end), other.AsSpan(from..end)), gated.AsSpan(from..end));
            for (var head = from; head + dim <= end; head += dim)
                Near(Rotated(x.AsSpan(head, dim), cosines.AsSpan(row * dim / 2, dim / 2), sines.AsSpan(row * dim / 2, dim / 2)), turned.AsSpan(head, dim));
        }
    }

    [Fact]
    public void What_no_kernel_reads_is_refused()
    {
        Assert.Equal("8-bit matrices are made by Quantise (Parameter 'format')", Assert.Throws<ArgumentException>(() => new PackedMatrix(0, NumberFormat.Int8, 1, 1)).Message);
        var numbers = new float[8192];
        fixed (float* p = numbers)
        {
            var at = (nint)p;
            string Refused(int dim, NumberFormat format, int queries, int output) => Assert.Throws<ArgumentException>(() => RaggedAttention.Decode(new float[queries], new RaggedHeads([new((void*)at, (void*)at, 1)], [0, 1], format, dim), new float[output], 1)).Message;
            Assert.Equal("5 query numbers do not make query heads of dimension 4 over 1 KV heads", Refused(4, NumberFormat.Float32, 5, 5));
            Assert.Equal("0 query numbers do not make query heads of dimension 4 over 1 KV heads", Refused(4, NumberFormat.Float32, 0, 0));
            Assert.Equal("the output has 3 numbers, the queries 4", Refused(4, NumberFormat.Float32, 4, 3));
            Assert.Equal($"heads of dimension {RaggedAttention.LargestDim + 1}; the kernel takes at most {RaggedAttention.LargestDim}", Refused(RaggedAttention.LargestDim + 1, NumberFormat.Float32, RaggedAttention.LargestDim + 1, RaggedAttention.LargestDim + 1));
            Assert.Equal("entries in int8; the kernel reads float32, bfloat16 or float16", Refused(4, NumberFormat.Int8, 4, 4));
        }
    }

    [Fact]
    public void Threads_are_some_of_the_cores()
    {
        foreach (var bad in (int[])[0, -1, Environment.ProcessorCount + 1])
            Assert.Equal($"--threads {bad}: this machine has {Environment.ProcessorCount} core(s); give 1 to {Environment.ProcessorCount}", Assert.Throws<LabException>(() => KernelThreads.Count = bad).Message);
    }
}
