using HeadKvLab.Kernels;
using static TorchSharp.torch;

namespace HeadKvLab.Cache;

/// <summary>Number formats as TorchSharp names them: the one place that knows both.</summary>
public static class TensorFormats
{
    /// <summary>TorchSharp's name of a format.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Tensors of this lab hold no 8-bit integers.</exception>
    public static ScalarType Scalar(this NumberFormat format) => format switch
    {
        NumberFormat.Float32 => ScalarType.Float32,
        NumberFormat.BFloat16 => ScalarType.BFloat16,
        NumberFormat.Float16 => ScalarType.Float16,
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "no tensor of a model is held so"),
    };

    /// <summary>The format of a tensor's numbers.</summary>
    /// <exception cref="LabException">Weights and caches do not hold such numbers.</exception>
    public static NumberFormat Format(this ScalarType type) => type switch
    {
        ScalarType.Float32 => NumberFormat.Float32,
        ScalarType.BFloat16 => NumberFormat.BFloat16,
        ScalarType.Float16 => NumberFormat.Float16,
        _ => throw new LabException($"weights and caches do not hold {type}: use {Names<NumberFormat>.InWords(NumberFormats.Floating)}"),
    };
}
