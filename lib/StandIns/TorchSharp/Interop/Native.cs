using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]

namespace TorchSharp.Interop;

/// <summary>The entries of the bridge (native/shim.cpp). All are safe to call from any thread.</summary>
internal static unsafe partial class Native
{
    private const string Bridge = "headkv_torch";

    static Native() => NativeLoader.Load(Bridge);

    [LibraryImport(Bridge)] private static partial byte* lab_error();
    [LibraryImport(Bridge)] internal static partial void* lab_op(byte* name, byte* overload);
    [LibraryImport(Bridge)] internal static partial byte* lab_schema(void* op);
    [LibraryImport(Bridge)] internal static partial int lab_call(void* op, Value* args, int nargs, Value* outs, int cap);
    [LibraryImport(Bridge)] internal static partial IntPtr lab_cat(IntPtr* handles, int n, long dim);
    [LibraryImport(Bridge)] internal static partial void lab_free(IntPtr handle);
    [LibraryImport(Bridge)] internal static partial IntPtr lab_retain(IntPtr handle);
    [LibraryImport(Bridge), SuppressGCTransition] internal static partial void lab_meta(IntPtr handle, Meta* meta);
    [LibraryImport(Bridge)] internal static partial IntPtr lab_from_blob(void* data, long* sizes, int ndim, int dtype, delegate* unmanaged<void*, void> deleter, void* context);
    [LibraryImport(Bridge)] internal static partial int lab_set_requires_grad(IntPtr handle, int on);
    [LibraryImport(Bridge)] internal static partial IntPtr lab_grad(IntPtr handle);
    [LibraryImport(Bridge)] internal static partial int lab_set_grad(IntPtr handle, IntPtr grad);
    [LibraryImport(Bridge)] internal static partial int lab_backward(IntPtr* roots, int n, IntPtr* grads, int ngrads, int retain, int create, IntPtr* inputs, int ninputs);
    [LibraryImport(Bridge)] internal static partial int lab_autograd_grad(IntPtr* outputs, int n, IntPtr* inputs, int ninputs, IntPtr* grads, int ngrads, int retain, int create, int unused, IntPtr* results);
    [LibraryImport(Bridge), SuppressGCTransition] internal static partial int lab_grad_enabled();
    [LibraryImport(Bridge), SuppressGCTransition] internal static partial void lab_set_grad_enabled(int on);
    [LibraryImport(Bridge)] internal static partial IntPtr lab_inference_enter(int on);
    [LibraryImport(Bridge)] internal static partial void lab_inference_exit(IntPtr guard);
    [LibraryImport(Bridge)] internal static partial int lab_manual_seed(ulong seed);
    [LibraryImport(Bridge)] internal static partial IntPtr lab_generator(ulong seed);
    [LibraryImport(Bridge)] internal static partial IntPtr lab_default_generator();
    [LibraryImport(Bridge)] internal static partial void lab_generator_seed(IntPtr generator, ulong seed);
    [LibraryImport(Bridge)] internal static partial void lab_generator_free(IntPtr generator);
    [LibraryImport(Bridge)] internal static partial int lab_get_threads();
    [LibraryImport(Bridge)] internal static partial int lab_set_threads(int n);
    [LibraryImport(Bridge)] internal static partial int lab_keep_freed_memory();
    [LibraryImport(Bridge)] internal static partial int lab_has_cuda();
    [LibraryImport(Bridge)] internal static partial int lab_cuda_count();
    [LibraryImport(Bridge)] internal static partial int lab_has_cudnn();
    [LibraryImport(Bridge)] internal static partial int lab_cuda_synchronize(int device);
    [LibraryImport(Bridge)] internal static partial int lab_flag(int which, int set);
    [LibraryImport(Bridge)] private static partial byte* lab_version();
    [LibraryImport(Bridge)] private static partial byte* lab_config();

    internal static string Version => Marshal.PtrToStringUTF8((IntPtr)lab_version())!;
    internal static string Config => Marshal.PtrToStringUTF8((IntPtr)lab_config())!;

    /// <summary>The exception for a native call that has just failed on this thread, with ATen's own message.</summary>
    internal static ExternalException Failure() => new(Marshal.PtrToStringUTF8((IntPtr)lab_error()));

    internal static void Check(int result)
    {
        if (result < 0) throw Failure();
    }

    internal static IntPtr Check(IntPtr handle) => handle != IntPtr.Zero ? handle : throw Failure();
}
