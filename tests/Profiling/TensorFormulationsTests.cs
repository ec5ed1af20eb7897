using HeadKvLab.Profiling.Micro;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Profiling;

/// <summary>The rivals of the ragged kernel compute the same attention, so that their times are comparable.</summary>
public sealed class TensorFormulationsTests
{
    [Theory]
    [InlineData(1), InlineData(4)]
    public void All_formulations_give_the_same(int group)
    {
        using var scope = NewDisposeScope();
        var rivals = new TensorFormulations([1, 9, 3, 17, 2, 40, 5, 8], group, 16);
        var expected = rivals.Padded();
        Assert.Equal([8, group, 16], expected.shape);
        foreach (var other in (Tensor[])[rivals.PerHead(), rivals.Segments(), rivals.Fused(), rivals.FusedInGroups()])
            Assert.True(other.allclose(expected, 1e-4, 1e-5), $"{(other - expected).abs().max().item<float>()} apart");
    }
}
