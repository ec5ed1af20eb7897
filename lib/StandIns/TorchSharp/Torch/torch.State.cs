using TorchSharp.Interop;

namespace TorchSharp;

/// <summary>The library: factories, functions and the state of the calling thread.</summary>
public static partial class torch
{
    /// <summary>A scope that disposes, at its end, what this thread creates inside it.</summary>
    public static DisposeScope NewDisposeScope() => new(DisposeScopeManager.ThreadSingleton);

    /// <summary>Runs an expression in a scope of its own and keeps only its result.</summary>
    public static Tensor WrappedTensorDisposeScope(Func<Tensor> expr)
    {
        using DisposeScope scope = NewDisposeScope();
        return scope.MoveToOuter(expr());
    }

    /// <summary>No recording for backward on this thread until disposed.</summary>
    public static IDisposable no_grad() => new GradMode(false);
    public static IDisposable enable_grad(bool enabled = true) => new GradMode(enabled);
    public static IDisposable set_grad_enabled(bool mode = true) => new GradMode(mode);
    public static bool is_grad_enabled() => Native.lab_grad_enabled() != 0;

    /// <summary>As <see cref="no_grad"/>, and no version counting either: tensors made inside can never be recorded.</summary>
    public static IDisposable inference_mode(bool mode = true) => new InferenceMode(mode);

    private sealed class GradMode : IDisposable
    {
        private readonly int before = Native.lab_grad_enabled();
        internal GradMode(bool on) => Native.lab_set_grad_enabled(on ? 1 : 0);
        public void Dispose() => Native.lab_set_grad_enabled(before);
    }

    private sealed class InferenceMode(bool on) : IDisposable
    {
        private IntPtr guard = Native.lab_inference_enter(on ? 1 : 0);

        public void Dispose()
        {
            if (guard != IntPtr.Zero) Native.lab_inference_exit(guard);
            guard = IntPtr.Zero;
        }
    }

    /// <summary>Seeds the random numbers of the process.</summary>
    public static Generator manual_seed(long seed)
    {
        Native.Check(Native.lab_manual_seed((ulong)seed));
        return Generator.Default;
    }

    public static void set_num_threads(int num) => Native.Check(Native.lab_set_threads(num));
    public static int get_num_threads() => Native.lab_get_threads();

    /// <summary>The version of the libtorch that the bridge was built against.</summary>
    public static string __version__ => Native.Version;

    public static class random
    {
        public static Generator manual_seed(long seed) => torch.manual_seed(seed);
    }

    public static class autograd
    {
        /// <summary>Derivatives of outputs with respect to inputs, without touching any <c>grad</c>.</summary>
        public static unsafe IList<Tensor> grad(IList<Tensor> outputs, IList<Tensor> inputs, IList<Tensor>? grad_outputs = null, bool retain_graph = false, bool create_graph = false, bool allow_unused = false)
        {
            IntPtr[] o = [.. outputs.Select(t => t.Handle)], i = [.. inputs.Select(t => t.Handle)], g = grad_outputs is null ? [] : [.. grad_outputs.Select(t => t.Handle)];
            var results = new IntPtr[i.Length];
            fixed (IntPtr* po = o, pi = i, pg = g, pr = results)
                Native.Check(Native.lab_autograd_grad(po, o.Length, pi, i.Length, pg, g.Length, retain_graph || create_graph ? 1 : 0, create_graph ? 1 : 0, allow_unused ? 1 : 0, pr));
            GC.KeepAlive(outputs);
            GC.KeepAlive(inputs);
            GC.KeepAlive(grad_outputs);
            return [.. results.Select(r => new Tensor(r))];
        }
    }

    public static class cuda
    {
        public static bool is_available() => Native.lab_has_cuda() != 0 && device_count() > 0;
        public static int device_count() => Native.lab_has_cuda() != 0 ? Math.Max(0, Native.lab_cuda_count()) : 0;
        public static bool is_cudnn_available() => is_available() && Native.lab_has_cudnn() != 0;
        public static Generator manual_seed(long seed) => torch.manual_seed(seed);
        public static Generator manual_seed_all(long seed) => torch.manual_seed(seed);

        public static void synchronize(Device? device = null)
        {
            if (!is_available()) throw new InvalidOperationException("CUDA is not available.");
            Native.Check(Native.lab_cuda_synchronize(device?.index ?? 0));
        }
    }
}
