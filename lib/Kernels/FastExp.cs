using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace HeadKvLab.Kernels;

/// <summary>
/// e^x of sixteen numbers at once, for x at most 0: x = n ln 2 + r, a polynomial of degree 6 in r, the exponent by integer addition.
/// Relative error below 2e-7; what lies below -87 gives 0.
/// </summary>
internal static class FastExp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        var tiny = Vector512.LessThan(x, Vector512.Create(-87f));
        x = Vector512.MaxNative(Vector512.Create(-87f), x); // of a number and none, the second
        var n = Vector512.Floor(Vector512.FusedMultiplyAdd(x, Vector512.Create(1.44269504f), Vector512.Create(0.5f)));
        var r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-0.693359375f), x);
        r = Vector512.FusedMultiplyAdd(n, Vector512.Create(2.12194440e-4f), r);
        var p = Vector512.FusedMultiplyAdd(Vector512.Create(1.9875691500e-4f), r, Vector512.Create(1.3981999507e-3f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(8.3334519073e-3f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(4.1665795894e-2f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1.6666665459e-1f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(5.0000001201e-1f));
        p = Vector512.FusedMultiplyAdd(p, r * r, r + Vector512<float>.One);
        var power = (Vector512.ConvertToInt32Native(n) << 23).AsSingle();
        var y = (p.AsInt32() + power.AsInt32()).AsSingle();
        return Vector512.AndNot(y, tiny);
    }
}
