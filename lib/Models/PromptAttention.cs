using HeadKvLab.Cache;
using HeadKvLab.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace HeadKvLab.Models;

/// <summary>
/// Causal attention of a prompt in memory that grows with the prompt and not with its square: by the lab's own kernel where it applies (1.9 to 4 times as fast
/// as libtorch's fused attention: <c>lab bench prompt</c>), by libtorch's for a whole prompt elsewhere, else in blocks of query rows through tensors, which
/// autograd follows at less cost than the fused one.
/// </summary>
internal static class PromptAttention
{
    /// <summary>Query positions a block of tensors holds; larger blocks gain no speed and cost memory.</summary>
    internal const int BlockRows = 256;

    /// <summary>Softmax(q·kᵀ·scale, causal)·v, and what is to be added up of the softmax for each position.</summary>
    /// <param name="q"><c>[batch, queryHead, token, dim]</c>: the last tokens of the keys' positions.</param>
    /// <param name="k"><c>[batch, kvHead, position, dim]</c>.</param>
    /// <param name="v">As <paramref name="k"/>.</param>
    /// <param name="scale">Factor of the logits.</param>
    /// <param name="slidingWindow">Positions a query sees, itself included; null: all before it.</param>
    /// <param name="wanted">Sums over the queries; null or empty: none.</param>
    /// <returns><c>[batch, queryHead, token, dim]</c>; and each sum, <c>[queryHead, position]</c>, of the first prompt of the batch, null where none is wanted.</returns>
    internal static (Tensor Mixed, Dictionary<AttentionSum, Tensor>? Sums) Causal(Tensor q, Tensor k, Tensor v, float scale, int? slidingWindow, IReadOnlyList<AttentionSum>? wanted = null)
    {
        wanted ??= [];
        return Suits(q) && Suits(k) && Suits(v) ? ByKernel(q, k, v, scale, slidingWindow, wanted)
            : SuitsFused(q, k, slidingWindow) ? (Fused(q, k, v, scale), wanted.Count > 0 ? ByTensors(q, k, v, scale, slidingWindow, wanted).Sums : null)   // who asks for sums gets the same bits
            : ByTensors(q, k, v, scale, slidingWindow, wanted);
    }

    /// <summary>The kernel reads one prompt in float32 on the CPU, and leaves no trace for autograd.</summary>
    private static bool Suits(Tensor x) => Suits(x, (int)x.shape[3]);

    /// <summary>The same asked of hidden states <c>[batch, token, hidden]</c> that become heads of <paramref name="dim"/> numbers.</summary>
    internal static bool Suits(Tensor x, int dim) =>
        x.device_type == DeviceType.CPU && x.dtype == ScalarType.Float32 && x.shape[0] == 1 && BlockwiseAttention.Supports(dim) && !(is_grad_enabled() && x.requires_grad);

    /// <summary>libtorch puts its causal mask at the first position, so the queries must be those of all positions.</summary>
    private static bool SuitsFused(Tensor q, Tensor k, int? slidingWindow) =>
        !is_grad_enabled() && q.shape[2] == k.shape[2] && !(slidingWindow < k.shape[2]);

    /// <summary>libtorch's fused attention, which wants as many KV heads as query heads and scales by 1/√dim.</summary>
    internal static Tensor Fused(Tensor q, Tensor k, Tensor v, float scale)
    {
        var repeated = q.shape[1] / k.shape[1];
        Tensor Repeated(Tensor x) => x.unsqueeze(2).expand(-1, -1, repeated, -1, -1).reshape(x.shape[0], q.shape[1], x.shape[2], x.shape[3]);
        var usual = 1 / MathF.Sqrt(q.shape[3]);
        return F.scaled_dot_product_attention(scale == usual ? q : q * (scale / usual), Repeated(k), Repeated(v), is_casual: true);
    }

