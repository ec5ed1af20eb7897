using HeadKvLab.Kernels;

namespace HeadKvLab.Cache;

/// <summary>How values are read from latent vectors.</summary>
public enum LatentReading
{
    /// <summary>Latent vectors are mixed, and what is mixed is lifted once: the values' projection is absorbed into the output.</summary>
    Absorbed,

    /// <summary>Values are rebuilt, then mixed: the same sums in another order.</summary>
    Rebuilt,
}

/// <summary>
/// The latent vectors of one group of layers and the layers that read them. Entries are folded into it when all layers of the group have them, oldest first: their keys are turned back
/// to position 0, so that what is stored has no position. CLLA (arXiv 2410.15252) projects the layer's input instead; without its training the entries themselves are projected, which
/// rank for rank keeps more. Every token is stored, so that entry e stands at position e.
/// </summary>
internal sealed class LatentStore
{
    private readonly EntryFormat _format;
    private readonly LatentAngles _angles;

    /// <summary>A store without vectors.</summary>
    /// <param name="group">The projection.</param>
    /// <param name="format">Rank, bits, and entries that stay.</param>
    /// <param name="numbers">Type of numbers that are not quantised.</param>
    /// <param name="angles">How far keys are turned.</param>
    internal LatentStore(LatentGroup group, EntryFormat format, NumberFormat numbers, LatentAngles angles)
        : this(group, format, angles, new LatentRows(Math.Min(format.Rank, group.Rank), format.Bits < 16 ? new(format.Bits) : null, numbers))
    {
    }

    private LatentStore(LatentGroup group, EntryFormat format, LatentAngles angles, LatentRows rows) => (Group, _format, _angles, Rows) = (group, format, angles, rows);

    /// <summary>The projection.</summary>
    internal LatentGroup Group { get; }

    /// <summary>The vectors.</summary>
    internal LatentRows Rows { get; }

    /// <summary>Cosines and sines of a block.</summary>
    internal (float[] Cosines, float[] Sines) Angles(int block) => _angles.Of(block);

    /// <summary>A copy of the vectors.</summary>
    internal LatentStore Clone() => new(Group, _format, _angles, Rows.Clone());

    /// <summary>Folds the entries of the group's layers but the latest.</summary>
    /// <param name="members">The layers, which all have the same entries.</param>
    /// <exception cref="ModelOverflow">A number is infinite or none.</exception>
    internal void Fold(ReadOnlySpan<LayerCache> members)
    {
        var waiting = members[0].OpenEntries - _format.Recent;
        if (waiting <= 0) return;
        Rows.Reserve(waiting);
        var rented = System.Buffers.ArrayPool<float>.Shared.Rent(Group.Width + Rows.Rank);
        Span<float> row = rented.AsSpan(0, Group.Width), vector = rented.AsSpan(Group.Width, Rows.Rank);
        var (first, width) = (Rows.Entries, Group.Width / members.Length);
        for (var entry = 0; entry < waiting; entry++)
        {
            for (var m = 0; m < members.Length; m++) members[m].ReadOpen(entry, row.Slice(m * width, width / 2), row.Slice(m * width + width / 2, width / 2));
            for (var m = 0; m < members.Length; m++) _angles.TurnBack(first + entry, row.Slice(m * width, width / 2));
            for (var i = 0; i < row.Length; i++) row[i] -= Group.Mean[i];
            for (var k = 0; k < vector.Length; k++) vector[k] = Elementwise.Dot(Group.Basis.AsSpan(k * row.Length, row.Length), row);
            if (!Rows.Append(vector))
                throw new ModelOverflow($"layers {Group.First} to {Group.First + Group.Layers - 1}: a key or a value is infinite or no number, and {_format.Name} has no vector for it: the model's numbers overflow; use no format");
        }
        System.Buffers.ArrayPool<float>.Shared.Return(rented);
        foreach (var member in members) member.Folded(waiting);
    }
}
