using TorchSharp.Interop;

namespace TorchSharp;

/// <summary>New tensors of a given shape. Where no element type is given, the default one (float32 unless set otherwise) is used.</summary>
public static partial class torch
{
    private static ScalarType defaultType = ScalarType.Float32;
    private static Device? defaultDevice;

    public static void set_default_dtype(ScalarType dtype) => defaultType = dtype;
    public static ScalarType get_default_dtype() => defaultType;
    public static void set_default_device(Device device) => defaultDevice = RequireDevice(device);
    public static void set_default_device(string device) => set_default_device(new Device(device));

    private static Tensor Make(Op op, ReadOnlySpan<long> size, ScalarType? dtype, Device? device, bool requires_grad) =>
        Recorded(op.Call(size, dtype ?? defaultType, Arg.None, RequireDevice(device ?? defaultDevice)), requires_grad);

    private static Tensor Recorded(Tensor tensor, bool requires_grad)
    {
        if (requires_grad) tensor.requires_grad = true;
        return tensor;
    }

    public static Tensor zeros(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Make(Ops.zeros, size, dtype, device, requires_grad);
    public static Tensor zeros(ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Make(Ops.zeros, size, dtype, device, requires_grad);
    public static Tensor zeros(long d0, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Make(Ops.zeros, [d0], dtype, device, requires_grad);
    public static Tensor zeros(long d0, long d1, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Make(Ops.zeros, [d0, d1], dtype, device, requires_grad);
    public static Tensor zeros(long d0, long d1, long d2, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Make(Ops.zeros, [d0, d1, d2], dtype, device, requires_grad);
    public static Tensor zeros(long d0, long d1, long d2, long d3, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Make(Ops.zeros, [d0, d1, d2, d3], dtype, device, requires_grad);

    public static Tensor ones(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Make(Ops.ones, size, dtype, device, requires_grad);
    public static Tensor ones(ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Make(Ops.ones, size, dtype, device, requires_grad);
    public static Tensor ones(long d0, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Make(Ops.ones, [d0], dtype, device, requires_grad);
    public static Tensor ones(long d0, long d1, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Make(Ops.ones, [d0, d1], dtype, device, requires_grad);
    public static Tensor ones(long d0, long d1, long d2, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Make(Ops.ones, [d0, d1, d2], dtype, device, requires_grad);
    public static Tensor ones(long d0, long d1, long d2, long d3, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Make(Ops.ones, [d0, d1, d2, d3], dtype, device, requires_grad);

    public static Tensor empty(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Make(Ops.empty, size, dtype, device, requires_grad);
    public static Tensor empty(ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Make(Ops.empty, size, dtype, device, requires_grad);
    public static Tensor empty(long d0, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Make(Ops.empty, [d0], dtype, device, requires_grad);
    public static Tensor empty(long d0, long d1, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Make(Ops.empty, [d0, d1], dtype, device, requires_grad);
    public static Tensor empty(long d0, long d1, long d2, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Make(Ops.empty, [d0, d1, d2], dtype, device, requires_grad);
    public static Tensor empty(long d0, long d1, long d2, long d3, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Make(Ops.empty, [d0, d1, d2, d3], dtype, device, requires_grad);

    private static Tensor Filled(ReadOnlySpan<long> size, Scalar value, ScalarType? dtype, Device? device, bool requires_grad) =>
        Recorded(Ops.full.Call(size, value, dtype ?? (value.IsFloatingPoint ? defaultType : null), Arg.None, RequireDevice(device ?? defaultDevice)), requires_grad);

    public static Tensor full(long[] size, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Filled(size, value, dtype, device, requires_grad);
    public static Tensor full(ReadOnlySpan<long> size, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Filled(size, value, dtype, device, requires_grad);
    public static Tensor full(long d0, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Filled([d0], value, dtype, device, requires_grad);
    public static Tensor full(long d0, long d1, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Filled([d0, d1], value, dtype, device, requires_grad);
    public static Tensor full(long d0, long d1, long d2, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Filled([d0, d1, d2], value, dtype, device, requires_grad);
    public static Tensor full(long d0, long d1, long d2, long d3, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Filled([d0, d1, d2, d3], value, dtype, device, requires_grad);

    private static Tensor Random(Op plain, Op seeded, ReadOnlySpan<long> size, ScalarType? dtype, Device? device, bool requires_grad, Generator? generator) => Recorded(
        generator is null
            ? plain.Call(size, dtype ?? defaultType, Arg.None, RequireDevice(device ?? defaultDevice))
            : seeded.Call(size, generator, dtype ?? defaultType, Arg.None, RequireDevice(device ?? defaultDevice)), requires_grad);

    public static Tensor rand(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) => Random(Ops.rand, Ops.rand_generator, size, dtype, device, requires_grad, generator);
    public static Tensor rand(ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) => Random(Ops.rand, Ops.rand_generator, size, dtype, device, requires_grad, generator);
    public static Tensor rand(long d0, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) => Random(Ops.rand, Ops.rand_generator, [d0], dtype, device, requires_grad, generator);
    public static Tensor rand(long d0, long d1, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) => Random(Ops.rand, Ops.rand_generator, [d0, d1], dtype, device, requires_grad, generator);
    public static Tensor rand(long d0, long d1, long d2, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) => Random(Ops.rand, Ops.rand_generator, [d0, d1, d2], dtype, device, requires_grad, generator);
    public static Tensor rand(long d0, long d1, long d2, long d3, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) => Random(Ops.rand, Ops.rand_generator, [d0, d1, d2, d3], dtype, device, requires_grad, generator);

    public static Tensor randn(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) => Random(Ops.randn, Ops.randn_generator, size, dtype, device, requires_grad, generator);
    public static Tensor randn(ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) => Random(Ops.randn, Ops.randn_generator, size, dtype, device, requires_grad, generator);
    public static Tensor randn(long d0, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) => Random(Ops.randn, Ops.randn_generator, [d0], dtype, device, requires_grad, generator);
    public static Tensor randn(long d0, long d1, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) => Random(Ops.randn, Ops.randn_generator, [d0, d1], dtype, device, requires_grad, generator);
    public static Tensor randn(long d0, long d1, long d2, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) => Random(Ops.randn, Ops.randn_generator, [d0, d1, d2], dtype, device, requires_grad, generator);
    public static Tensor randn(long d0, long d1, long d2, long d3, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) => Random(Ops.randn, Ops.randn_generator, [d0, d1, d2, d3], dtype, device, requires_grad, generator);

    public static Tensor randint(long low, long high, long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) => Recorded(
        generator is null
            ? Ops.randint_low.Call(low, high, size, dtype ?? ScalarType.Int64, Arg.None, RequireDevice(device ?? defaultDevice))
            : Ops.randint_low_generator.Call(low, high, size, generator, dtype ?? ScalarType.Int64, Arg.None, RequireDevice(device ?? defaultDevice)), requires_grad);

    public static Tensor randperm(long n, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null) => Recorded(
        generator is null
            ? Ops.randperm.Call(n, dtype ?? ScalarType.Int64, Arg.None, RequireDevice(device ?? defaultDevice))
            : Ops.randperm_generator.Call(n, generator, dtype ?? ScalarType.Int64, Arg.None, RequireDevice(device ?? defaultDevice)), requires_grad);

    public static Tensor arange(Scalar stop, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => arange(0, stop, 1, dtype, device, requires_grad);
    public static Tensor arange(Scalar start, Scalar stop, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => arange(start, stop, 1, dtype, device, requires_grad);

    public static Tensor arange(Scalar start, Scalar stop, Scalar step, ScalarType? dtype = null, Device? device = null, bool requires_grad = false)
    {
        bool whole = !start.IsFloatingPoint && !stop.IsFloatingPoint && !step.IsFloatingPoint;
        return Recorded(Ops.arange.Call(start, stop, step, dtype ?? (whole ? ScalarType.Int64 : defaultType), Arg.None, RequireDevice(device ?? defaultDevice)), requires_grad);
    }

    public static Tensor linspace(double start, double end, long steps, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Recorded(Ops.linspace.Call(start, end, steps, dtype ?? defaultType, Arg.None, RequireDevice(device ?? defaultDevice)), requires_grad);

    public static Tensor eye(long rows, long columns = -1, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        Recorded(Ops.eye.Call(rows, columns < 0 ? rows : columns, dtype ?? defaultType, Arg.None, RequireDevice(device ?? defaultDevice)), requires_grad);

    public static Tensor zeros_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Recorded(Ops.zeros_like.Call(input, dtype, Arg.None, RequireDevice(device)), requires_grad);
    public static Tensor ones_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Recorded(Ops.ones_like.Call(input, dtype, Arg.None, RequireDevice(device)), requires_grad);
    public static Tensor full_like(Tensor input, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Recorded(Ops.full_like.Call(input, value, dtype, Arg.None, RequireDevice(device)), requires_grad);
}
