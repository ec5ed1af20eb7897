using System.Runtime.Intrinsics;

namespace HeadKvLab.Kernels;

/// <summary>
/// Attention of one token over heads of different lengths, in one pass over the entries: blocks of 64, online softmax, and the
/// query heads that share a KV head together, so that its entries are read and widened once. Reads exactly the stored bytes,
/// allocates nothing. Sixteen lanes where the machine has them, the portable vector width elsewhere.
/// </summary>
public static unsafe class RaggedAttention
{
    /// <summary>Most query heads that may share a KV head.</summary>
    public const int LargestGroup = 64;

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
            for (var h = 0; h < heads.Counts.Length; h++)
            {
                var size = heads.Element.Size();
                var start = heads.Offsets[h] * heads.Dim * size;
                var head = new HeadTask(
                    (byte*)heads.Keys + start, (byte*)heads.Values + start, heads.Counts[h], heads.Dim, group,
                    q + h * group * heads.Dim, o + h * group * heads.Dim, scale, heads.FirstBias.IsEmpty ? 0 : heads.FirstBias[h]);
                Run(head, heads.Element);
            }
    }

    private static void Run(in HeadTask head, Element element)
    {
        if (Vector512.IsHardwareAccelerated && head.Dim % Vector512<float>.Count == 0)
            switch (element)
            {
                case Element.Float32: WideHead<Float32Lanes>.Run(head); return;
                case Element.BFloat16: WideHead<BFloat16Lanes>.Run(head); return;
                default: WideHead<Float16Lanes>.Run(head); return;
            }
        switch (element)
        {
            case Element.Float32: PortableHead<Float32Lanes>.Run(head); return;
            case Element.BFloat16: PortableHead<BFloat16Lanes>.Run(head); return;
            default: PortableHead<Float16Lanes>.Run(head); return;
        }
    }

    private static int Check(ReadOnlySpan<float> queries, in RaggedHeads heads, Span<float> output)
    {
        var (kvHeads, dim) = (heads.Counts.Length, heads.Dim);
        if (dim < 1 || kvHeads < 1 || queries.Length == 0 || queries.Length % (kvHeads * dim) != 0)
            throw new ArgumentException($"{queries.Length} query numbers do not make query heads of dimension {dim} over {kvHeads} KV heads");
        if (output.Length != queries.Length)
            throw new ArgumentException($"the output has {output.Length} numbers, the queries {queries.Length}");
        var group = queries.Length / (kvHeads * dim);
        if (group > LargestGroup)
            throw new ArgumentException($"{group} query heads share a KV head; the kernel takes at most {LargestGroup}");
        var empty = heads.Counts.IndexOfAnyInRange(int.MinValue, 0);
        if (empty >= 0)
            throw new InvalidOperationException($"KV head {empty} holds no entries: every head must keep at least one before it can attend");
        return group;
    }
}

/// <summary>One KV head's share of a decode step.</summary>
internal readonly unsafe struct HeadTask(
    byte* keys, byte* values, int count, int dim, int group, float* queries, float* output, float scale, float firstBias)
{
    public readonly byte* Keys = keys;       // [entry, dim]
    public readonly byte* Values = values;   // [entry, dim]
    public readonly int Count = count;
    public readonly int Dim = dim;
    public readonly int Group = group;
    public readonly float* Queries = queries; // [group, dim]
    public readonly float* Output = output;   // [group, dim]
    public readonly float Scale = scale;
    public readonly float FirstBias = firstBias;
}
