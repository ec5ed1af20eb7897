using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Allocators;
using HeadKvLab.Compression.Scorers;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Compression;

/// <summary>Methods that users write: what their parts throw or leave out is an error that names method, part and layer.</summary>
public sealed class OwnMethodTests : IDisposable
{
    private const int KvHeads = 2, QueryHeads = 4, Dim = 16, N = 60;

    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static LayerView Layer() => new(0, RandomTensors.Make(KvHeads, N, Dim, 1), RandomTensors.Make(KvHeads, N, Dim, 2), RandomTensors.Make(QueryHeads, N, Dim, 3), 0.25f);

    private static RaggedCache Compress(Method method, Granularity granularity = Granularity.KvHead)
    {
        using var compressor = new Compressor(method, new Budget(20, Granularity: granularity), new CacheShape(1, KvHeads, Dim), QueryHeads);
        compressor.Accept(Layer());
        return compressor.TakeCache();
    }

    /// <summary>Position 7 of KV head 0 and position 9 of KV head 1, and ascending numbers below them.</summary>
    private sealed record Own(bool AsIfKvHeadsWereRows) : IScorer
    {
        public ScorerNeeds Needs(int window) => ScorerNeeds.None;

        public void Score(in LayerView layer, int window, HeadRows<float> scores)
        {
            var marked = new[] { 7, 9 };
            for (var head = 0; head < (AsIfKvHeadsWereRows ? KvHeads : scores.Heads); head++)
                for (var j = 0; j < scores.Length; j++)
                    scores[head][j] = j == marked[AsIfKvHeadsWereRows ? head : scores.KvHead(head, layer)] ? 1000 : j;
        }
    }

    private sealed record Throwing(Exception What) : IScorer, IAllocator, ISettlement
    {
        public AllocationScope Scope { get; init; }

        public ScorerNeeds Needs(int window) => ScorerNeeds.None;

        public void Score(in LayerView layer, int window, HeadRows<float> scores) => throw What;

        public void Allocate(in BudgetFrame frame, HeadRows<float> scores, Allotment allotment) => throw What;

        public bool AddsEntry => true;

        public void Settle(in LayerView layer, HeadRows<float> scores, int window, KeptRows rows) => throw What;
    }

    private sealed record ThrowingBidder(Exception What) : HeadKvLab.Compression.IBidder
    {
        public void Bid(in BudgetFrame frame, in LayerView layer, HeadRows<float> scores, Bids bids) => throw What;
    }

    /// <summary>A sink that is no compressor: counts layers.</summary>
    private sealed class Counting : IPromptSink
    {
        public int Layers { get; private set; }

        public ScorerNeeds Needs => ScorerNeeds.None;

        public void Accept(in LayerView layer) => Layers++;
    }

    private sealed record NoQueries : IScorer
    {
        public ScorerNeeds Needs(int window) => throw new NotSupportedException("not yet");

        public void Score(in LayerView layer, int window, HeadRows<float> scores) { }
    }

    private sealed record Wishes(double Wanted, double Claim) : IAllocator
    {
        public AllocationScope Scope => AllocationScope.Layer;

        public void Allocate(in BudgetFrame frame, HeadRows<float> scores, Allotment allotment)
        {
            allotment.Fill(12);
            (allotment.Requested[1], allotment.Weights[1]) = (Wanted, Claim);
        }
    }

    [Fact]
    public void A_row_names_its_KV_head_in_both_granularities()
    {
        var method = new Method("own", new Own(false), new Uniform());
        foreach (var (granularity, marked) in new[] { (Granularity.KvHead, new[] { 7, 9 }), (Granularity.QueryHead, [7, 7, 9, 9]) })
        {
            using var cache = Compress(method, granularity);
            Assert.Equal(marked, marked.Select((_, head) => cache[0].Positions(head)[0]));
        }
    }

    [Fact]
    public void A_scorer_that_leaves_rows_empty_is_refused_not_filled_with_what_memory_held()
    {
        var method = new Method("own", new Own(true), new Uniform());
        using var grouped = Compress(method);
        Assert.Equal(7, grouped[0].Positions(0)[0]);
        Assert.StartsWith("method own: its scorer gave head 2 of layer 0 no score: it must fill all 4 rows", Assert.Throws<LabException>(() => Compress(method, Granularity.QueryHead)).Message);
    }

