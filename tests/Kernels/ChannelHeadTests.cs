namespace HeadKvLab.Tests.Kernels;

/// <summary>Attention over blocks whose keys lack channels is attention over keys with zeros in their place.</summary>
public sealed class ChannelHeadTests
{
    [Theory]
    [InlineData(16), InlineData(8), InlineData(4), InlineData(2)]
    public void Every_count(int bits)
    {
        foreach (var entries in (int[])[1, 7, 8, 9, 17, 31, 33, 63, 64, 65, 129, 1000])
            foreach (var (dim, dropped) in ((int, int)[])[(32, 12), (128, 51)]) SealedHeadTests.Compare(bits, entries, dim, 2, 0, entries, 1, dropped);
    }

    /// <summary>From one channel gone to one that stays; dimensions that no vector divides among them.</summary>
    [Theory]
    [InlineData(16), InlineData(8), InlineData(4), InlineData(2)]
    public void Every_dimension(int bits)
    {
        foreach (var (dim, dropped) in ((int, int)[])[(2, 1), (7, 3), (16, 1), (16, 15), (48, 20), (80, 79), (96, 16), (160, 64), (256, 255)])
            foreach (var group in (int[])[1, 2, 3, 4, 5, 8, 11]) SealedHeadTests.Compare(bits, 150, dim, group, 0, 150, 1, dropped);
    }

    /// <summary>bfloat16 with every channel: the kernel alone, without a list.</summary>
    [Fact]
    public void No_channel_gone() => SealedHeadTests.Compare(16, 150, 32, 3, 0, 150);

    [Theory]
    [InlineData(16), InlineData(8), InlineData(4), InlineData(2)]
    public void Part_of_the_blocks(int bits)
    {
        foreach (var (first, end) in ((int, int)[])[(0, 1), (5, 9), (16, 32), (63, 64), (63, 65), (40, 100), (64, 128), (127, 129), (130, 131), (1, 2000), (1100, 2040), (2040, 2048), (2050, 2070)])
            SealedHeadTests.Compare(bits, 2070, 32, 2, first, end, 1, 12);
    }

    [Theory]
    [InlineData(16), InlineData(4)]
    public void One_channel_of_a_thousand(int bits) => SealedHeadTests.Compare(bits, 200, 32, 4, 0, 200, 1000, 12);
}
