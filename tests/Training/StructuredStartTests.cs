using HeadKvLab.Cache;
using HeadKvLab.Calibration;
using HeadKvLab.Models;
using HeadKvLab.Training;
using HeadKvLab.World;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Training;

public sealed class StructuredStartTests
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 2)]
    [InlineData(2, 3)]
    public void Heads_of_the_first_layer_look_a_fixed_number_of_tokens_back(int group, int back)
    {
        var config = BatchSource.Configure(new ModelSizes(256, 384, 6, 8, 4, 32, 500_000, 8192));
        var weights = InitialWeights.Ordinary(config, 1);
        StructuredStart.Apply(config, weights);
        using var scope = NewDisposeScope();
        var decoder = new Decoder(config, (name, shape) => new Parameter(tensor(weights[name].Values).view(shape), requires_grad: false));
        var recorder = new AttentionRecorder(config);
        var step = new DecodeStep(decoder) { Observer = recorder };
        using var cache = new RaggedCache(new CacheShape(config.Layers, config.KvHeads, config.HeadDim));

        var ids = new WorldGenerator().Document(new WorldOptions { Tokens = 128 }, WorldSplit.Train, 1, 0).Ids;
        var (sum, rows) = (0.0, 0);
        foreach (var id in ids)
        {
            step.Run(id, cache);
            var positions = cache.LogicalLength;
            for (var head = 2 * group; head < 2 * group + 2 && positions > back; head++, rows++)
                sum += recorder.Row(0)[head * positions + positions - 1 - back];
        }
        Assert.InRange(sum / rows, 0.9, 1);
    }

    [Fact]
    public void Sizes_without_room_for_the_construction_are_refused()
    {
        var config = BatchSource.Configure(new ModelSizes(64, 96, 2, 4, 2, 16, 10_000, 512));
        var error = Assert.Throws<LabException>(() => StructuredStart.Apply(config, InitialWeights.Ordinary(config, 1)));
        Assert.Contains("ordinary", error.Message);
    }
}
