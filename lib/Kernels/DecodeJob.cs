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
    public float* Weights;      // [group, entry], WeightsApart numbers from query to query: exp(logit - max), finished as the output is; null: nobody wants them
    public int WeightsApart;
    public RunSum* Adds;        // where they are added up when they are finished, in place of being written down; null: nowhere
    public int Before;          // entries of the head before these
    public float Scale, FirstBias;
    public SealedBlocks Blocks; // where the entries are sealed: Keys is the first block
    public ushort* Channels;    // those that its keys have, ascending; null: all

    /// <summary>Multiplies some weights of a query by the factor that finishes them.</summary>
    public readonly void Finish(int query, int first, int count, float factor)
    {
        var row = Weights + (long)query * WeightsApart;
        if (Adds == null) Elementwise.Scale(new(row + first, count), factor);
        else Adds->Add(query, Before + first, count, row + first, factor);
    }
}

/// <summary>
/// A decode step of one layer, cut into parts: runs of up to 1,024 entries are a part each, longer ones several. The unfinished softmaxes
/// (maximum, sum, output) of a head of several parts are merged at the end.
/// </summary>
internal unsafe struct DecodeJob
{
    private const int Segment = 1024;

    public int Heads, Group, Dim;
    public NumberFormat Format;
    public float Scale;
    public Run* Runs;
    public int* FirstRun;    // [kvHead + 1]; null: head h has run h
    public float* Queries, Output;
    private Part* _parts;
    private float* _partial; // [part, (group * dim outputs, group maxima, group sums)]

    /// <summary>Where a part begins, and how many parts its head has.</summary>
    private struct Part
    {
        public int Head, Run, First, Siblings;
    }

    /// <summary>Number of parts.</summary>
    public int Parts { get; private set; }

    /// <summary>Bytes of keys and values to read.</summary>
    public long Bytes { get; private set; }

    private readonly int PartialNumbers => Group * (Dim + 2);

    /// <summary>Decides the parts.</summary>
    public void Cut()
    {
        long entries = 0;
        for (var run = RunsFrom(0); run < RunsFrom(Heads); run++)
        {
            Parts += PartsOf(Runs[run].Count);
            if (Runs[run].Blocks is { Any: true } blocks) Bytes += blocks.Format.Bytes(blocks.Entries, Dim) * (long)((Runs[run].Count + blocks.Entries - 1) / blocks.Entries);
            else entries += Runs[run].Count;
        }
        Bytes += entries * Dim * 2 * Format.Bytes();
        _parts = (Part*)Scratch.Take((nuint)Parts * ((nuint)sizeof(Part) + (nuint)PartialNumbers * sizeof(float)));
        _partial = (float*)(_parts + Parts);
        var part = 0;
        for (var h = 0; h < Heads; h++)
        {
            var begin = part;
            for (var run = RunsFrom(h); run < RunsFrom(h + 1); run++)
                for (var first = 0; first < Runs[run].Count; first += Segment) _parts[part++] = new() { Head = h, Run = run, First = first };
            for (var p = begin; p < part; p++) _parts[p].Siblings = part - begin;
        }
    }

    /// <summary>One part's work.</summary>
    public readonly HeadTask Task(int part)
    {
        var at = _parts[part];
        var run = Runs[at.Run];
        var (start, blocks) = ((long)at.First * Dim * Format.Bytes(), run.Blocks);
        if (blocks.Any)
        {
            var ahead = blocks.First + at.First; // entries of the first block that the run passes over, and of earlier parts
            start = (long)(ahead / blocks.Entries) * blocks.Format.Bytes(blocks.Entries, Dim);
            blocks = blocks with { First = ahead % blocks.Entries };
        }
        var whole = at.Siblings == 1;
        var partial = _partial + (long)part * PartialNumbers;
        return new HeadTask
        {
            Keys = (byte*)run.Keys + start, Values = (byte*)run.Values + start, Channels = blocks.Any ? (ushort*)run.Values : null, Count = Math.Min(Segment, run.Count - at.First), Dim = Dim, Group = Group,
            Queries = Queries + at.Head * Group * Dim, Output = whole ? Output + at.Head * Group * Dim : partial,
            Max = whole ? null : partial + Group * Dim, Sum = partial + Group * Dim + Group,
            Scale = Scale, FirstBias = at.First > 0 ? 0 : run.FirstBias,
            Weights = run.Weights == null ? null : run.Weights + at.First, WeightsApart = run.WeightsApart, Adds = run.Sum, Before = run.Before + at.First, Blocks = blocks,
        };
    }

    /// <summary>Finishes the heads of several parts: out = sum_s e^(max_s - max) out_s / sum_s e^(max_s - max) sum_s.</summary>
    public readonly void Merge()
    {
        for (var part = 0; part < Parts; part += _parts[part].Siblings)
        {
            if (_parts[part].Siblings == 1) continue;
            for (var g = 0; g < Group; g++) Merge(part, _parts[part].Siblings, g, Output + (_parts[part].Head * Group + g) * Dim);
        }
    }

    private readonly int RunsFrom(int head) => FirstRun is null ? head : FirstRun[head];

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
        for (var s = first; s < first + count; s++)
            if (Task(s) is { Weights: not null } task) task.Finish(query, 0, task.Count, MathF.Exp(Statistics(s)[query] - max) / sum);
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
