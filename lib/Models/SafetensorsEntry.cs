namespace HeadKvLab.Models;

/// <summary>One tensor of a safetensors file as its header describes it.</summary>
/// <param name="Name">Name, unique within the file.</param>
/// <param name="Type">Number type in the format's spelling: F64, F32, F16, BF16, I64, I32, I16, I8, U8 or BOOL.</param>
/// <param name="Shape">Sizes of its dimensions, empty for a scalar.</param>
/// <param name="Begin">First byte, counted from the end of the header.</param>
/// <param name="End">Byte after the last one, counted likewise.</param>
public sealed record SafetensorsEntry(string Name, string Type, long[] Shape, long Begin, long End)
{
    /// <summary>Size, bytes.</summary>
    public long Length => End - Begin;

    /// <summary>Bytes of one number.</summary>
    public int ElementSize => SizeOf(Type);

    /// <summary>Number of values.</summary>
    public long Count => Length / ElementSize;

    /// <summary>Bytes of one number of a type; 0 for a type this lab does not read.</summary>
    internal static int SizeOf(string type) => type switch
    {
        "F64" or "I64" => 8,
        "F32" or "I32" => 4,
        "F16" or "BF16" or "I16" => 2,
        "I8" or "U8" or "BOOL" => 1,
        _ => 0,
    };
}
