using System.Globalization;

namespace TorchSharp;

/// <summary>A float32 without its lower 16 bits: 8 bits of exponent, 7 of fraction. Rounds to nearest, ties to even.</summary>
public readonly struct BFloat16 : IEquatable<BFloat16>, IComparable<BFloat16>
{
    private readonly ushort raw;

    public BFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        raw = float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    private BFloat16(ushort raw) => this.raw = raw;

    public static BFloat16 FromRawValue(ushort value) => new(value);
    public float ToSingle() => BitConverter.UInt32BitsToSingle((uint)raw << 16);

    public static explicit operator BFloat16(float value) => new(value);
    public static explicit operator BFloat16(double value) => new((float)value);
    public static explicit operator float(BFloat16 value) => value.ToSingle();
    public static explicit operator double(BFloat16 value) => value.ToSingle();

    public static BFloat16 operator +(BFloat16 left, BFloat16 right) => new(left.ToSingle() + right.ToSingle());
    public static BFloat16 operator -(BFloat16 left, BFloat16 right) => new(left.ToSingle() - right.ToSingle());
    public static BFloat16 operator *(BFloat16 left, BFloat16 right) => new(left.ToSingle() * right.ToSingle());
    public static BFloat16 operator /(BFloat16 left, BFloat16 right) => new(left.ToSingle() / right.ToSingle());
    public static BFloat16 operator -(BFloat16 value) => new((ushort)(value.raw ^ 0x8000));
    public static bool operator ==(BFloat16 left, BFloat16 right) => left.ToSingle() == right.ToSingle();
    public static bool operator !=(BFloat16 left, BFloat16 right) => left.ToSingle() != right.ToSingle();
    public static bool operator <(BFloat16 left, BFloat16 right) => left.ToSingle() < right.ToSingle();
    public static bool operator >(BFloat16 left, BFloat16 right) => left.ToSingle() > right.ToSingle();
    public static bool operator <=(BFloat16 left, BFloat16 right) => left.ToSingle() <= right.ToSingle();
    public static bool operator >=(BFloat16 left, BFloat16 right) => left.ToSingle() >= right.ToSingle();

    public bool Equals(BFloat16 other) => ToSingle().Equals(other.ToSingle());
    public override bool Equals(object? obj) => obj is BFloat16 other && Equals(other);
    public override int GetHashCode() => ToSingle().GetHashCode();
    public int CompareTo(BFloat16 other) => ToSingle().CompareTo(other.ToSingle());
    public override string ToString() => ToSingle().ToString(CultureInfo.InvariantCulture);
}
