namespace HeadKvLab.Compression;

/// <summary>What was measured once for a model and a method computes with: head scores, gates, shares of layers. Immutable.</summary>
public interface ICalibrationTable
{
    /// <summary>Layers of the model.</summary>
    int Layers { get; }

    /// <summary>This table for a budget that is divided among some of the layers, the others storing nothing; a table that nobody divides by stays as it is.</summary>
    /// <param name="layers">The layers that store, ascending.</param>
    ICalibrationTable Among(IReadOnlyList<int> layers);

    /// <summary>Names the contents in rows, however a file spells them: the first 16 digits of a SHA-256.</summary>
    string Hash { get; }

    /// <summary>File that it was read from; null where it was computed.</summary>
    string? Source { get; }
}
