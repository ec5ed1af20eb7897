using HeadKvLab.Kernels;

namespace HeadKvLab.Cache;

/// <summary>
/// How a cache stores its entries once a prompt is read: the latest ones of each head in bfloat16, the others in sealed blocks of 64 at 8, 4 or 2 bits
/// a number, at the end of the prompt down to one block of at least 8. While text is generated a block is sealed when 64 entries wait behind the latest ones.
/// KIVI (arXiv 2402.02750) quantises what is a multiple of its group at the end of the prompt, and values one entry at a time as they leave the latest ones;
/// here keys and values are sealed together, and heads of any length. Keys may lack channels: see <see cref="KeyChannels"/>. With a rank, groups of layers hold a latent vector
/// for each token instead, after CLLA's abstract (arXiv 2410.15252).
/// </summary>
/// <param name="Bits">Bits of a number: 16 (nothing is sealed, unless keys lack channels), 8, 4 or 2.</param>
/// <param name="Recent">Latest entries of each head that stay bfloat16, 1 or more: the last prompt token may be computed again.</param>
/// <param name="EarlyLayers">First layers, which have <paramref name="EarlyBits"/>: LayerQuant of arXiv 2412.12706.</param>
/// <param name="EarlyBits">Bits of their numbers; with a rank, of the layers that no group holds.</param>
/// <param name="Rank">Numbers of a latent vector; 0: there are none.</param>
/// <param name="Ratio">Share of the channels that sealed keys lack, 0 to below 1: ThinK of arXiv 2407.21018. Each head keeps its own, chosen at the end of the prompt.</param>
public sealed record EntryFormat(int Bits, int Recent = EntryFormat.UsualRecent, int EarlyLayers = 0, int EarlyBits = 16, int Rank = 0, double Ratio = 0)
{
    /// <summary>Entries that usually stay bfloat16.</summary>
    public const int UsualRecent = 32;

    /// <summary>How policies write it: <c>int4 recent=32 early-layers=0 early-bits=16</c>, <c>think ratio=0.4 bits=16 recent=32</c>, <c>latent rank=64 bits=4 recent=32 early-bits=16</c>, or <c>bf16</c>.</summary>
    public string Name => Rank > 0 ? FormattableString.Invariant($"latent rank={Rank} bits={Bits} recent={Recent} early-bits={EarlyBits}")
        : Ratio > 0 ? FormattableString.Invariant($"think ratio={Ratio} bits={Bits} recent={Recent}")
        : Bits == 16 ? "bf16" : FormattableString.Invariant($"int{Bits} recent={Recent} early-layers={EarlyLayers} early-bits={EarlyBits}");

    /// <summary>Whether it seals or folds anything.</summary>
    public bool Seals => Bits < 16 || Ratio > 0 || Rank > 0;

    /// <summary>The projections of latent vectors, of a model; null: none are needed, or they are not looked up yet. No part of the name.</summary>
    public LatentBasis? Latents { get; init; }

    /// <summary>How the blocks of a layer lie; null: it has none.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="dim">Numbers in a key or a value.</param>
    public BlockFormat? Blocks(int layer, int dim)
    {
        var bits = Rank > 0 ? Latents?.Of(layer) is null ? EarlyBits : 16 : layer < EarlyLayers ? EarlyBits : Bits;
        var dropped = KeyChannels.Dropped(Ratio, dim);
        return bits < 16 || dropped > 0 ? new(bits, dropped) : null;
    }

    /// <summary>Bytes of a head's entries at the end of a prompt; latent vectors belong to no head.</summary>
    /// <param name="layer">Layer of the head.</param>
    /// <param name="entries">How many.</param>
    /// <param name="dim">Numbers in a key or a value.</param>
    public long BytesFor(int layer, int entries, int dim)
    {
        if (Rank > 0) throw new InvalidOperationException($"{Name}: no head has bytes of its own");
        long bytes = 0;
        if (Blocks(layer, dim) is { } blocks)
        {
            foreach (var block in BlocksOf(entries)) (bytes, entries) = (bytes + blocks.Bytes(block, dim), entries - block);
            if (blocks.Dropped > 0) bytes += (long)sizeof(ushort) * blocks.KeyDim(dim);
        }
        return bytes + 4L * dim * entries;
    }

    /// <summary>Bits of an entry as papers count them: those of its codes, without scales, zeros, lists, and entries that stay bfloat16.</summary>
    /// <param name="layer">Its layer.</param>
    /// <param name="dim">Numbers in a key or a value.</param>
    internal int NominalBits(int layer, int dim) => Blocks(layer, dim) is { } blocks ? blocks.Bits * (blocks.KeyDim(dim) + dim) : 2 * 16 * dim;

    /// <summary>Entries of each block that a head seals at the end of a prompt.</summary>
    /// <param name="entries">Entries of the head.</param>
    internal IEnumerable<int> BlocksOf(int entries)
    {
        for (var left = entries - Recent; left >= BlockFormat.Least; left -= BlockFormat.Entries) yield return Math.Min(left, BlockFormat.Entries);
    }
}
