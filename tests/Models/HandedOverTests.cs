using HeadKvLab.Cache;
using HeadKvLab.Models;
using HeadKvLab.Profiling.Decode;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Models;

/// <summary>What a prefill hands over of the model itself: all queries where they are asked for, rotary frequencies, and the output projection by query heads.</summary>
public sealed class HandedOverTests
{
    private const int Tokens = 150;

    private static readonly ModelConfig Config = new()
    {
        Architecture = "LlamaForCausalLM", VocabSize = 97, HiddenSize = 64, IntermediateSize = 96, Layers = 2, QueryHeads = 4, KvHeads = 2, HeadDim = 32, MaxPositions = 4096,
    };

    private static readonly int[] Ids = [.. Enumerable.Range(0, Tokens).Select(t => t * t % 97)];

    [Fact]
    public void All_queries_come_only_where_they_are_asked_for()
    {
        using var decoder = RandomModel.Create(Config);
        using var scope = NewDisposeScope();
        var (few, all) = (new Seen(new(3)), new Seen(new(3) { AllQueries = true }));
        Assert.Equal(decoder.Prefill(Ids, null, few).data<float>().ToArray(), decoder.Prefill(Ids, null, all).data<float>().ToArray());
        Assert.Equal((3L, (long)Tokens), (few.Rows.Distinct().Single(), all.Rows.Distinct().Single()));
        Assert.Equal(new ScorerNeeds(5) { AllQueries = true }, new ScorerNeeds(5).Or(new(3) { AllQueries = true }));
        Assert.NotEqual(new ScorerNeeds(5) { AllQueries = true }, new ScorerNeeds(5));
        Assert.True(new ScorerNeeds { AllQueries = true }.ExceedPiece(Tokens));
        Assert.Equal(Rope.Frequencies(decoder.Config), few.Frequencies);
    }

    /// <summary>The heads' outputs, each through its part of the projection, sum to what attention adds to the stream.</summary>
    [Fact]
    public void The_output_projection_is_handed_over_by_heads()
    {
        using var decoder = RandomModel.Create(Config);
        using var scope = NewDisposeScope();
        var seen = new Seen(new() { Mixed = true, Stream = true });
        decoder.Prefill(Ids, null, seen);
        Assert.Equal(decoder.Config.Layers, seen.Apart.Count);
        Assert.All(seen.Apart, apart => Assert.InRange(apart, 0, 1e-4));
    }

    private sealed class Seen(ScorerNeeds needs) : IPromptSink
    {
        private float[] _added = [];

        internal List<long> Rows { get; } = [];

        internal List<float> Apart { get; } = [];

        internal float[] Frequencies { get; private set; } = [];

        public ScorerNeeds Needs => needs;

        public void Accept(in LayerView layer)
        {
            Rows.Add(layer.Queries.shape[1]);
            Frequencies = layer.Frequencies!.Value.ToArray();
            if (layer.Mixed is not null) _added = layer.Mixed.bmm(layer.Output!()).sum(dim: 0).data<float>().ToArray();
        }

        public void Attended(int layer, Tensor before, Tensor after)
        {
            var added = after - before;
            Apart.Add(((added - tensor(_added).view(added.shape)).abs().max() / added.abs().max()).item<float>());
        }
    }
}
