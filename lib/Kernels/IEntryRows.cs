namespace HeadKvLab.Kernels;

/// <summary>Reads single entries as float32, however they are stored.</summary>
internal interface IEntryRows
{
    /// <summary>The key of one of a task's entries.</summary>
    static abstract void Key(in HeadTask head, int entry, Span<float> row);

    /// <summary>Its value.</summary>
    static abstract void Value(in HeadTask head, int entry, Span<float> row);
}

/// <summary>Entries in rows of numbers.</summary>
internal readonly unsafe struct LaneRows<TLanes> : IEntryRows where TLanes : struct, ILanes
{
    public static void Key(in HeadTask head, int entry, Span<float> row) => Widen(head.Keys + (long)entry * row.Length * TLanes.Size, row);

    public static void Value(in HeadTask head, int entry, Span<float> row) => Widen(head.Values + (long)entry * row.Length * TLanes.Size, row);

    private static void Widen(byte* source, Span<float> row)
    {
        for (var i = 0; i < row.Length; i++) row[i] = TLanes.One(source + i * TLanes.Size);
    }
}

/// <summary>Entries in sealed blocks.</summary>
internal readonly unsafe struct SealedRows : IEntryRows
{
    public static void Key(in HeadTask head, int entry, Span<float> row)
    {
        var (format, entries, at) = (head.Blocks.Format, head.Blocks.Entries, head.Blocks.First + entry);
        BlockSealer.Key(format, head.Keys + (long)(at / entries) * format.Bytes(entries, row.Length), entries, at % entries, row, head.Channels);
    }

    public static void Value(in HeadTask head, int entry, Span<float> row)
    {
        var (format, entries, at) = (head.Blocks.Format, head.Blocks.Entries, head.Blocks.First + entry);
        BlockSealer.Value(format, head.Keys + (long)(at / entries) * format.Bytes(entries, row.Length), entries, at % entries, row);
    }
}
