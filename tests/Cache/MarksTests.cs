using HeadKvLab.Cache;
using HeadKvLab.Tests.Compression;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Cache;

/// <summary>Numbers beside the entries stay with their entries, whatever moves.</summary>
public sealed class MarksTests
{
    /// <summary>Each mark names its entry and is checked after everything that moves entries.</summary>
    [Fact]
    public void They_move_with_their_entries()
    {
        using var scope = NewDisposeScope();
        using var cache = new RaggedCache(new CacheShape(1, 2, 8));
        cache[0].Store(RandomTensors.Make(2, 30, 8, 1), RandomTensors.Make(2, 30, 8, 2), new int[][] { [.. Enumerable.Range(0, 30)], [1, 5, 9, 29] });
        cache.Advance(30);
        cache[0].ReserveMarks(2);
        Assert.Equal(2 * 34 * 4, cache.MarkBytes);
        for (var h = 0; h < 2; h++)
            for (var i = 0; i < cache[0].Counts[h]; i++) (cache[0].Marks(h, 0)[i], cache[0].Marks(h, 1)[i]) = (Name(h, cache[0].Positions(h)[i], 0), Name(h, cache[0].Positions(h)[i], 1));
        Check(cache);
        cache[0].Retain(0, [0, 2, 7, 28, 29]);
        Check(cache);
        cache.Trim();
        Check(cache);
        using var copy = cache.Clone();
        for (var token = 30; token < 130; token++)   // grows, and is moved when its room is used up
        {
            Append(cache, token % 7 + 1);
            for (var h = 0; h < 2; h++)
            {
                Assert.Equal(0, cache[0].Marks(h, 0)[^1]);   // a new entry begins with 0
                (cache[0].Marks(h, 0)[^1], cache[0].Marks(h, 1)[^1]) = (Name(h, token, 0), Name(h, token, 1));
            }
        }
        Check(cache);
        Check(copy);
        cache.Truncate(40);
        Check(cache);
        Append(cache, 1);
        Assert.Equal(0, cache[0].Marks(0, 1)[^1]);           // what a taken-back token left is not its successor's
        cache[0].ReserveMarks(0);
        Assert.Equal(0, cache.MarkBytes);
    }

    [Fact]
    public void None_are_there_unless_reserved()
    {
        using var cache = new RaggedCache(new CacheShape(1, 1, 4));
        Append(cache, 1);
        Assert.Equal((0, 0), (cache[0].MarkCount, cache.MarkBytes));
        Assert.Throws<ArgumentOutOfRangeException>(() => cache[0].Marks(0, 0).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => cache[0].ReserveMarks(-1));
    }

    private static float Name(int head, int position, int mark) => 1000 * head + 2 * position + mark + 0.5f;

    private static void Append(RaggedCache cache, float number)
    {
        var numbers = Enumerable.Repeat(number, cache.Shape.KvHeads * cache.Shape.HeadDim).ToArray();
        cache[0].Append(numbers, numbers);
        cache.Advance(1);
    }

    private static void Check(RaggedCache cache)
    {
        for (var h = 0; h < 2; h++)
            for (var mark = 0; mark < 2; mark++)
                Assert.Equal([.. cache[0].Positions(h).ToArray().Select(p => Name(h, p, mark))], cache[0].Marks(h, mark).ToArray());
    }
}
