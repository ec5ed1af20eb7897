namespace HeadKvLab.Text.Jinja;

/// <summary>range(...): a sequence of numbers that is written by its bounds and equals no list.</summary>
internal sealed class JinjaRange(long start, long stop, long step, IEnumerable<object?> items) : List<object?>(items)
{
    /// <inheritdoc/>
    public override string ToString() => step == 1 ? FormattableString.Invariant($"range({start}, {stop})") : FormattableString.Invariant($"range({start}, {stop}, {step})");
}
