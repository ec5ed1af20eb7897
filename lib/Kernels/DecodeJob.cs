using System.Runtime.InteropServices;

namespace HeadKvLab.Kernels;

/// <summary>The entries of one KV head, or of a segment of them, for one decode step.</summary>
internal unsafe struct HeadTask
{
    public byte* Keys, Values;  // [entry, dim]
    public int Count, Dim, Group;
    public float* Queries;      // [group, dim]
    public float* Output;       // [group, dim]
    public float* Max, Sum;     // [group]: where a segment leaves its softmax unfinished; null to finish it
    public float Scale, FirstBias;
}

/// <summary>
/// A decode step of one layer, cut into parts: heads of up to 1,024 entries are a part each, longer ones several, whose unfinished
/// softmaxes (maximum, sum, output) are merged at the end.
/// </summary>
internal unsafe struct DecodeJob
{
    private const int Segment = 1024;

    public int Heads, Group, Dim;
    public NumberFormat Format;
    public float Scale;
    public byte* Keys, Values;
    public int* Counts;
    public long* Offsets;
    public float* FirstBias; // null for none
    public float* Queries, Output;
    private int* _parts;     // [part, (head, first entry)]
    private float* _partial; // [part, (group * dim outputs, group maxima, group sums)]

    /// <summary>Number of parts.</summary>
    public int Parts { get; private set; }

    /// <summary>Bytes of keys and values to read.</summary>
    public long Bytes { get; private set; }

    private readonly int PartialNumbers => Group * (Dim + 2);

    /// <summary>Decides the parts.</summary>
    public void Cut()
    {
        long entries = 0;
        for (var h = 0; h < Heads; h++)
        {
            Parts += PartsOf(Counts[h]);
            entries += Counts[h];
        }
        Bytes = entries * Dim * 2 * Format.Bytes();
        _parts = (int*)Scratch.Take((nuint)Parts * (2 * sizeof(int) + (nuint)PartialNumbers * sizeof(float)));
        _partial = (float*)(_parts + 2 * Parts);
        var part = 0;
        for (var h = 0; h < Heads; h++)
            for (var first = 0; first < Counts[h]; first += Segment, part++) (_parts[2 * part], _parts[2 * part + 1]) = (h, first);
    }

    /// <summary>One part's work.</summary>
    public readonly HeadTask Task(int part)
    {
        var (head, first) = (_parts[2 * part], _parts[2 * part + 1]);
        var start = (Offsets[head] + first) * Dim * Format.Bytes();
        var whole = Counts[head] <= Segment;
        var partial = _partial + (long)part * PartialNumbers;
        return new HeadTask
        {
            Keys = Keys + start, Values = Values + start, Count = Math.Min(Segment, Counts[head] - first), Dim = Dim, Group = Group,
            Queries = Queries + head * Group * Dim, Output = whole ? Output + head * Group * Dim : partial,
            Max = whole ? null : partial + Group * Dim, Sum = partial + Group * Dim + Group,
            Scale = Scale, FirstBias = FirstBias is null || first > 0 ? 0 : FirstBias[head],
        };
    }

    /// <summary>Finishes the heads that were cut: out = sum_s e^(max_s - max) out_s / sum_s e^(max_s - max) sum_s.</summary>
    public readonly void Merge()
    {
        for (var part = 0; part < Parts; part += PartsOf(Counts[_parts[2 * part]]))
        {
            var head = _parts[2 * part];
            if (Counts[head] <= Segment) continue;
            for (var g = 0; g < Group; g++) Merge(part, PartsOf(Counts[head]), g, Output + (head * Group + g) * Dim);
        }
    }

    private readonly void Merge(int first, int count, int query, float* output)
    {
        var max = float.NegativeInfinity;
        for (var s = first; s < first + count; s++) max = Math.Max(max, Statistics(s)[query]);
        var target = new Span<float>(output, Dim);
        target.Clear();
        float sum = 0;
        for (var s = first; s < first + count; s++)
        {
            var weight = MathF.Exp(Statistics(s)[query] - max);
            sum += weight * Statistics(s)[Group + query];
            var segment = _partial + (long)s * PartialNumbers + query * Dim;
            for (var i = 0; i < Dim; i++) target[i] += weight * segment[i];
        }
        foreach (ref var number in target) number /= sum;
    }

    private readonly float* Statistics(int part) => _partial + (long)part * PartialNumbers + Group * Dim;

    private static int PartsOf(int count) => (count + Segment - 1) / Segment;

    /// <summary>Working memory of the calling thread, kept for the next call.</summary>
    private sealed class Scratch
    {
        [ThreadStatic] private static Scratch? t_mine;
        private void* _memory;
        private nuint _bytes;

        ~Scratch() => NativeMemory.Free(_memory);

        public static void* Take(nuint bytes)
        {
            var mine = t_mine ??= new Scratch();
            if (mine._bytes >= bytes) return mine._memory;
            mine._memory = NativeMemory.Realloc(mine._memory, bytes);
            mine._bytes = bytes;
            return mine._memory;
        }
    }
}
