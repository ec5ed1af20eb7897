namespace HeadKvLab.Text.Jinja;

/// <summary>What Python's generators are: items that are given once. It is true even when empty, has no length and no places.</summary>
internal sealed class JinjaGenerator(IEnumerable<object?> items)
{
    private readonly Queue<object?> _items = new(items);

    /// <summary>Gives the next item.</summary>
    public bool TryTake(out object? item) => _items.TryDequeue(out item);

    /// <summary>Gives all items that are left.</summary>
    public List<object?> TakeAll()
    {
        List<object?> all = [.. _items];
        _items.Clear();
        return all;
    }
}