    [Fact]
    public void What_a_part_throws_names_method_part_and_layer()
    {
        var fault = new IndexOutOfRangeException("too far");
        var throwing = new Throwing(fault);
        var layered = throwing with { Scope = AllocationScope.Layer };
        foreach (var (method, message) in new (Method, string)[]
        {
            (new("mine", throwing, new Uniform()), "method mine: its scorer failed: too far (IndexOutOfRangeException in Throwing.Score, layer 0, 2 heads)"),
            (new("mine", new SinksAndRecent(), throwing), "method mine: its allocator failed: too far (IndexOutOfRangeException in Throwing.Allocate, all layers, 2 heads)"),
            (new("mine", new SinksAndRecent(), layered), "method mine: its allocator failed: too far (IndexOutOfRangeException in Throwing.Allocate, layer 0, 2 heads)"),
            (new("mine", new SinksAndRecent(), new ThrowingBidder(fault)), "method mine: its bidder failed: too far (IndexOutOfRangeException in ThrowingBidder.Bid, layer 0, 2 heads)"),
            (new("mine", new SinksAndRecent(), new Uniform(), throwing), "method mine: its settlement failed: too far (IndexOutOfRangeException in Throwing.Settle, layer 0)"),
        })
        {
            var told = Assert.Throws<LabException>(() => Compress(method));
            Assert.Equal(message, told.Message);
            Assert.Same(fault, told.InnerException);
        }
        Assert.Equal("method mine: its scorer failed: not yet (NotSupportedException in NoQueries.Needs)",
            Assert.Throws<LabException>(() => new Compressor(new Method("mine", new NoQueries(), new Uniform()), new Budget(20), new CacheShape(1, KvHeads, Dim), QueryHeads).Dispose()).Message);
    }

    [Fact]
    public void Several_methods_in_one_prefill_tell_whose_scorer_it_was()
    {
        Compressor[] compressors = [.. new Method[] { new("good", new SinksAndRecent(), new Uniform()), new("bad", new Throwing(new DivideByZeroException("by zero")), new Uniform()) }
            .Select(method => new Compressor(method, new Budget(20), new CacheShape(1, KvHeads, Dim), QueryHeads))];
        var sink = PromptSinks.Combine(compressors);
        Assert.StartsWith("method bad: its scorer failed: by zero", Assert.Throws<LabException>(() => sink.Accept(Layer())).Message);
        foreach (var compressor in compressors) compressor.Dispose();
    }

    [Fact]
    public void What_a_bidder_refuses_is_told_with_the_method() =>
        Assert.Equal("method mine: beta 1", Assert.Throws<LabException>(() => Compress(new("mine", new SinksAndRecent(), new ThrowingBidder(new LabException("beta 1"))))).Message);

    [Fact]
    public void Sinks_of_other_kinds_get_every_layer_too()
    {
        Counting[] others = [new(), new()];
        using var full = new Compressor(new Method("all", new SinksAndRecent(), new FullCache()), new Budget(N), new CacheShape(1, KvHeads, Dim), QueryHeads);
        PromptSinks.Combine([others[0], full, others[1]]).Accept(Layer());
        Assert.Equal([1, 1], others.Select(sink => sink.Layers));
        using var cache = full.TakeCache();
        Assert.Equal(N, cache[0].Counts[0]);
        Assert.Equal("the cache was taken already: a compressor serves one prefill", Assert.Throws<InvalidOperationException>(() => full.TakeCache()).Message);
        Assert.Same(others[0], PromptSinks.Combine(others[0]));
        Assert.StartsWith("there is no sink to feed", Assert.Throws<ArgumentException>(() => PromptSinks.Combine([])).Message);
    }

    [Fact]
    public void Layers_come_once_and_in_order()
    {
        using var compressor = new Compressor(new Method("mine", new SinksAndRecent(), new Uniform()), new Budget(20), new CacheShape(2, KvHeads, Dim), QueryHeads);
        compressor.Accept(Layer());
        Assert.Equal("1 of 2 layers have arrived: the cache is not complete", Assert.Throws<InvalidOperationException>(() => compressor.TakeCache()).Message);
        Assert.Equal("layer 0 arrived where layer 1 was expected: a compressor serves one prefill, in order", Assert.Throws<InvalidOperationException>(() => compressor.Accept(Layer())).Message);
    }

    [Fact]
    public void What_is_not_the_parts_fault_passes()
    {
        foreach (var passing in new Exception[] { new LabException("beta 1"), new OperationCanceledException(), new OutOfMemoryException(), new InvalidOperationException("you tried to allocate 123 bytes") })
            Assert.Same(passing, Assert.Throws(passing.GetType(), () => Compress(new("mine", new Throwing(passing), new Uniform()))));
    }

    [Theory]
    [InlineData(double.NaN, 1, "requests NaN entries for head 1"), InlineData(double.PositiveInfinity, 1, "head 1"), InlineData(5, double.NaN, "weight NaN"), InlineData(5, -1, "weight -1")]
    public void Wishes_that_are_no_numbers_are_refused(double wanted, double claim, string told)
    {
        var message = Assert.Throws<LabException>(() => Compress(new("mine", new SinksAndRecent(), new Wishes(wanted, claim)))).Message;
        Assert.StartsWith("method mine: its allocator", message);
        Assert.Contains(told, message);
    }
}
