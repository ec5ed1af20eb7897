using System.Runtime.CompilerServices;
using Microsoft.DotNet.Interactive;
using Microsoft.DotNet.Interactive.Formatting;

namespace HeadKvLab.Notebook.Engine;

/// <summary>
/// Makes <c>DisplayedValue.Update</c> replace what was shown. In the package <c>display(x)</c> announces one handle and returns another, so that
/// the update names a display that nobody has. The two share their representations, and an update keeps the instances of their MIME types: by
/// these, made unique when a value is shown, the first handle's id is found again.
/// </summary>
internal static class DisplayUpdates
{
    static readonly ConditionalWeakTable<string, string> idsByType = [];
    static readonly IDisposable subscription = Formatter.SubscribeToDisplayedValues(OnDisplayed);

    /// <summary>Begins; once, and before any kernel is made, whose own listener must come second.</summary>
    internal static void Mend() => RuntimeHelpers.RunClassConstructor(typeof(DisplayUpdates).TypeHandle);

    static void OnDisplayed(DisplayedValue value)
    {
        if (!value.IsUpdated)
        {
            foreach (var one in value.FormattedValues)
            {
                MimeTypeOf(one) = new string(one.MimeType.AsSpan());
                idsByType.Add(one.MimeType, value.DisplayId);
            }
            return;
        }
        if (value.FormattedValues is [var first, ..] && idsByType.TryGetValue(first.MimeType, out var id))
        {
            DisplayIdOf(value) = id;
        }
        // The package lets go what a thread updates after its cell has ended.
        if (KernelInvocationContext.Current is { IsComplete: true })
        {
            CellHost.Current?.Show(value.DisplayId, Bundle.WithText(value.Value, value.FormattedValues), update: true);
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "<MimeType>k__BackingField")]
    static extern ref string MimeTypeOf(FormattedValue value);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_displayId")]
    static extern ref string DisplayIdOf(DisplayedValue value);
}
