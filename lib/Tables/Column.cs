using System.Globalization;

namespace HeadKvLab.Tables;

/// <summary>A column of a table: what stands above it, and how its values read.</summary>
/// <param name="Name">What its values are; columns without any name have no heading.</param>
public sealed record Column(string Name)
{
    /// <summary>Unit of the values; the heading reads <c>prefill, ms</c>.</summary>
    public string Unit { get; init; } = "";

    /// <summary>Where its cells stand.</summary>
    public Alignment Align { get; init; }

    /// <summary>.NET's format of its numbers, <c>0.00</c>; empty: every digit.</summary>
    public string Format { get; init; } = "";

    /// <summary>What stands where there is no value, or no finite one.</summary>
    public string Missing { get; init; } = "";

    /// <summary>Name and unit.</summary>
    public string Heading => Unit.Length == 0 ? Name : $"{Name}, {Unit}";

    /// <summary>A column that needs no more than its name.</summary>
    public static implicit operator Column(string name) => new(name);

    /// <summary>A value as it reads here, the same in every culture.</summary>
    internal Cell Read(object? value) => value switch
    {
        Cell cell => cell,
        null => new Cell(Missing),
        double number when !double.IsFinite(number) => new Cell(Missing),
        IFormattable number => new Cell(number.ToString(Format.Length == 0 ? null : Format, CultureInfo.InvariantCulture)),
        _ => new Cell(value.ToString() ?? Missing),
    };
}

/// <summary>Where the cells of a column stand.</summary>
public enum Alignment
{
    /// <summary>As the reader's program does it: texts mostly to the left.</summary>
    Unset,

    /// <summary>To the left: texts.</summary>
    Left,

    /// <summary>To the right, numbers; HTML sorts them by their value.</summary>
    Right,
}
