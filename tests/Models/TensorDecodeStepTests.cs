using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Calibration;
using HeadKvLab.Models;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Models;

/// <summary>The path for GPUs, here on the CPU: same tokens, same logits as the fused step, whatever the heads keep.</summary>
public class TensorDecodeStepTests
{
    [Theory]
    [InlineData("FullKV", Granularity.KvHead), InlineData("SnapKV", Granularity.KvHead), InlineData("HeadKV-R2", Granularity.KvHead), InlineData("RazorAttention", Granularity.KvHead), InlineData("RazorAttention", Granularity.QueryHead), InlineData("HeadKV-R2", Granularity.QueryHead)]
    public void EqualsTheFusedStep(string name, Granularity granularity)
    {
        var model = Repository.Model;
        int[] prompt = [.. Enumerable.Range(0, 300).Select(i => i * 37 % 1900)];
        var method = Catalogue.Find(name).Create(null, HeadScoreFolder.Load(model.DirectoryName, model.Config));
        RaggedCache cache;
        if (method.KeepsAll) model.Decoder.Prefill(prompt, null, new HostSink(new FullSink(cache = new RaggedCache(model.CacheShape())))).Dispose();
        else
        {
            using var compressor = new Compressor(method, new Budget(40, Granularity: granularity), model.CacheShape(), model.Config.QueryHeads);
            model.Decoder.Prefill(prompt, null, new HostSink(compressor)).Dispose();
            cache = compressor.TakeCache();
        }
        using var ragged = cache;
        using var grouped = new GroupedCache(ragged, CPU, ScalarType.Float32, 20);
        Assert.All(Enumerable.Range(0, model.Config.Layers), layer => Assert.InRange(grouped.GroupsIn(layer), 1, model.Config.QueryHeads));
        if (name == "HeadKV-R2") Assert.Contains(Enumerable.Range(0, model.Config.Layers), layer => grouped.GroupsIn(layer) > 1);
        var (step, fused) = (new TensorDecodeStep(model.Decoder), new DecodeStep(model.Decoder));
        for (int token = 5, i = 0; i < 20; i++)
        {
            var expected = fused.Run(token, ragged).ToArray();
            var found = step.Run(token, grouped);
            for (var w = 0; w < expected.Length; w++) Assert.Equal(expected[w], found[w], 2e-4f);
            token = Generation.Greedy(expected);
            Assert.Equal(token, Generation.Greedy(found));
        }
        Assert.Equal(ragged.LogicalLength, grouped.LogicalLength);
        Assert.Throws<InvalidOperationException>(() => step.Run(5, grouped));   // the room is used up
    }
}
