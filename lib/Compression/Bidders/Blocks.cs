using System.Buffers;
using HeadKvLab.Cache;

namespace HeadKvLab.Compression.Bidders;

/// <summary>
/// KV-Compress: a head offers its entries in blocks, and all heads of the model compete for them. Entries are ordered by score; the block that would be freed first
/// holds the lowest, as many as the head's last block holds, every other block is full. A block's price is its largest score.
/// Paper: KV-Compress (arXiv 2410.00161), section 3; code: IsaacRe/vllm-kvcompress. <c>as-published</c> counts and frees whole blocks; under an equal total the last block is kept in part, since nothing here is paged. The published code counts the token that is about to be
/// cached in the window, so that <c>as-published</c> protects one stored token fewer, but for the last; under an equal total the window is kept. It chooses between equal prices by chance; here the higher layer, head and block goes first.
/// </summary>
/// <param name="Size">Entries of a block.</param>
public sealed record Blocks(int Size = 16) : IBidder
{
    /// <summary>Entries of a block.</summary>
    public int Size { get; } = Size >= 1 ? Size : throw new LabException($"block {Size}: give 1 entry or more");

    /// <inheritdoc/>
    int IBidder.Block => Size;

    /// <inheritdoc/>
    int IBidder.PublishedWindow(int window) => Math.Max(1, window - 1);

    /// <inheritdoc/>
    public void Bid(in BudgetFrame frame, in LayerView layer, HeadRows<float> scores, Bids bids)
    {
        var blocks = (frame.PromptLength + Size - 1) / Size;
        var last = frame.PromptLength - Size * (blocks - 1);
        var free = frame.Candidates < last ? 0 : 1 + (frame.Candidates - last) / Size;       // blocks that can be freed
        var held = free == 0 ? frame.Candidates : frame.Candidates - last - Size * (free - 1); // entries that share blocks with the window
        var heldCost = Size * (blocks - free) - frame.Recent;
        var rented = ArrayPool<float>.Shared.Rent(frame.Candidates);
        try
        {
            for (var head = 0; head < scores.Heads; head++)
            {
                if (heldCost > 0) bids.Offer(head, double.PositiveInfinity, held, heldCost);
                var dear = Descending(scores[head], bids.Floor, rented);
                for (var block = 0; block < free && held + Size * block < dear.Length; block++)
                    bids.Offer(head, dear[held + Size * block], block == free - 1 ? last : Size, Size);
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(rented);
        }
    }

    /// <summary>The scores that are not below the floor, highest first; NaN counts as the lowest.</summary>
    private static ReadOnlySpan<float> Descending(ReadOnlySpan<float> scores, double floor, float[] into)
    {
        var count = 0;
        foreach (var score in scores)
        {
            var value = float.IsNaN(score) ? float.NegativeInfinity : score;
            if (value >= floor) into[count++] = value;
        }
        var dear = into.AsSpan(0, count);
        dear.Sort();
        dear.Reverse();
        return dear;
    }
}
