using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace TorchSharp.Interop;

/// <summary>An ATen operator, found by name when it is first called: an operator that an older libtorch lacks fails there and not at start-up.</summary>
internal sealed unsafe class Op(string name, string overload = "")
{
    private void* found;

    /// <summary>The operator's schema, such as <c>aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor</c>.</summary>
    internal string Schema => Marshal.PtrToStringUTF8((IntPtr)Native.lab_schema(Find()))!;

    private bool? exists;

    /// <summary>Whether the loaded libtorch has it.</summary>
    internal bool Exists => exists ??= Found();

    private bool Found()
    {
        try { return Find() != null; }
        catch (ExternalException) { return false; }
    }

    /// <summary>Calls it and wraps its one tensor result.</summary>
    internal torch.Tensor Call(params ReadOnlySpan<Arg> args)
    {
        Value result;
        return Run(args, &result, 1) == 1 ? new torch.Tensor(Handle(result)) : throw new InvalidOperationException($"{Schema} gave no tensor");
    }

    /// <summary>Calls an operator that writes into its first argument; the result is dropped.</summary>
    internal void CallInPlace(params ReadOnlySpan<Arg> args) => Run(args, null, 0);

    /// <summary>Calls an operator with two tensor results.</summary>
    internal (torch.Tensor, torch.Tensor) CallPair(params ReadOnlySpan<Arg> args)
    {
        Value* results = stackalloc Value[2];
        Run(args, results, 2);
        return (new torch.Tensor(Handle(results[0])), new torch.Tensor(Handle(results[1])));
    }

    /// <summary>Calls an operator with a list, or several, of tensor results, at most <paramref name="capacity"/> of them.</summary>
    internal torch.Tensor[] CallMany(long capacity, params ReadOnlySpan<Arg> args)
    {
        var results = new Value[Math.Max(1, capacity)];
        fixed (Value* p = results)
        {
            var tensors = new torch.Tensor[Run(args, p, results.Length)];
            for (int i = 0; i < tensors.Length; i++) tensors[i] = new torch.Tensor(Handle(results[i]));
            return tensors;
        }
    }

    /// <summary>Calls an operator that gives a truth value.</summary>
    internal bool CallBool(params ReadOnlySpan<Arg> args)
    {
        Value result;
        Run(args, &result, 1);
        return result.Int != 0;
    }

    private int Run(ReadOnlySpan<Arg> args, Value* results, int capacity)
    {
        Value* values = stackalloc Value[args.Length];
        for (int i = 0; i < args.Length; i++) values[i] = args[i].Value;
        int count = Native.lab_call(found != null ? found : Find(), values, args.Length, results, capacity);
        for (int i = 0; i < args.Length; i++) GC.KeepAlive(args[i].Keep);   // a finalizer may run during the native call
        return count >= 0 ? count : throw Native.Failure();
    }

    private static IntPtr Handle(in Value v) => v.Tag == Tag.Tensor ? (IntPtr)v.Int : IntPtr.Zero;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void* Find()
    {
        if (found != null) return found;
        fixed (byte* n = Encoding.UTF8.GetBytes(name + "\0"), o = Encoding.UTF8.GetBytes(overload + "\0")) found = Native.lab_op(n, o);
        return found != null ? found : throw Native.Failure();
    }
}
