using HeadKvLab.Cache;

namespace HeadKvLab.Compression;

/// <summary>One row of numbers for each head of a layer, <c>[head, position]</c>, over borrowed memory.</summary>
/// <typeparam name="T">Kind of number.</typeparam>
public readonly ref struct HeadRows<T>
{
    private readonly Span<T> _values;
    private readonly int _stride;

    /// <summary>Views <paramref name="values"/> as rows.</summary>
    /// <param name="values">At least <c>heads * length</c> numbers, head after head.</param>
    /// <param name="heads">Number of rows.</param>
    /// <param name="length">Positions in a row.</param>
    public HeadRows(Span<T> values, int heads, int length) : this(values[..(heads * length)], heads, length, length) { }

    private HeadRows(Span<T> values, int heads, int length, int stride)
    {
        _values = values;
        _stride = stride;
        Heads = heads;
        Length = length;
    }

    /// <summary>Number of rows.</summary>
    public int Heads { get; }

    /// <summary>Positions in a row.</summary>
    public int Length { get; }

    /// <summary>The row of one head, <c>[position]</c>.</summary>
    public Span<T> this[int head] => _values.Slice(head * _stride, Length);

    /// <summary>The KV head whose keys and values a row reads: the row's own number where KV heads own entries, its group's where query heads do.</summary>
    /// <param name="head">The row.</param>
    /// <param name="layer">The layer that is scored.</param>
    public int KvHead(int head, in LayerView layer) => head / (Heads / (int)layer.Keys.shape[0]);

    /// <summary>All rows, head after head.</summary>
    /// <exception cref="InvalidOperationException">The rows were trimmed: they do not follow each other.</exception>
    public Span<T> All => _stride == Length ? _values : throw new InvalidOperationException("trimmed rows do not follow each other in memory");

    /// <summary>The first positions of every row.</summary>
    /// <param name="length">How many.</param>
    public HeadRows<T> Trim(int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        return new(_values, Heads, length, _stride);
    }
}
