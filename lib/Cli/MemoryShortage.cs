using System.Text.RegularExpressions;

namespace HeadKvLab.Cli;

/// <summary>What to say when memory runs out in a prefill, an eviction or a decoding step, on the CPU or a GPU.</summary>
internal static partial class MemoryShortage
{
    /// <summary>The message, or null when something else went wrong.</summary>
    internal static string? Describe(Exception e)
    {
        for (var cause = e; cause is not null; cause = cause.InnerException)
        {
            if (Wanted().Match(cause.Message) is { Success: true } native) return Say($"{native.Groups["bytes"].Value.Trim()} more were wanted at once");
            if (cause is OutOfMemoryException) return Say(cause.Message);
        }
        return null;
    }

    private static string Say(string wanted) =>
        $"memory ran out: {wanted}. Use a smaller --kv-size or context, a narrower --type or --storage, or fewer --methods at once; `lab plan` tells what a model needs. What was written to --out before is kept";

    /// <summary>libtorch: "you tried to allocate 123 bytes", "Tried to allocate 2.00 GiB".</summary>
    [GeneratedRegex(@"[Tt]ried to allocate (?<bytes>[\d.]+ (bytes|[KMGT]iB))")]
    private static partial Regex Wanted();
}
