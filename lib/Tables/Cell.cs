namespace HeadKvLab.Tables;

/// <summary>What stands in a cell.</summary>
/// <param name="Text">The value as it reads.</param>
public sealed record Cell(string Text)
{
    /// <summary>What follows the value in a softer tone: its interval.</summary>
    public string Aside { get; init; } = "";

    /// <summary>The number by which a cell of a column of numbers is sorted; NaN for none.</summary>
    public double Key { get; init; } = double.NaN;

    /// <summary>Whether the value is marked: the best of its column.</summary>
    public bool Marked { get; init; }
}
