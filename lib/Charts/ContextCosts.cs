using HeadKvLab.Charts.Sketches;

namespace HeadKvLab.Charts;

/// <summary>What one method costs at one context length.</summary>
/// <param name="Method">Name of the method.</param>
/// <param name="Length">Context length in tokens.</param>
/// <param name="Milliseconds">Median time of one decoding step.</param>
/// <param name="Low">Shortest time of a round; not-a-number where unknown.</param>
/// <param name="High">Longest time of a round; not-a-number where unknown.</param>
/// <param name="Bytes">Bytes held by the cache.</param>
public sealed record ContextCost(string Method, int Length, double Milliseconds, double Low, double High, double Bytes);

/// <summary>Time of a decoding step and memory of the cache over the context length, side by side, one line for each method.</summary>
public static class ContextCosts
{
    /// <summary>Draws both charts.</summary>
    /// <param name="costs">The measurements.</param>
    /// <param name="title">Title of the figure.</param>
    /// <param name="note">How to read it.</param>
    /// <param name="timeTitle">What was timed, with its unit.</param>
    /// <exception cref="ArgumentException">There is no measurement.</exception>
    public static Figure Draw(IReadOnlyList<ContextCost> costs, string title = "What a long context costs",
        string note = "Left: median time of one decoding step; whiskers: the range of the rounds. Right: memory held by the KV cache after the prompt. Points of one length stand a little apart.",
        string timeTitle = "Time per token (ms)")
    {
        var methods = costs.GroupBy(cost => cost.Method).Select(method => method.OrderBy(cost => cost.Length).ToArray()).ToArray();
        var (unit, factor) = Unit(costs.Select(cost => cost.Bytes).DefaultIfEmpty(0).Max());
        var time = methods.Select(method => new Curve(method[0].Method, Lengths(method), [.. method.Select(cost => cost.Milliseconds)])
        {
            Low = [.. method.Select(cost => cost.Low)],
            High = [.. method.Select(cost => cost.High)],
        });
        var memory = methods.Select(method => new Curve(method[0].Method, Lengths(method), [.. method.Select(cost => cost.Bytes / factor)]));
        const string x = "Context length (tokens)";
        return new Sketch(title, note,
        [
            Curves.PanelOf("Latency", [.. time], x, timeTitle, Spacing.Logarithmic, fromZero: true, Format.Tokens),
            Curves.PanelOf("Memory", [.. memory], x, $"KV cache ({unit})", Spacing.Logarithmic, fromZero: true, Format.Tokens),
        ]) { Columns = 2, Width = 880, Height = 400 }.ToFigure();
    }

    private static double[] Lengths(ContextCost[] costs) => [.. costs.Select(cost => (double)cost.Length)];

    /// <summary>The largest binary unit of which there is at least one.</summary>
    private static (string Unit, double Factor) Unit(double bytes) =>
        bytes >= 1L << 30 ? ("GiB", 1L << 30) : bytes >= 1 << 20 ? ("MiB", 1 << 20) : ("KiB", 1 << 10);
}
