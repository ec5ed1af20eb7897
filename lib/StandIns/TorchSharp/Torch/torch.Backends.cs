using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Switches of libtorch's CUDA code; they can be read and set on any machine.</summary>
    public static class backends
    {
        public static class cuda
        {
            public static bool flash_sdp_enabled() => Native.lab_flag(1, -1) != 0;
            public static void enable_flash_sdp(bool enable) => Native.lab_flag(1, enable ? 1 : 0);
            public static bool math_sdp_enabled() => Native.lab_flag(2, -1) != 0;
            public static void enable_math_sdp(bool enable) => Native.lab_flag(2, enable ? 1 : 0);

            public static class matmul
            {
                public static bool allow_tf32
                {
                    get => Native.lab_flag(0, -1) != 0;
                    set => Native.lab_flag(0, value ? 1 : 0);
                }
            }
        }
    }
}
