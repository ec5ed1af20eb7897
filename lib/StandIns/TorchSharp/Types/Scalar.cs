using TorchSharp.Interop;

namespace TorchSharp;

/// <summary>A number as operators take it: integer, floating point or truth value.</summary>
public sealed class Scalar : IDisposable
{
    internal readonly Value Value;

    private Scalar(long v) => Value = new Value { Tag = Tag.Int, Int = v };
    private Scalar(double v) => Value = new Value { Tag = Tag.Double, Double = v };
    private Scalar(bool v) => Value = new Value { Tag = Tag.Bool, Int = v ? 1 : 0 };

    public static implicit operator Scalar(byte value) => new((long)value);
    public static implicit operator Scalar(sbyte value) => new((long)value);
    public static implicit operator Scalar(short value) => new((long)value);
    public static implicit operator Scalar(int value) => new((long)value);
    public static implicit operator Scalar(long value) => new(value);
    public static implicit operator Scalar(float value) => new((double)value);
    public static implicit operator Scalar(double value) => new(value);
    public static implicit operator Scalar(bool value) => new(value);
    public static implicit operator Scalar(Half value) => new((double)value);
    public static implicit operator Scalar(BFloat16 value) => new((double)value.ToSingle());

    internal bool IsFloatingPoint => Value.Tag == Tag.Double;
    internal double ToDouble() => IsFloatingPoint ? Value.Double : Value.Int;

    public void Dispose() { }
}
