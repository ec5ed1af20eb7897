using System.Text;

namespace TorchSharp.Interop;

/// <summary>One argument of an operator: its bridge value, and the managed object that must stay alive during the call.</summary>
internal readonly unsafe struct Arg
{
    internal readonly Value Value;
    internal readonly object? Keep;

    private Arg(Value value, object? keep = null) => (Value, Keep) = (value, keep);

    /// <summary>Stands for the default that the operator's schema gives.</summary>
    internal static Arg Default => new(new Value { Tag = Tag.Default });

    /// <summary>Stands for None: an absent optional argument.</summary>
    internal static Arg None => default;

    public static implicit operator Arg(torch.Tensor? t) => t is null ? default : new(new Value { Tag = Tag.Tensor, Int = t.Handle }, t);
    public static implicit operator Arg(long v) => new(new Value { Tag = Tag.Int, Int = v });
    public static implicit operator Arg(long? v) => v is long x ? x : default(Arg);
    public static implicit operator Arg(double v) => new(new Value { Tag = Tag.Double, Double = v });
    public static implicit operator Arg(double? v) => v is double x ? x : default(Arg);
    public static implicit operator Arg(bool v) => new(new Value { Tag = Tag.Bool, Int = v ? 1 : 0 });
    public static implicit operator Arg(torch.ScalarType v) => (long)v;
    public static implicit operator Arg(torch.ScalarType? v) => v is torch.ScalarType x ? (long)x : default(Arg);
    public static implicit operator Arg(torch.Device? v) => v is null ? default : new(new Value { Tag = Tag.Device, Length = (int)v.type, Int = v.index });
    public static implicit operator Arg(Scalar? v) => v is null ? default : new(v.Value);
    public static implicit operator Arg(torch.Generator? v) => v is null ? default : new(new Value { Tag = Tag.Generator, Int = v.Handle }, v);
    public static implicit operator Arg(long[]? v) => v is null ? default : Ints(v);
    public static implicit operator Arg(ReadOnlySpan<long> v) => Ints(v);

    public static implicit operator Arg(string v)
    {
        byte* data = (byte*)Scratch.Take(Encoding.UTF8.GetMaxByteCount(v.Length));
        fixed (char* text = v)
            return new(new Value { Tag = Tag.String, Length = Encoding.UTF8.GetBytes(text, v.Length, data, Encoding.UTF8.GetMaxByteCount(v.Length)), Pointer = data });
    }

    public static implicit operator Arg(torch.Tensor?[] v)
    {
        var handles = (IntPtr*)Scratch.Take(v.Length * sizeof(IntPtr));
        for (int i = 0; i < v.Length; i++) handles[i] = v[i]?.Handle ?? IntPtr.Zero;
        return new(new Value { Tag = Tag.TensorList, Length = v.Length, Pointer = handles }, v);
    }

    private static Arg Ints(ReadOnlySpan<long> v)
    {
        var data = (long*)Scratch.Take(v.Length * sizeof(long));
        v.CopyTo(new Span<long>(data, v.Length));
        return new(new Value { Tag = Tag.IntList, Length = v.Length, Pointer = data });
    }
}
