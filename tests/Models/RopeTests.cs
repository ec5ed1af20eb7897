using HeadKvLab.Models;

namespace HeadKvLab.Tests.Models;

public class RopeTests
{
    private static ModelConfig Config(RopeScaling? scaling, double theta = 10_000, int dim = 4) => new()
    {
        Architecture = "LlamaForCausalLM", VocabSize = 8, HiddenSize = dim, IntermediateSize = 8, Layers = 1, QueryHeads = 1, KvHeads = 1,
        HeadDim = dim, MaxPositions = 16, RopeTheta = theta, RopeScaling = scaling,
    };

    [Fact]
    public void FrequenciesFollowThePaper()
    {
        Assert.Equal([1f, 0.01f], Rope.Frequencies(Config(null)));
        Assert.Equal([0.25f, 0.0025f], Rope.Frequencies(Config(new LinearRopeScaling(4))));
        Assert.Contains("rope scaling Unknown has no rule", Assert.Throws<LabException>(() => Rope.Frequencies(Config(new Unknown()))).Message);
    }

    private sealed record Unknown : RopeScaling;

    /// <summary>
    /// theta 10^8, dim 4: frequencies 1 and 10^-4. Original context 6283.1853 = 2 pi 1000: full turns 1000 and 0.1.
    /// With low 1, high 4 the first is kept and the second divided by 8. With low 0.05, high 0.15 the second blends half and half.
    /// </summary>
    [Fact]
    public void Llama3ScalingKeepsShortAndStretchesLongWavelengths()
    {
        var stretched = Rope.Frequencies(Config(new Llama3RopeScaling(8, 1, 4, 6283), 1e8));
        Assert.Equal(1f, stretched[0]);
        Assert.Equal(1.25e-5f, stretched[1], 1e-9f);
        var blended = Rope.Frequencies(Config(new Llama3RopeScaling(8, 0.05, 0.15, 6283), 1e8));
        Assert.Equal(0.5f * 1e-4f + 0.5f * 1.25e-5f, blended[1], 1e-8f);
    }
}
