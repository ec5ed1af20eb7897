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

    /// <summary>One part's work, written field by field: a task made first and copied then costs short heads some per cent.</summary>
    public readonly void Task(int part, out HeadTask task)
    {
        ref readonly var at = ref _parts[part];
        ref readonly var run = ref Runs[at.Run];
        var (start, whole) = ((long)at.First * Dim * Format.Bytes(), at.Siblings == 1);
        task.Blocks = run.Blocks;
        if (task.Blocks.Any)
        {
            var ahead = task.Blocks.First + at.First; // entries of the first block that the run passes over, and of earlier parts
            start = (long)(ahead / task.Blocks.Entries) * task.Blocks.Format.Bytes(task.Blocks.Entries, Dim);
            task.Blocks = task.Blocks with { First = ahead % task.Blocks.Entries };
        }
        var partial = _partial + (long)part * PartialNumbers;
        task.Keys = (byte*)run.Keys + start;
        task.Values = (byte*)run.Values + start;
        task.Channels = task.Blocks.Any ? (ushort*)run.Values : null;
        task.Count = Math.Min(Segment, run.Count - at.First);
        task.Dim = Dim;
        task.Group = Group;
        task.Scale = Scale;
        task.FirstBias = at.First > 0 ? 0 : run.FirstBias;
        task.Queries = Queries + at.Head * Group * Dim;
        task.Output = whole ? Output + at.Head * Group * Dim : partial;
        task.Max = whole ? null : partial + Group * Dim;
        task.Sum = partial + Group * Dim + Group;
        task.Weights = run.Weights == null ? null : run.Weights + at.First;
        task.WeightsApart = run.WeightsApart;
        task.Adds = run.Sum;
        task.Before = run.Before + at.First;
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
        {
            Task(s, out var task);
            if (task.Weights != null) task.Finish(query, 0, task.Count, MathF.Exp(Statistics(s)[query] - max) / sum);
        }
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
