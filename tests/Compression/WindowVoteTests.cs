using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Scorers;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression;

/// <summary>H2O beside others in one prefill: what all queries attended to in sum serves H2O alone.</summary>
public sealed class WindowVoteTests
{
    private const int N = 60, KvHeads = 2, QueryHeads = 4, Dim = 16;

    private static LayerView Layer(Tensor? received) =>
        new(0, RandomTensors.Make(KvHeads, N, Dim, 1), RandomTensors.Make(KvHeads, N, Dim, 3), RandomTensors.Make(QueryHeads, N, Dim, 2), 0.25f, Sums: received is null ? null : new Dictionary<AttentionSum, Tensor> { [AttentionSum.Received] = received });

    private static float[] Scores(IScorer scorer, LayerView layer)
    {
        var scores = new float[KvHeads * N];
        scorer.Score(layer, 8, new HeadRows<float>(scores, KvHeads, N));
        return scores;
    }

    [Fact]
    public void A_window_votes_for_itself_and_H2O_takes_the_sum()
    {
        using var scope = NewDisposeScope();
        var received = rand(QueryHeads, N).mul(N);
        foreach (IScorer scorer in new IScorer[] { new SnapKv(), new Tova() }) Assert.Equal(Scores(scorer, Layer(null)), Scores(scorer, Layer(received)));
        var mean = received.view(KvHeads, QueryHeads / KvHeads, N).mean([1]).div(N).data<float>().ToArray();
        var found = Scores(new H2O(), Layer(received));
        for (var i = 0; i < mean.Length; i++) Assert.Equal(mean[i], found[i], 1e-6f);
        Assert.NotEqual(Scores(new H2O(), Layer(null)), found);
    }

    /// <summary>One prefill of the bundled model feeds H2O and the methods of the window; each keeps what it keeps alone.</summary>
    [Fact]
    public void One_prefill_serves_H2O_and_the_windows()
    {
        var decoder = Repository.Model.Decoder;
        var shape = new CacheShape(decoder.Config.Layers, decoder.Config.KvHeads, decoder.Config.HeadDim);
        int[] ids = [.. Enumerable.Range(0, 200).Select(i => 3 + i * i % 900)];
        RaggedCache[] Run(params string[] names)
        {
            var compressors = names.Select(name => new Compressor(Catalogue.Find(name).Create(), new Budget(40), shape, decoder.Config.QueryHeads)).ToArray();
            decoder.Prefill(ids, null, PromptSinks.Combine(compressors)).Dispose();
            return [.. compressors.Select(c => c.TakeCache())];
        }
        string[] names = ["H2O", "SnapKV", "Ada-SnapKV", "TOVA"];
        var together = Run(names);
        for (var m = 0; m < names.Length; m++)
        {
            using var alone = Run(names[m])[0];
            for (var layer = 0; layer < shape.Layers; layer++)
                for (var h = 0; h < shape.KvHeads; h++) Assert.Equal(alone[layer].Positions(h).ToArray(), together[m][layer].Positions(h).ToArray());
            together[m].Dispose();
        }
    }
}
