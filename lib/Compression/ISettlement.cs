using HeadKvLab.Cache;

namespace HeadKvLab.Compression;

/// <summary>What becomes of the entries that are not kept: rows of kept entries may change, and a head that drops any may get one entry more; never which are kept.</summary>
public interface ISettlement
{
    /// <summary>Whether a head that drops any gets one entry more, which is paid for out of the same budget.</summary>
    bool AddsEntry { get; }

    /// <summary>Settles what the heads of a layer drop.</summary>
    /// <param name="layer">The layer's prompt.</param>
    /// <param name="scores">Its scores, <c>[head, position]</c>; those of the window are not filled.</param>
    /// <param name="window">Last positions, which are kept anyway.</param>
    /// <param name="rows">The kept positions, whose rows may be changed.</param>
    void Settle(in LayerView layer, HeadRows<float> scores, int window, KeptRows rows);
}
