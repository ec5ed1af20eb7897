using System.Runtime.InteropServices;
using HeadKvLab.Cache;
using HeadKvLab.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Kernels;

/// <summary>What a narrow cache stores is what torch would store: rounded to nearest, ties to even, NaN still NaN.</summary>
public sealed unsafe class NumberFormatTests
{
    [Fact]
    public void NamesAndBytesAreThoseOfFilesAndOptions()
    {
        Assert.Equal([("float32", 4), ("bfloat16", 2), ("float16", 2), ("int8", 1)], Enum.GetValues<NumberFormat>().Select(format => (format.Name(), format.Bytes())));
        foreach (var format in Enum.GetValues<NumberFormat>()) Assert.True(NumberFormats.TryParse(format.Name(), out var read) && read == format);
        foreach (var name in (string?[])[null, "", "Float32", "fp32", "0"]) Assert.False(NumberFormats.TryParse(name, out _));
    }

    [Fact]
    public void TorchHasTheSameFormats()
    {
        foreach (var format in NumberFormats.Floating)
        {
            Assert.Equal(format, format.Scalar().Format());
            Assert.Equal(format.Bytes(), tensor(1f).to(format.Scalar()).ElementSize);
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => NumberFormat.Int8.Scalar());
        Assert.Contains("do not hold Int64: use float32, bfloat16 or float16", Assert.Throws<LabException>(() => ScalarType.Int64.Format()).Message);
    }

    [Theory]
    [InlineData(NumberFormat.Float32, ScalarType.Float32), InlineData(NumberFormat.BFloat16, ScalarType.BFloat16), InlineData(NumberFormat.Float16, ScalarType.Float16)]
    public void NarrowingRoundsAsTorchDoes(NumberFormat format, ScalarType type)
    {
        using var scope = NewDisposeScope();
        var random = new Random(3);
        uint[] bits =
        [
            0x3F808000, 0x3F818000, 0xBF808000, 0x3F808001, 0x3F807FFF,       // ties of bfloat16 (to even: down, up), and beside them
            0x3F801000, 0x3F803000, 0x3F801001, 0x33800000, 0x00000001,       // ties of float16, its smallest number, float32's smallest
            0x7F7FFFFF, 0xFF7FFFFF, 0x477FF000, 0x7F800000, 0xFF800000, 0, 0x80000000, // what overflows, infinities, zeros
            .. Enumerable.Range(0, 4000).Select(_ => (uint)random.NextInt64(1L << 32)).Where(b => !float.IsNaN(BitConverter.UInt32BitsToSingle(b))),
        ];
        var numbers = MemoryMarshal.Cast<uint, float>(bits).ToArray();
        var stored = new byte[numbers.Length * format.Bytes()];
        fixed (byte* target = stored) format.Narrow(numbers, target);
        Assert.Equal(tensor(numbers).to(type).bytes.ToArray(), stored);
    }

    [Theory]
    [InlineData(NumberFormat.BFloat16), InlineData(NumberFormat.Float16)]
    public void NanStaysNanWhateverItsBits(NumberFormat format)
    {
        uint[] bits = [0x7FC00000, 0xFFC00000, 0x7F800001, 0x7FFFFFFF, 0xFFFFFFFF, 0xFF800001];
        var stored = new ushort[bits.Length];
        fixed (ushort* target = stored) format.Narrow(MemoryMarshal.Cast<uint, float>(bits), (byte*)target);
        Assert.All(stored, half => Assert.True(format == NumberFormat.Float16 ? Half.IsNaN(BitConverter.UInt16BitsToHalf(half)) : float.IsNaN(BitConverter.UInt32BitsToSingle((uint)half << 16)), $"{half:x4}"));
    }
}
