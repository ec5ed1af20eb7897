namespace HeadKvLab.Kernels;

/// <summary>float32 rows of some heads in memory: row r of head h starts at <c>Start + h * HeadStride + r * RowStride</c>.</summary>
/// <param name="start">First number of head 0.</param>
/// <param name="headStride">Numbers from a head to the next.</param>
/// <param name="rowStride">Numbers from a row to the next.</param>
public readonly unsafe struct HeadMemory(float* start, long headStride, long rowStride)
{
    /// <summary>First number of head 0.</summary>
    public float* Start { get; } = start;

    /// <summary>Numbers from a head to the next.</summary>
    public long HeadStride { get; } = headStride;

    /// <summary>Numbers from a row to the next.</summary>
    public long RowStride { get; } = rowStride;

    internal float* Row(int head, int row) => Start + head * HeadStride + row * RowStride;
}
