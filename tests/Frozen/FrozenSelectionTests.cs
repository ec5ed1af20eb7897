using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Tests.Compression;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Frozen;

/// <summary>
/// What every method keeps of layers made of small whole numbers, so that products and lengths are exact on any processor; only the softmax rounds.
/// No two scores that decide are as near as its rounding: <see cref="No_choice_hangs_on_rounding"/>.
/// </summary>
public sealed class FrozenSelectionTests : IDisposable
{
    private const int Layers = 3, KvHeads = 2, QueryHeads = 4, N = 300, Dim = 16;

    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Every_method_keeps_what_it_kept() => new FrozenFile("frozen-selection.txt").Compare([.. FrozenCase.All(ScalarType.Float32, ScalarType.BFloat16).Select(one =>
    {
        using var cache = Compress(one, method => method);
        return (one.ToString(), $"{FrozenFile.Describe(cache)}, in rows {one.VariantWith(Scores).Key}");
    })]);

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3)]
    public void No_choice_hangs_on_rounding(int seed)
    {
        foreach (var one in FrozenCase.All(ScalarType.Float32))
        {
            using var plain = Compress(one, method => method);
            using var wobbled = Compress(one, method => method with { Scorer = new Wobbling(method.Scorer, seed) });
            for (var layer = 0; layer < Layers; layer++)
                for (var head = 0; head < plain.Shape.KvHeads; head++)
                    Assert.True(plain[layer].Positions(head).SequenceEqual(wobbled[layer].Positions(head)), $"{one}: head {layer}-{head} keeps others when scores change by a hundred-thousandth: change the seed of the numbers");
        }
    }

    private static CalibrationTables Scores { get; } = SomeTables.Of(new HeadImportance(Layers, QueryHeads, [1, 2, 3, 4, 5, 0, 7, 8, 2, 10, 30, 12]), KvHeads);

    private static LayerView[] Prompt() => [.. Enumerable.Range(0, Layers).Select(layer =>
        new LayerView(layer, Whole(KvHeads, 2, 3 * layer), Whole(KvHeads, 999, 3 * layer + 1), Whole(QueryHeads, 2, 3 * layer + 2), 0.25f, Kinds: SomeKinds.Of(N)).OfModel())];

    /// <summary>Whole numbers from -most to most, <c>[head, position, dim]</c>.</summary>
    private static Tensor Whole(int heads, int most, int seed)
    {
        var random = new Random(seed);
        return tensor(Enumerable.Range(0, heads * N * Dim).Select(_ => (float)random.Next(-most, most + 1)).ToArray(), heads, N, Dim);
    }

    private static RaggedCache Compress(FrozenCase one, Func<Method, Method> change)
    {
        using var compressor = new Compressor(change(one.Entry.Create(null, Scores)), one.Budget, new CacheShape(Layers, KvHeads, Dim, one.Type), QueryHeads);
        foreach (var layer in Prompt()) compressor.Accept(layer);
        return compressor.TakeCache();
    }

    /// <summary>Another scorer's scores, every value multiplied by a factor of its own; equal scores stay equal.</summary>
    private sealed record Wobbling(IScorer Inner, int Seed) : IScorer
    {
        public ScorerNeeds Needs(int window) => Inner.Needs(window);

        public void Score(in LayerView layer, int window, HeadRows<float> scores)
        {
            Inner.Score(layer, window, scores);
            foreach (ref var score in scores.All)
                score *= 1 + 1e-5f * (2 * new Random(BitConverter.SingleToInt32Bits(score) ^ Seed).NextSingle() - 1);
        }
    }
}
