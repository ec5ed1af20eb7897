namespace HeadKvLab.Kernels;

/// <summary>How numbers are stored: of weights, of the cache, and of the products that a model computes with.</summary>
public enum NumberFormat
{
    /// <summary>IEEE single precision, 4 bytes.</summary>
    Float32,

    /// <summary>The upper half of a float32, 2 bytes: its exponent, and 8 bits of precision.</summary>
    BFloat16,

    /// <summary>IEEE half precision, 2 bytes.</summary>
    Float16,

    /// <summary>8-bit integers with one float32 factor for each row of a matrix.</summary>
    Int8,
}