    private static unsafe (Tensor, Dictionary<AttentionSum, Tensor>?) ByKernel(Tensor q, Tensor k, Tensor v, float scale, int? slidingWindow, IReadOnlyList<AttentionSum> wanted)
    {
        var (queryHeads, tokens, dim, positions) = (q.shape[1], q.shape[2], q.shape[3], (int)k.shape[2]);
        var mixed = empty(1, tokens, queryHeads, dim).transpose(1, 2);   // heads beside each other, as the output projection wants them
        var sums = wanted.Count > 0 ? wanted.ToDictionary(sum => sum, _ => empty(queryHeads, positions)) : null;
        var places = stackalloc ColumnSum[wanted.Count];
        for (var s = 0; s < wanted.Count; s++)
            places[s] = new() { Target = (float*)TensorMemory.Address(sums![wanted[s]]), Power = wanted[s].Power, From = wanted[s].Skip, Below = wanted[s].Width(positions) };
        using var scope = NewDisposeScope();
        Tensor[] parts = [.. ((Tensor[])[q, k, v]).Select(x => x.stride()[3] == 1 ? x : x.contiguous())];
        BlockwiseAttention.Run(new BlockwiseAttention.Prompt
        {
            Queries = MemoryOf(parts[0]), Keys = MemoryOf(parts[1]), Values = MemoryOf(parts[2]), Output = MemoryOf(mixed),
            QueryHeads = (int)queryHeads, KvHeads = (int)k.shape[1], Tokens = (int)tokens, Positions = positions, Dim = (int)dim,
            Scale = scale, Window = slidingWindow ?? int.MaxValue, Wanted = places, WantedCount = wanted.Count,
        });
        foreach (var part in parts) GC.KeepAlive(part);
        return (mixed, sums);
    }

    private static unsafe HeadMemory MemoryOf(Tensor x)
    {
        var strides = x.stride();
        return new((float*)TensorMemory.Address(x[0].select(0, 0).select(0, 0)), strides[1], strides[2]);
    }

    /// <summary>The same in tensors.</summary>
    internal static (Tensor Mixed, Dictionary<AttentionSum, Tensor>? Sums) ByTensors(Tensor q, Tensor k, Tensor v, float scale, int? slidingWindow, IReadOnlyList<AttentionSum>? wanted = null)
    {
        var (batch, queryHeads, tokens, dim) = (q.shape[0], q.shape[1], q.shape[2], q.shape[3]);
        var (kvHeads, positions) = (k.shape[1], k.shape[2]);
        var group = queryHeads / kvHeads;
        var before = positions - tokens;                                              // positions already cached
        var queries = (q * scale).reshape(batch * kvHeads, group, tokens, dim);
        var keys = k.reshape(batch * kvHeads, positions, dim).transpose(1, 2);
        var values = v.reshape(batch * kvHeads, positions, dim);

        var sums = wanted is { Count: > 0 } ? wanted.ToDictionary(sum => sum, _ => zeros(queryHeads, positions, device: q.device)) : null;
        var blocks = new List<Tensor>();
        for (var row = (tokens - 1) / BlockRows * BlockRows; row >= 0; row -= BlockRows)  // the longest first: the memory it frees fits all that follow
        {
            using var scope = NewDisposeScope();
            var rows = Math.Min(BlockRows, tokens - row);
            var end = before + row + rows;                                            // first position no row of the block sees
            var first = slidingWindow is { } w ? Math.Max(0, before + row - w + 1) : 0;
            var block = queries.narrow(2, row, rows).reshape(batch * kvHeads, group * rows, dim);
            var logits = block.bmm(keys.narrow(2, first, end - first)).view(batch * kvHeads, group, rows, end - first);
            logits = Mask(logits, before + row - first, slidingWindow);
            var weights = logits.softmax(-1);
            foreach (var (sum, total) in sums ?? [])
            {
                var near = Math.Max(first, before + row - sum.Width((int)positions) + 1L);   // first position in the band of a query of the block
                total.narrow(1, near, end - near).add_(sum.Over(weights.narrow(3, near - first, end - near), before + row - near, (int)positions).view(batch, queryHeads, end - near)[0]);
            }
            blocks.Add(weights.view(batch * kvHeads, group * rows, end - first).bmm(values.narrow(1, first, end - first)).view(batch, queryHeads, rows, dim).MoveToOuterDisposeScope());
        }
        blocks.Reverse();
        return (blocks.Count == 1 ? blocks[0] : cat(blocks, 2), sums);
    }

    /// <summary>Hides what row i (at column <paramref name="diagonal"/> + i) must not see. Only the columns that need it are touched.</summary>
    private static Tensor Mask(Tensor logits, long diagonal, int? slidingWindow)
    {
        var (rows, columns) = (logits.shape[2], logits.shape[3]);
        if (slidingWindow is { } w && columns > w)
        {
            var everything = ones(rows, columns, ScalarType.Bool, logits.device);
            var hidden = everything.triu(diagonal + 1).add(everything.tril(diagonal - w)).to(ScalarType.Bool);
            return logits.masked_fill(hidden, float.NegativeInfinity);
        }
        if (rows == 1) return logits;
        logits.narrow(3, diagonal, rows).masked_fill_(ones(rows, rows, ScalarType.Bool, logits.device).triu(1), float.NegativeInfinity);
        return logits;
    }
}
