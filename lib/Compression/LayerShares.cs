using System.Globalization;

namespace HeadKvLab.Compression;

/// <summary>How much of a prompt each layer keeps, the same in all its heads, measured once for a model.</summary>
public abstract class LayerShares : ICalibrationTable
{
    /// <inheritdoc/>
    public abstract int Layers { get; }

    /// <inheritdoc/>
    public abstract string Hash { get; }

    /// <inheritdoc/>
    public string? Source { get; init; }

    /// <inheritdoc/>
    public abstract ICalibrationTable Among(IReadOnlyList<int> layers);

    /// <summary>Whether the shares can be had for any budget.</summary>
    public abstract bool FollowsBudget { get; }

    /// <summary>Entries that a head of each layer keeps, window excluded, <c>[layer]</c>.</summary>
    /// <param name="frame">Sizes of the model, the prompt and the budget.</param>
    /// <exception cref="LabException">The table has other layers than the model.</exception>
    public double[] Keep(in BudgetFrame frame) => Layers == frame.Layers ? Entries(frame)
        : throw new LabException($"{Source ?? "PrefixKV's shares"}: describes {Layers} layers, the model has {frame.Layers}: use a table measured on this model (`lab heads prefix`)");

    /// <summary>The same, for a model of as many layers.</summary>
    protected abstract double[] Entries(in BudgetFrame frame);
}

/// <summary>
/// Shares as PrefixKV's authors publish them, a list of what each layer drops at one ratio: used as they are, whatever the budget.
/// Source: THU-MIG/PrefixKV <c>confs/</c>. As there, round(n · share) entries go, and the window is among those that stay.
/// </summary>
/// <param name="dropped">Share of the prompt that each layer drops, 0 to 1, <c>[layer]</c>.</param>
public sealed class DroppedShares(params double[] dropped) : LayerShares
{
    private readonly double[] _dropped = dropped.Length > 0 && Array.TrueForAll(dropped, share => share is >= 0 and <= 1) ? [.. dropped]
        : throw new LabException("dropped shares: give a number from 0 to 1 for each layer");

    /// <inheritdoc/>
    public override int Layers => _dropped.Length;

    /// <inheritdoc/>
    public override string Hash => TableHash.Of(string.Create(CultureInfo.InvariantCulture, $"dropped {Layers} "), _dropped);

    /// <inheritdoc/>
    public override ICalibrationTable Among(IReadOnlyList<int> layers) => new DroppedShares([.. layers.Select(layer => _dropped[layer])]) { Source = Source };

    /// <inheritdoc/>
    public override bool FollowsBudget => false;

    /// <summary>Share of the prompt that each layer drops, <c>[layer]</c>.</summary>
    public ReadOnlySpan<double> Dropped => _dropped;

    /// <inheritdoc/>
    protected override double[] Entries(in BudgetFrame frame)
    {
        var (n, window) = (frame.PromptLength, frame.Recent);
        return Array.ConvertAll(_dropped, share => Math.Max(0, n - Math.Round(n * share, MidpointRounding.ToEven) - window));
    }
}
