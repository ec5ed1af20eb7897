using HeadKvLab.Cache;

namespace HeadKvLab.Compression;

/// <summary>What a text names.</summary>
/// <param name="Entry">The method.</param>
/// <param name="Given">Settings given for it.</param>
/// <param name="Schedule">Name of the schedule; null where none is given.</param>
public sealed record PolicyText(CatalogueEntry Entry, Settings Given, string? Schedule)
{
    /// <summary>The recall; null where none is given.</summary>
    public IRecall? Recall { get; init; }

    /// <summary>The format; null where none is given.</summary>
    public EntryFormat? Format { get; init; }

    /// <summary>The reducer that shortens the prompt, as it was written; null where none is given. Evaluations know what it means.</summary>
    public string? Reducer { get; init; }

    /// <summary>The layers that are shared, as <see cref="LayerMap.Name"/> writes them, or <see cref="LayerMap.Measured"/>; null where none are.</summary>
    public string? Layers { get; init; }
}
