using System.Runtime.Intrinsics;

namespace HeadKvLab.Kernels;

/// <summary>
/// Attention of one token over heads of different lengths, in one pass over the entries: blocks of 64, online softmax, and the
/// query heads that share a KV head together, so that its entries are read and widened once. Reads exactly the stored bytes,
/// allocates nothing. Sixteen lanes where the machine has them, the portable vector width elsewhere. Long runs are cut into
/// segments, the same ones whoever computes them, so that results do not depend on the number of threads.
/// </summary>
public static unsafe class RaggedAttention
{
    /// <summary>Most query heads that may share a KV head.</summary>
    public const int LargestGroup = 64;

    /// <summary>Largest dimension of a head: the logits and queries of a group lie on the stack of the thread that computes them, at most some 300 KB.</summary>
    public const int LargestDim = 1024;

    /// <summary>Bytes behind a sealed block that may be read, and must be there.</summary>
    public const int BlockSlack = SealedHead<Int8Codes>.Slack;

    /// <summary>Bytes of keys and values above which another thread's help pays: some 5 microseconds of one core's work.</summary>
    private const long WorkWorthSharing = 64 << 10;

    /// <summary>out[h] = sum_j softmax_j(scale q[h] k[j] + bias) v[j] over the entries of the KV head of h.</summary>
    /// <param name="queries">Queries after RoPE, <c>[queryHead * dim]</c>; query head h reads KV head h / group.</param>
    /// <param name="heads">The layer's entries.</param>
    /// <param name="output">Attention output, same shape as the queries.</param>
    /// <param name="scale">Factor of the logits.</param>
    /// <exception cref="ArgumentException">Shapes do not fit.</exception>
    /// <exception cref="InvalidOperationException">A head has no entries: the softmax over nothing does not exist.</exception>
    public static void Decode(ReadOnlySpan<float> queries, in RaggedHeads heads, Span<float> output, float scale)
    {
        var group = Check(queries, heads, output);
        fixed (float* q = queries, o = output)
        fixed (Run* runs = heads.Runs)
        fixed (int* firstRun = heads.FirstRun)
        {
            var job = new DecodeJob
            {
                Heads = heads.Count, Group = group, Dim = heads.Dim, Format = heads.Format, Scale = scale, Runs = runs, FirstRun = firstRun, Queries = q, Output = o,
            };
            job.Cut();
            if (job.Bytes >= WorkWorthSharing) WorkerTeam.Shared.Run(&RunPart, &job, job.Parts);
            else
                for (var part = 0; part < job.Parts; part++) RunPart(&job, part);
            job.Merge();
        }
    }

    private static void RunPart(void* job, int part)
    {
        var decode = (DecodeJob*)job;
        decode->Task(part, out var head);
        Run(head, decode->Format);
    }

    private static void Run(in HeadTask head, NumberFormat format)
    {
        if (head.Blocks.Any)
        {
            RunBlocks(head);
            return;
        }
        if (Vector512.IsHardwareAccelerated && head.Dim % Vector512<float>.Count == 0)
            switch (format)
            {
                case NumberFormat.Float32: WideHead<Float32Lanes>.Run(head); return;
                case NumberFormat.BFloat16: WideHead<BFloat16Lanes>.Run(head); return;
                default: WideHead<Float16Lanes>.Run(head); return;
            }
        switch (format)
        {
            case NumberFormat.Float32: PortableHead<LaneRows<Float32Lanes>>.Run(head); return;
            case NumberFormat.BFloat16: PortableHead<LaneRows<BFloat16Lanes>>.Run(head); return;
            default: PortableHead<LaneRows<Float16Lanes>>.Run(head); return;
        }
    }

    private static void RunBlocks(in HeadTask head)
    {
        if (Vector512.IsHardwareAccelerated && head.Dim % Vector512<float>.Count == 0)
            switch (head.Blocks.Format.Bits)
            {
                case 8 when SealedHead<Int8Codes>.Serves(head.Dim): SealedHead<Int8Codes>.Run(head); return;
                case 4 when SealedHead<Int4Codes>.Serves(head.Dim): SealedHead<Int4Codes>.Run(head); return;
                case 2 when SealedHead<Int2Codes>.Serves(head.Dim): SealedHead<Int2Codes>.Run(head); return;
                case 16: ChannelHead.Run(head); return;
            }
        PortableHead<SealedRows>.Run(head);
    }

    private static bool HoldsEntries(ReadOnlySpan<Run> runs)
    {
        foreach (ref readonly var run in runs)
            if (run.Count > 0) return true;
        return false;
    }

    private static int Check(ReadOnlySpan<float> queries, in RaggedHeads heads, Span<float> output)
    {
        var (kvHeads, dim) = (heads.Count, heads.Dim);
        if (dim < 1 || kvHeads < 1 || queries.Length == 0 || queries.Length % (kvHeads * dim) != 0)
            throw new ArgumentException($"{queries.Length} query numbers do not make query heads of dimension {dim} over {kvHeads} KV heads");
        if (output.Length != queries.Length)
            throw new ArgumentException($"the output has {output.Length} numbers, the queries {queries.Length}");
        var group = queries.Length / (kvHeads * dim);
        if (dim > LargestDim)
            throw new ArgumentException($"heads of dimension {dim}; the kernel takes at most {LargestDim}");
        if (heads.Format == NumberFormat.Int8)
            throw new ArgumentException($"entries in {heads.Format.Name()}; the kernel reads {Names<NumberFormat>.InWords(NumberFormats.Floating)}");
        if (group > LargestGroup)
            throw new ArgumentException($"{group} query heads share a KV head; the kernel takes at most {LargestGroup}");
        for (var h = 0; h < kvHeads; h++)
            if (!HoldsEntries(heads[h]))
                throw new InvalidOperationException($"KV head {h} holds no entries: every head must keep at least one before it can attend");
        return group;
    }
}
