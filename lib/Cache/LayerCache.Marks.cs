using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using HeadKvLab.Kernels;

namespace HeadKvLab.Cache;

/// <content>Numbers beside the entries, for whoever drops entries again while text is generated: running sums of attention. They move with their entries.</content>
public sealed unsafe partial class LayerCache
{
    /// <summary>Numbers beside each entry; 0 unless <see cref="ReserveMarks"/> made room for some.</summary>
    public int MarkCount { get; private set; }

    /// <summary>Bytes of the marks, 4 for each of an entry; <see cref="RaggedCache.StoredBytes"/> does not count them.</summary>
    public long MarkBytes => Entries * MarkCount * sizeof(float);

    /// <summary>Makes room for numbers beside every entry, 0 at first; those of entries appended later are 0, too.</summary>
    /// <param name="count">Numbers beside each entry.</param>
    public void ReserveMarks(int count)
    {
        CheckAlive();
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        MarkCount = count;
        _marks = count == 0 ? [] : [.. _positions.Select(positions => NewMarks(positions.Length * count))];
    }

    /// <summary>One of the numbers beside the entries of a head, <c>[entry]</c>; what is written here stays.</summary>
    /// <param name="kvHead">The head.</param>
    /// <param name="mark">Which of them.</param>
    public Span<float> Marks(int kvHead, int mark)
    {
        CheckAlive();
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(mark, MarkCount);
        return MarkRow(kvHead, mark)[.._counts[kvHead]];
    }

    private Span<float> MarkRow(int head, int mark)
    {
        var capacity = _positions[head].Length;
        return _marks[head].AsSpan(mark * capacity, capacity);
    }

    /// <summary>Where the kernel adds up the weights of a head's queries, from one of them on.</summary>
    private RunSum SumOf(StepSum sum, int head, int query)
    {
        var (start, end) = sum.Range(Positions(head));
        ref var marks = ref MemoryMarshal.GetArrayDataReference(_marks[head]); // pinned
        return new((float*)Unsafe.AsPointer(ref marks) + (long)query * _positions[head].Length, _positions[head].Length, start, end, sum.Sum.Power == 2);
    }

    private static float[] NewMarks(int count) => GC.AllocateArray<float>(count, pinned: true);

    private static float[] CopyOfMarks(float[] marks)
    {
        var copy = NewMarks(marks.Length);
        marks.CopyTo(copy, 0);
        return copy;
    }

    /// <summary>Moves the marks to rows as long as those of the positions, whose place they are about to take.</summary>
    private void MoveMarks(int[][] positions)
    {
        var moved = new float[Heads][];
        for (var h = 0; h < Heads; h++)
        {
            moved[h] = NewMarks(positions[h].Length * MarkCount);
            for (var mark = 0; mark < MarkCount; mark++) MarkRow(h, mark)[.._counts[h]].CopyTo(moved[h].AsSpan(mark * positions[h].Length));
        }
        _marks = moved;
    }
}
