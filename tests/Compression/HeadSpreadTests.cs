using HeadKvLab.Compression;

namespace HeadKvLab.Tests.Compression;

/// <summary>Heads of unequal length on several devices.</summary>
public sealed class HeadSpreadTests
{
    /// <summary>
    /// Two layers of four heads on two devices. Neighbours: 8 + 1 against 1 + 2 and 4 + 4 against 2 + 2: busiest 9 + 8 of 12 equal, and the first device holds all of the 17.
    /// By length: 8 + 1 against 2 + 1 (8, then 2, 1 to the second, which is then full: the last 1 goes to the first), 4 + 2 twice: busiest 9 + 6; the fuller device takes one of two equal parts.
    /// </summary>
    [Fact]
    public void Two_layers_by_hand()
    {
        int[][] entries = [[8, 1, 1, 2], [4, 4, 2, 2]];
        Assert.Equal(new(2, 17 / 12.0, 17 / 12.0), HeadSpread.Contiguous(entries, 2));
        Assert.Equal(new(2, 15 / 12.0, 15 / 12.0), HeadSpread.ByLength(entries, 2));
    }

    [Fact]
    public void Parts_change_sides_so_that_memory_stays_equal()
    {
        int[][] entries = [[9, 1], [9, 1]];
        Assert.Equal(new(2, 1.8, 1.8), HeadSpread.Contiguous(entries, 2));
        Assert.Equal(new(2, 1.8, 1), HeadSpread.ByLength(entries, 2)); // a layer's longest head is somewhere, but not always on the same device
    }

    [Theory, InlineData(1), InlineData(2), InlineData(4)]
    public void Equal_heads_are_no_trouble(int devices)
    {
        int[][] entries = [[5, 5, 5, 5], [7, 7, 7, 7]];
        Assert.Equal(new(devices, 1, 1), HeadSpread.Contiguous(entries, devices));
        Assert.Equal(new(devices, 1, 1), HeadSpread.ByLength(entries, devices));
    }

    [Fact]
    public void Dealing_by_length_helps_and_one_device_never_waits()
    {
        var (random, near, dealt) = (new Random(1), 0.0, 0.0);
        for (var trial = 0; trial < 200; trial++)
        {
            int[][] entries = [.. Enumerable.Range(0, 4).Select(_ => Enumerable.Range(0, 8).Select(_ => 1 + random.Next(100)).ToArray())];
            foreach (var devices in (int[])[2, 4])
            {
                var (neighbours, byLength) = (HeadSpread.Contiguous(entries, devices), HeadSpread.ByLength(entries, devices));
                (near, dealt) = (near + neighbours.Steps - 1, dealt + byLength.Steps - 1);
                Assert.True(byLength.Steps >= 1 && byLength.Memory >= 1 && byLength.Memory <= byLength.Steps + 1e-12);
            }
            Assert.Equal(HeadSpread.Contiguous(entries, 8).Steps, HeadSpread.ByLength(entries, 8).Steps, 12); // a head each, whoever has it
            Assert.Equal(1, HeadSpread.Contiguous(entries, 1).Steps, 12);
        }
        Assert.True(dealt < 0.3 * near, $"{dealt} of {near}");
    }

    [Theory, InlineData(3), InlineData(8), InlineData(0)]
    public void What_cannot_be_dealt_out_is_refused(int devices) => Assert.Contains($"{devices} devices", Assert.Throws<LabException>(() => HeadSpread.Contiguous([[1, 2, 3, 4]], devices)).Message, StringComparison.Ordinal);
}
