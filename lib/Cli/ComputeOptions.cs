using System.CommandLine;
using HeadKvLab.Cache;
using HeadKvLab.Kernels;
using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Cli;

/// <summary>The options of every command that runs a model: number type of the products, and device.</summary>
internal static class ComputeOptions
{
    internal static Option<string> Type()
    {
        var option = new Option<string>("--type")
        {
            Description = "Number type of the weights and matrix products: float32, bfloat16, float16 (on the CPU held in 2 bytes, multiplied in float32), or stored (as in the checkpoint, whose pages then serve as memory: nothing is copied).",
            DefaultValueFactory = _ => "float32",
        };
        option.AcceptOnlyFromAmong([.. Formats, "stored"]);
        return option;
    }

    internal static Option<string> DecodeWeights()
    {
        var option = new Option<string>("--decode-weights")
        {
            Description = "What answers are decoded with, on the CPU: exact (the weights as they are), or int8 (8-bit integers with a factor per output: the bytes of a token's weights fall to a half of bfloat16's, and the text may change). Prompts are read with the exact weights.",
            DefaultValueFactory = _ => "exact",
        };
        option.AcceptOnlyFromAmong([.. Precisions.Select(Names<DecodePrecision>.Of)]);
        return option;
    }

    /// <summary>The chosen weights of decoding.</summary>
    internal static DecodePrecision Precision(string weights) => Names<DecodePrecision>.Parse(weights, "--decode-weights", Precisions);

    private static IReadOnlyList<DecodePrecision> Precisions => [DecodePrecision.Lossless, DecodePrecision.Int8];

    internal static Option<string> Device()
    {
        var option = new Option<string>("--device") { Description = "cpu or cuda.", DefaultValueFactory = _ => "cpu" };
        option.AcceptOnlyFromAmong("cpu", "cuda");
        return option;
    }

    /// <summary>The names of the formats that models and caches are held in.</summary>
    internal static string[] Formats => [.. NumberFormats.Floating.Select(NumberFormats.Name)];

    /// <summary>The chosen type; null for the stored one.</summary>
    internal static ScalarType? Parse(string type) => NumberFormats.TryParse(type, out var format) ? format.Scalar() : null;

    /// <summary>The chosen device.</summary>
    /// <exception cref="LabException">There is no GPU.</exception>
    internal static Device Place(string device) => device == "cpu" || cuda.is_available()
        ? torch.device(device)
        : throw new LabException("--device cuda: no usable NVIDIA GPU, or the libtorch in use is a CPU build: leave the option out, or see `lab doctor`");
}
