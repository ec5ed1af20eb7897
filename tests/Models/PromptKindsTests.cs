using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Allocators;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Suites;
using HeadKvLab.Models;
using HeadKvLab.World;

namespace HeadKvLab.Tests.Models;

/// <summary>The kinds of a prompt's tokens reach the scorers that ask for them, on each path, and no others.</summary>
public sealed class PromptKindsTests
{
    private static readonly LanguageModel Model = Repository.Model;

    [Theory]
    [InlineData(false), InlineData(true)]
    public void They_reach_who_asks(bool byTensors)
    {
        using var engine = new Engine(Model.Decoder, byTensors) { Kinds = Model.Kinds };
        var ids = Model.Tokenizer.Encode("The old town, she said, lies by the sea.");
        var (asking, not) = (new Sink(true), new Sink(false));
        engine.Prefill(ids, null, PromptSinks.Combine(asking, not));
        Assert.Equal(Enumerable.Repeat(Model.Kinds.Value.Of(ids), Model.Config.Layers), asking.Kinds);
        Assert.Equal(TokenKind.Special, asking.Kinds[0]![0]);
        engine.Prefill(ids, null, not = new Sink(false));
        Assert.All(not.Kinds, Assert.Null);
    }

    /// <summary>Made-up tokens have no kinds: who asks is told that all are ordinary, and nobody stands before a sink that does not ask.</summary>
    [Fact]
    public void Made_up_tokens_are_ordinary()
    {
        var (asking, not) = (new Sink(true), new Sink(false));
        Model.Decoder.Prefill([1, 2, 3], null, KindsSink.ForMadeUp(asking, 3)).Dispose();
        Assert.Equal(Enumerable.Repeat(new TokenKind[3], Model.Config.Layers), asking.Kinds);
        Assert.Equal(TokenKind.Ordinary, asking.Kinds[0]![2]);
        Assert.Same(not, KindsSink.ForMadeUp(not, 3));
    }

    [Fact]
    public void A_piece_or_a_model_without_a_tokenizer_is_refused_by_name()
    {
        using var cache = new RaggedCache(Model.CacheShape());
        Model.Engine.Prefill([1, 2, 3], cache);
        Assert.Contains("the kinds of all tokens", Assert.Throws<LabException>(() => Model.Engine.Prefill([4, 5], cache, new Sink(true))).Message);
        Assert.Equal(3, cache.LogicalLength);
        using var bare = new Engine(Model.Decoder);
        Assert.Contains("without a tokenizer", Assert.Throws<LabException>(() => bare.Prefill([1, 2, 3], null, new Sink(true))).Message);
    }

    /// <summary>Questions on one context, whose beginning is prefilled once for the methods that can: a method of kinds sees its whole prompt.</summary>
    [Fact]
    public void A_shared_prefix_hides_none()
    {
        var scorer = new Counting();
        var method = new Method("by kinds", scorer, new Uniform());
        var suite = WorldSuite.Make(WorldSplit.Validation, 384, 2).Take(1, 4).ToSamples();
        var rows = SuiteEvaluation.Run(Model, suite, new EvaluationPlan([method, Catalogue.Find("SnapKV").Create()], [0.25]) { Protocol = Protocol.Find("standard") });
        Assert.All(rows, row => Assert.True(row.NewTokens >= 0));
        Assert.Equal(4 * Model.Config.Layers, scorer.Lengths.Count);
        Assert.All(scorer.Lengths, length => Assert.InRange(length, 300, 500));
    }

    private sealed class Sink(bool asks) : IPromptSink
    {
        public List<TokenKind[]?> Kinds { get; } = [];

        public ScorerNeeds Needs => new() { Kinds = asks };

        public void Accept(in LayerView layer) => Kinds.Add(layer.Kinds?.ToArray());
    }

    private sealed class Counting : IScorer
    {
        public List<int> Lengths { get; } = [];

        public ScorerNeeds Needs(int window) => new() { Kinds = true };

        public void Score(in LayerView layer, int window, HeadRows<float> scores)
        {
            var kinds = layer.Kinds!.Value.Span;
            Assert.Equal(layer.Length, kinds.Length);
            Assert.Equal(TokenKind.Special, kinds[0]);
            Lengths.Add(kinds.Length);
            for (var h = 0; h < scores.Heads; h++)
                for (var j = 0; j < scores.Length; j++) scores[h][j] = (int)kinds[j];
        }
    }
}
