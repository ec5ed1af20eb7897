using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Engine;

/// <summary>What belongs to the whole process: the default random numbers, and the memory of tensors that nobody disposed.</summary>
[Collection(Alone.Name)]
public sealed class ProcessTests
{
    private static float[] Floats(Tensor t) => t.data<float>().ToArray();

    private static long[] Longs(Tensor t) => t.data<long>().ToArray();

    [Fact]
    public void Random_numbers_repeat_with_their_seed()
    {
        using var scope = NewDisposeScope();
        manual_seed(5);
        float[] first = Floats(randn(4));
        manual_seed(5);
        Assert.Equal(first, Floats(randn(4)));
        using var generator = new Generator(5);
        Assert.Equal(first, Floats(randn(4, generator: generator)));
        Assert.Equal(Enumerable.Range(0, 9).Select(i => (long)i), Longs(randperm(9)).Order());
        Assert.All(Longs(randint(2, 5, [50])), v => Assert.InRange(v, 2, 4));
        Assert.All(Longs(multinomial(tensor(new[] { 0f, 1f, 0f }), 5, replacement: true)), v => Assert.Equal(1, v));
    }

    [Fact]
    public void Tensors_nobody_disposed_are_freed_by_the_finaliser_and_never_while_in_use()
    {
        long start = Environment.WorkingSet, peak = 0;
        for (int i = 0; i < 200; i++)
        {
            Abandon();
            peak = Math.Max(peak, Environment.WorkingSet);
            if (i % 10 == 9) { GC.Collect(); GC.WaitForPendingFinalizers(); }
        }
        Assert.True(peak - start < 1L << 30, $"working set grew by {(peak - start) >> 20} MB, all tensors together have 2,400");

        static void Abandon() => Assert.Equal(1 << 20, ones(1 << 20).mul(ones(1 << 20)).sum().ToInt32());
    }
}
