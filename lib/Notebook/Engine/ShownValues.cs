using System.Runtime.CompilerServices;
using Microsoft.DotNet.Interactive.Events;
using Microsoft.DotNet.Interactive.Formatting;

namespace HeadKvLab.Notebook.Engine;

/// <summary>
/// Lets values go that a cell has shown. The package keeps every event of a cell until it ends, with the value and its representations: a chart that
/// is renewed for hours would fill the memory. Here the last few stay whole, for code that looks at them; of the others some 500 bytes are left.
/// </summary>
internal sealed class ShownValues
{
    const int Whole = 4;
    readonly Queue<DisplayEvent> events = [];

    /// <summary>Takes notice of a value that was handed on to the reader.</summary>
    internal void Add(DisplayEvent shown)
    {
        lock (events)
        {
            events.Enqueue(shown);
            if (events.Count <= Whole) return;
            var old = events.Dequeue();
            (ValueOf(old), FormattedValuesOf(old)) = (null, []);
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "<Value>k__BackingField")]
    static extern ref object? ValueOf(DisplayEvent shown);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "<FormattedValues>k__BackingField")]
    static extern ref IReadOnlyCollection<FormattedValue> FormattedValuesOf(DisplayEvent shown);
}
