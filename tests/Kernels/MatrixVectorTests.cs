using HeadKvLab.Kernels;

namespace HeadKvLab.Tests.Kernels;

/// <summary>Products against the definition in double precision, over the numbers as they are stored.</summary>
public unsafe class MatrixVectorTests
{
    /// <summary>Rows and columns that are no multiples of four and sixteen, and a matrix large enough for several threads.</summary>
    public static TheoryData<NumberFormat, int, int, int> Cases
    {
        get
        {
            var cases = new TheoryData<NumberFormat, int, int, int>();
            foreach (var format in Enum.GetValues<NumberFormat>())
                foreach (var (rows, columns, batch) in ((int, int, int)[])[(1, 1, 1), (7, 19, 1), (64, 48, 3), (130, 33, 2), (1030, 1056, 1), (517, 2050, 4)])
                    cases.Add(format, rows, columns, batch);
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void TheProductIsTheDefinition(NumberFormat format, int rows, int columns, int batch)
    {
        var random = new Random(rows + columns);
        float[] weights = Numbers(random, rows * columns), bias = Numbers(random, rows), x = Numbers(random, batch * columns);
        var y = new float[batch * rows];
        var stored = new byte[weights.Length * 4];
        fixed (byte* memory = stored)
        fixed (float* b = bias)
        {
            var source = format == NumberFormat.Int8 ? NumberFormat.Float32 : format;
            source.Narrow(weights, memory);
            var matrix = new PackedMatrix((nint)memory, source, rows, columns, (nint)b);
            if (format == NumberFormat.Int8) matrix = matrix.Quantise();
            MatrixVector.Multiply(matrix, x, y, batch);
            var row = new float[columns];
            for (var r = 0; r < rows; r++)
            {
                matrix.Row(r, row);
                for (var s = 0; s < batch; s++)
                {
                    double sum = bias[r], size = Math.Abs(bias[r]);
                    for (var c = 0; c < columns; c++)
                    {
                        sum += (double)row[c] * x[s * columns + c];
                        size += Math.Abs((double)row[c] * x[s * columns + c]);
                    }
                    Assert.True(Math.Abs(sum - y[s * rows + r]) <= 1e-6 * size, $"row {r}, vector {s}: {sum} and {y[s * rows + r]}");
                }
            }
        }
    }

    /// <summary>127 levels each side: a row [1, -0.5, 0.25, 0] has factor 1/127 and integers 127, -64 (half to even), 32, 0.</summary>
    [Fact]
    public void EightBitsRoundEachRowByItsLargestNumber()
    {
        float[] weights = [1, -0.5f, 0.25f, 0, 0, 0, 0, 0, -8, 4, 2, 1];
        fixed (float* memory = weights)
        {
            var matrix = new PackedMatrix((nint)memory, NumberFormat.Float32, 3, 4).Quantise();
            var row = new float[4];
            matrix.Row(0, row);
            Assert.Equal([127 / 127f, -64 / 127f, 32 / 127f, 0], row);
            matrix.Row(1, row);
            Assert.Equal([0, 0, 0, 0], row);
            matrix.Row(2, row);
            Assert.Equal([-8, 64 * (8 / 127f), 32 * (8 / 127f), 16 * (8 / 127f)], row);
            Assert.Equal(12 + 4 * 3, matrix.Bytes);
        }
    }

    /// <summary>Three matrices of different formats and sizes, one too small to be shared alone, give together what each gives alone, to the last bit.</summary>
    [Theory]
    [InlineData(1, true), InlineData(1, false), InlineData(3, true)]
    public void MatricesMultipliedTogetherGiveWhatEachGivesAlone(int batch, bool three)
    {
        const int columns = 515;
        var random = new Random(9);
        float[] weights = Numbers(random, 1100 * columns), x = Numbers(random, batch * columns), bias = Numbers(random, 70);
        fixed (float* memory = weights, b = bias)
        {
            PackedMatrix[] matrices =
            [
                new((nint)memory, NumberFormat.Float32, 1030, columns), new PackedMatrix((nint)(memory + 7 * columns), NumberFormat.Float32, 70, columns, (nint)b).Quantise(),
                new((nint)memory, NumberFormat.BFloat16, 3, columns),
            ];
            float[][] alone = Array.ConvertAll(matrices, m => new float[batch * m.Rows]), together = Array.ConvertAll(alone, y => new float[y.Length]);
            for (var m = 0; m < 3; m++) MatrixVector.Multiply(matrices[m], x, alone[m], batch);
            MatrixVector.Multiply(x, batch, matrices[0], together[0], matrices[1], together[1], three ? matrices[2] : null, three ? together[2] : default);
            for (var m = 0; m < (three ? 3 : 2); m++) Assert.Equal(alone[m], together[m]);
            Assert.Throws<ArgumentException>(() => MatrixVector.Multiply(x, batch, matrices[0], together[0], matrices[1], together[0]));
            Assert.Throws<ArgumentException>(() => MatrixVector.Multiply(x, batch, matrices[0], together[0], matrices[1], together[1], matrices[2], together[1]));
        }
    }

    /// <summary>Half the bytes, the same products to the last bit and the same rows: in blocks of 32 where rows are made of them, as they are elsewhere.</summary>
    [Theory]
    [InlineData(70, 32), InlineData(70, 96), InlineData(300, 256), InlineData(9, 48), InlineData(5, 33), InlineData(3, 7)]
    public void NarrowedNumbersAreTheSame(int rows, int columns)
    {
        var random = new Random(rows);
        float[] weights = Numbers(random, rows * columns), x = Numbers(random, columns), expected = new float[rows], found = new float[rows];
        for (var i = 0; i < weights.Length; i++) weights[i] = BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(weights[i]) & 0xFFFF0000);
        fixed (float* memory = weights)
        {
            var wide = new PackedMatrix((nint)memory, NumberFormat.Float32, rows, columns);
            var narrow = wide.Narrowed();
            Assert.Equal((NumberFormat.BFloat16, wide.Bytes / 2), (narrow.Format, narrow.Bytes));
            MatrixVector.Multiply(wide, x, expected);
            MatrixVector.Multiply(narrow, x, found);
            Assert.Equal(expected, found);
            float[] row = new float[columns], narrowRow = new float[columns];
            for (var r = 0; r < rows; r++)
            {
                wide.Row(r, row);
                narrow.Row(r, narrowRow);
                Assert.Equal(row, narrowRow);
            }
            weights[^1] = 1.00001f; // not a bfloat16 number
            Assert.Same(wide, wide.Narrowed());
        }
    }

    [Fact]
    public void WrongLengthsAreRefused()
    {
        var weights = new float[12];
        fixed (float* memory = weights)
        {
            var matrix = new PackedMatrix((nint)memory, NumberFormat.Float32, 3, 4);
            Assert.Throws<ArgumentException>(() => MatrixVector.Multiply(matrix, new float[3], new float[3]));
            Assert.Throws<ArgumentException>(() => MatrixVector.Multiply(matrix, new float[4], new float[6], 2));
        }
    }

    [Fact]
    public void ElementwiseStepsAreTheirDefinitions()
    {
        var random = new Random(5);
        float[] x = Numbers(random, 37, 90), up = Numbers(random, 37), gains = Numbers(random, 37);
        float[] gated = [.. x], normed = new float[37], sum = [.. x];
        Elementwise.SwiGlu(gated, up);
        Elementwise.Normalise(x, gains, 1e-5f, normed);
        Elementwise.Add(sum, up);
        var scale = 1 / Math.Sqrt(x.Sum(v => (double)v * v) / 37 + 1e-5);
        for (var i = 0; i < 37; i++)
        {
            Assert.Equal(x[i] / (1 + Math.Exp(-x[i])) * up[i], gated[i], 1e-5 * Math.Max(1, Math.Abs(x[i])));
            Assert.Equal(x[i] * scale * gains[i], normed[i], 1e-6);
            Assert.Equal(x[i] + up[i], sum[i]);
        }
    }

    private static float[] Numbers(Random random, int count, float spread = 1)
    {
        var numbers = new float[count];
        foreach (ref var x in numbers.AsSpan()) x = (random.NextSingle() - 0.5f) * 2 * spread;
        return numbers;
    }
}
