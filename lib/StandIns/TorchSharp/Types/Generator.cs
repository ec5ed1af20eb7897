using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>A source of random numbers of its own (CPU).</summary>
    public class Generator : IDisposable
    {
        private IntPtr native;

        public Generator(ulong seed = 0, Device? device = null)
        {
            if (device is not null && device.type != DeviceType.CPU) throw new NotSupportedException($"a Generator on {device}: only CPU generators are available");
            this.device = CPU;
            native = Native.Check(Native.lab_generator(seed));
        }

        private Generator(IntPtr native) => (this.native, device) = (native, CPU);

        ~Generator() => Free();

        public Device device { get; }
        internal static Generator Default => new(Native.lab_default_generator());
        public Generator manual_seed(long seed) { Native.lab_generator_seed(Handle, (ulong)seed); return this; }

        internal IntPtr Handle => native != IntPtr.Zero ? native : throw new ObjectDisposedException(nameof(Generator));

        public void Dispose() { Free(); GC.SuppressFinalize(this); }

        private void Free()
        {
            IntPtr last = Interlocked.Exchange(ref native, IntPtr.Zero);
            if (last != IntPtr.Zero) Native.lab_generator_free(last);
        }
    }
}
