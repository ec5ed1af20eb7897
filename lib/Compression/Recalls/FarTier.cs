using HeadKvLab.Cache;

namespace HeadKvLab.Compression.Recalls;

/// <summary>
/// A recall over entries that lie in a far memory: a near one holds what the last tokens chose, and the rest is fetched when it is chosen. The layers that are read whole are near.
/// It changes no bit of what is computed; what it tells is bytes: those that lie far, those near at once, and those moved for a token.
/// </summary>
/// <param name="Chooser">Says what is read.</param>
/// <param name="Near">Steps whose choices stay near, R: 1 or more.</param>
public sealed record FarTier(IRecall Chooser, int Near) : IRecall
{
    /// <inheritdoc/>
    public int Near { get; } = RecallSettings.AtLeast(1, Near, Chooser.GetType().Name, "near");

    /// <inheritdoc/>
    public string Name => FormattableString.Invariant($"{Chooser.Name} near={Near}");

    /// <inheritdoc/>
    public IRecallIndex? Build(int layer, CacheShape shape) => Chooser.Build(layer, shape);

    /// <inheritdoc/>
    public long BytesFor(int layer, int entries, CacheShape shape) => Chooser.BytesFor(layer, entries, shape);
}
