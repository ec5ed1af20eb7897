using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Recalls;
using HeadKvLab.Kernels;
using HeadKvLab.Tests.Compression.Recalls;
using HeadKvLab.Tests.Compression.Schedules;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Cache;

/// <summary>A cache whose tokens choose what they read: nothing chosen is nothing changed, and an index knows what is stored, whatever happened to it.</summary>
[Collection("torch threads")]
public sealed class RecallTests
{
    private const int Dim = 16;

    public static TheoryData<string> Recalls => ["Exact budget=24 full-layers=0", "Quest budget=24 page=4 full-layers=0", "ClusterKV budget=24 size=4 sinks=3 append=10 full-layers=0"];

    [Theory]
    [MemberData(nameof(Recalls))]
    public void A_budget_for_everything_gives_the_bits_of_the_whole_cache(string text)
    {
        var recall = RecallCatalogue.Parse(text.Replace("budget=24", "budget=400", StringComparison.Ordinal))!;
        foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16, ScalarType.Float16 })
        {
            using var whole = Ragged(null, type);
            using var cache = Ragged(recall, type);
            for (var t = 0; t < 30; t++)
            {
                var row = SomeEntries.Random(1, Dim, t)[0];
                SomeEntries.Append(whole, row);
                SomeEntries.Append(cache, row);
                Assert.Equal(SomeEntries.Attend(whole, Queries(t)), SomeEntries.Attend(cache, Queries(t)));
            }
            Assert.Equal(whole.TouchedBytes, cache.TouchedBytes);
        }
    }

    [Fact]
    public void Without_a_recall_each_token_touches_the_bytes_that_are_stored_or_that_its_window_sees()
    {
        using var cache = Ragged(null);
        SomeEntries.Attend(cache, Queries(1));
        SomeEntries.Attend(cache, Queries(1));
        Assert.Equal(2 * cache.StoredBytes, cache.TouchedBytes);
        Assert.Equal(2, cache.AttendedTokens);
        SomeEntries.Attend(cache, Queries(1), sliding: 7);
        Assert.Equal(2 * cache.StoredBytes + 3 * 7 * cache.Shape.EntryBytes, cache.TouchedBytes);
        Assert.Equal((0, null), (cache.RecallBytes, cache.HitRate(1)));
    }

    /// <summary>What an index has learned bit by bit must be what a new one learns of the same entries; clusters are made anew at other times, unless what they were made of is gone.</summary>
    [Theory]
    [MemberData(nameof(Recalls))]
    public void An_index_knows_what_is_stored_after_appends_cuts_and_copies(string text)
    {
        var recall = RecallCatalogue.Parse(text)!;
        using var cache = Ragged(recall);
        LikeNew(cache);
        cache.Truncate(30);                                     // into the pages and clusters of all heads
        for (var t = 0; t < 60; t++) SomeEntries.Append(cache, SomeEntries.Random(1, Dim, 100 + t)[0]);
        LikeNew(cache);
        for (var t = 0; t < 9; t++) SomeEntries.Append(cache, SomeEntries.Random(1, Dim, 200 + t)[0]);
        cache.Truncate(95);                                     // some of what no token has read yet
        if (recall is not ClusterKv) LikeNew(cache);
        cache[0].Retain(1, [.. Enumerable.Range(5, 70)]);        // the first entries of one head go
        LikeNew(cache, head: 1);
        using (var scope = NewDisposeScope()) cache[0].Store(2, tensor(SomeEntries.Random(90, Dim, 9).SelectMany(r => r).ToArray(), 90, Dim), tensor(new float[90 * Dim], 90, Dim), [.. Enumerable.Range(0, 90)]);
        LikeNew(cache, head: 2);
        using var copy = cache.Clone();
        foreach (var (one, seed) in new[] { (cache, 500), (copy, 600) })
            for (var t = 0; t < 13; t++) SomeEntries.Append(one, SomeEntries.Random(1, Dim, seed + t)[0]);
        if (recall is not ClusterKv) LikeNew(cache);
        using var later = cache.Clone();
        Assert.Equal(SomeEntries.Attend(cache, Queries(3)), SomeEntries.Attend(later, Queries(3)));
        using (var scope = NewDisposeScope())                    // the copy has not followed
            for (var h = 0; h < 3; h++) Assert.NotEqual(cache[0].KeysOf(h)[-1].data<float>().ToArray(), copy[0].KeysOf(h)[-1].data<float>().ToArray());
        if (recall is not ClusterKv) LikeNew(copy);
        copy.Truncate(10);
        LikeNew(copy);
    }

    /// <summary>Two copies of a cache whose index is made go separate ways: each stays what it would be alone.</summary>
    [Theory]
    [MemberData(nameof(Recalls))]
    public void Copies_are_independent(string text)
    {
        var results = new List<float[]>();
        foreach (var together in new[] { true, false })
        {
            using var first = Ragged(RecallCatalogue.Parse(text)!);
            SomeEntries.Attend(first, Queries(0));
            using var second = first.Clone();
            for (var t = 0; t < 25; t++)
            {
                SomeEntries.Append(first, SomeEntries.Random(1, Dim, 1000 + t)[0]);
                results.Add(SomeEntries.Attend(first, Queries(t)));
                if (!together) continue;
                SomeEntries.Append(second, SomeEntries.Random(1, Dim, 2000 + t)[0]);
                SomeEntries.Attend(second, Queries(t));
            }
        }
        Assert.Equal(results.Take(25), results.Skip(25));
    }

    [Theory]
    [MemberData(nameof(Recalls))]
    public void Heads_in_another_order_give_results_in_that_order(string text)
    {
        float[][][] heads = [SomeEntries.Random(90, Dim, 1), SomeEntries.Random(60, Dim, 2), SomeEntries.Random(20, Dim, 3)];
        using var cache = SomeEntries.Store(RecallCatalogue.Parse(text)!, heads);
        using var other = SomeEntries.Store(RecallCatalogue.Parse(text)!, heads[2], heads[0], heads[1]);
        var (queries, read) = (Queries(4), SomeEntries.Read(cache, Queries(4)));
        Assert.Equal([.. read[4..], .. read[..4]], SomeEntries.Read(other, [.. queries[(4 * Dim)..], .. queries[..(4 * Dim)]]));
        Assert.Equal(20, read[4].Length);   // a short head is read whole
    }

    [Theory]
    [MemberData(nameof(Recalls))]
    public void Any_number_of_threads_gives_the_same_bits(string text)
    {
        var before = KernelThreads.Count;
        try
        {
            var results = new List<float[]>();
            foreach (var threads in new[] { 1, Environment.ProcessorCount })
            {
                KernelThreads.Count = threads;
                using var cache = SomeEntries.Store(RecallCatalogue.Parse(text.Replace("budget=24", "budget=900", StringComparison.Ordinal))!, SomeEntries.Random(3000, Dim, 1), SomeEntries.Random(2000, Dim, 2));
                results.Add(SomeEntries.Attend(cache, [.. SomeEntries.Random(8, Dim, 3).SelectMany(row => row)]));
            }
            Assert.Equal(results[0], results[1]);
        }
        finally
        {
            KernelThreads.Count = before;
        }
    }

    /// <summary>Behind a window nothing is chosen: the budget is spent on what the token sees.</summary>
    [Theory]
    [MemberData(nameof(Recalls))]
    public void A_sliding_window_is_kept(string text)
    {
        using var cache = Ragged(RecallCatalogue.Parse(text)!);
        foreach (var window in new[] { 1, 5, 23, 60 })
        {
            var read = SomeEntries.Read(cache, Queries(6), window);
            for (var q = 0; q < 6; q++)
            {
                var count = cache[0].Counts[q / 2];
                Assert.All(read[q], entry => Assert.InRange(entry, Math.Max(0, count - window), count - 1));
                Assert.True(read[q].Length >= Math.Min(Math.Min(window, count), 16), $"{read[q].Length} of window {window}, head of {count}");
            }
        }
    }

    /// <summary>An entry that stands for many is no candidate: it is read with its weight, beside what is chosen.</summary>
    [Theory]
    [MemberData(nameof(Recalls))]
    public void What_stands_for_dropped_entries_is_always_read(string text)
    {
        using var scope = NewDisposeScope();
        using var cache = new RaggedCache(new CacheShape(1, 1, Dim));
        var keys = tensor(SomeEntries.Random(100, Dim, 1).SelectMany(r => r).ToArray(), 1, 100, Dim);
        cache[0].Store(keys, keys, new int[][] { [.. Enumerable.Range(10, 90)] }, [new([.. Enumerable.Repeat(-9f, Dim)], [.. Enumerable.Repeat(1f, Dim)], 10)]);
        cache.Advance(100);
        cache.Recall = RecallCatalogue.Parse(text.Replace("sinks=3", "sinks=0", StringComparison.Ordinal));
        foreach (var query in SomeEntries.Random(5, Dim, 3))
        {
            Assert.Contains(0, SomeEntries.Read(cache, [.. query.Select(x => x * 0.05f)])[0]);
            Assert.DoesNotContain(0, SomeEntries.Read(cache, [.. query.Select(x => x * 0.05f)], sliding: 50)[0]);   // a window that has left it behind
        }
    }

    /// <summary>Selected products of the exact choice are the largest that any choice of as many entries has.</summary>
    [Fact]
    public void No_recall_selects_more_than_the_exact_one()
    {
        var keys = SomeEntries.Random(400, Dim, 1);
        foreach (var query in SomeEntries.Random(20, Dim, 2))
        {
            double Mass(IRecall recall)
            {
                using var cache = SomeEntries.Store(recall, keys);
                return SomeEntries.Read(cache, query)[0].Sum(entry => Math.Exp(SomeEntries.Dot(query, keys[entry])));
            }
            var exact = Mass(new ExactTop(64, 0));
            Assert.True(exact >= Mass(new Quest(64, 16, 0)) && exact >= Mass(new ClusterKv(63, 8, 8, 320, 0)));
        }
    }

    [Theory]
    [MemberData(nameof(Recalls))]
    public void Nothing_is_allocated_once_the_buffers_have_grown(string text)
    {
        using var cache = SomeEntries.Store(RecallCatalogue.Parse(text.Replace("append=10", "append=1000", StringComparison.Ordinal))!, SomeEntries.Random(602, Dim, 1), SomeEntries.Random(402, Dim, 2));
        cache.Reserve(200);
        var (queries, output, row) = (SomeEntries.Random(4, Dim, 3).SelectMany(r => r).ToArray(), new float[4 * Dim], SomeEntries.Random(2, Dim, 4).SelectMany(r => r).ToArray());
        Step(30);
        var least = long.MaxValue;   // the runtime compiles anew beside other tests, and may allocate for it once; a token that allocates does so every time
        for (var window = 0; window < 3 && least > 0; window++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            Step(20);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        Assert.Equal(0, least);

        void Step(int times)
        {
            for (var t = 0; t < times; t++)
            {
                cache[0].Append(row, row);
                cache[0].Attend(queries, output, 0.25f);
                cache.Advance(1);
            }
        }
    }

    /// <summary>A schedule that drops entries while text is generated moves what the index knows: it must know it as if new.</summary>
    [Theory]
    [InlineData("H2O every 1 +Quest budget=8 page=2 full-layers=0"), InlineData("SnapKV kernel=3 every 3 +Exact budget=5 full-layers=0"), InlineData("TOVA every 2 +ClusterKV budget=6 size=2 sinks=1 append=4 full-layers=1")]
    public void A_schedule_goes_together_with_a_recall(string text)
    {
        using var scope = NewDisposeScope();
        var policy = CachePolicy.Parse(text);
        var made = new MadeUpText(70);
        using var cache = made.Compress(policy, new Budget(20, 4), 40);
        for (var t = 40; t < 70; t++)
        {
            made.Step(cache);
            using var fresh = cache.Clone();
            fresh.Recall = policy.Recall;
            for (var l = 0; l < MadeUpText.Layers; l++)
            {
                var (own, other) = (new float[MadeUpText.QueryHeads * MadeUpText.Dim], new float[MadeUpText.QueryHeads * MadeUpText.Dim]);
                cache[l].Attend(MadeUpText.Of(made.Queries[l], t), own, MadeUpText.Scale);
                fresh[l].Attend(MadeUpText.Of(made.Queries[l], t), other, MadeUpText.Scale);
                if (policy.Recall is not ClusterKv) Assert.Equal(other, own);
            }
            Assert.Equal((text.EndsWith("full-layers=1", StringComparison.Ordinal), false), (cache[0].Recall is null, cache[1].Recall is null));
        }
        Assert.True(cache[0].Counts[0] <= 22 && cache[1].Counts[1] <= 22);
    }

    /// <summary>A recall of one's own that chooses nothing, backwards, or what is not there is told so.</summary>
    [Theory]
    [InlineData("chose no entry"), InlineData("must ascend", 5, 1, 2, 1), InlineData("must ascend", 85, 90), InlineData("must ascend", 0, -1), InlineData("must ascend", 0, 3, 2, 3)]
    public void A_wrong_choice_is_refused(string words, params int[] runs)
    {
        using var cache = SomeEntries.Store(new Wrong(runs), SomeEntries.Random(90, Dim, 1));
        Assert.Contains(words, Assert.Throws<InvalidOperationException>(() => SomeEntries.Attend(cache, Queries(1)[..Dim])).Message);
    }

    /// <summary>Query heads that no KV head can share are refused with a recall as without one.</summary>
    [Fact]
    public void Query_heads_are_a_multiple_of_the_heads()
    {
        foreach (var recall in new IRecall?[] { null, new ExactTop(10, 0) })
        {
            using var cache = Ragged(recall);
            Assert.Throws<ArgumentException>(() => SomeEntries.Attend(cache, new float[4 * Dim]));
        }
    }

    /// <summary>Keys are read up to the last stored one, as float32 whatever they are stored in.</summary>
    [Theory]
    [InlineData(ScalarType.Float32), InlineData(ScalarType.BFloat16)]
    public void Keys_are_read_where_they_are(ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var cache = Ragged(null, type);
        var rows = new float[2 * Dim];
        cache[0].ReadKeys(1, 58, rows);
        Assert.Equal(SomeEntries.Rows(cache[0].KeysOf(1))[58..].SelectMany(row => row), rows);
        foreach (var first in (int[])[-1, 59, 60]) Assert.Throws<ArgumentOutOfRangeException>(() => cache[0].ReadKeys(1, first, rows));
    }

    private static RaggedCache Ragged(IRecall? recall, ScalarType type = ScalarType.Float32) => SomeEntries.Store(recall, type, SomeEntries.Random(90, Dim, 1), SomeEntries.Random(60, Dim, 2), SomeEntries.Random(47, Dim, 3));

    private static float[] Queries(int seed) => [.. SomeEntries.Random(6, Dim, 700 + seed).SelectMany(row => row)];

    /// <summary>All heads, or one, read what they would with an index that is made now.</summary>
    private static void LikeNew(RaggedCache cache, int? head = null)
    {
        for (var seed = 0; seed < 5; seed++)
        {
            using var fresh = cache.Clone();
            fresh.Recall = cache.Recall;
            var (own, other) = (SomeEntries.Read(cache, Queries(seed)), SomeEntries.Read(fresh, Queries(seed)));
            for (var q = 0; q < 6; q++)
                if (head is null || q / 2 == head) Assert.Equal(other[q], own[q]);
        }
    }

    private sealed class Wrong(int[] runs) : IRecall, IRecallIndex
    {
        public string Name => "wrong";

        public long Bytes => 0;

        public IRecallIndex? Build(int layer, CacheShape shape) => this;

        public long BytesFor(int layer, int entries, CacheShape shape) => 0;

        public IRecallIndex Clone() => this;

        public void Truncate(int kvHead, int entries)
        {
        }

        public void Choose(LayerCache entries, ReadOnlySpan<float> queries, RecallChoice choice)
        {
            choice.Next();
            for (var i = 0; i < runs.Length; i += 2) choice.Add(runs[i], runs[i + 1]);
        }
    }
}
