using System.Globalization;

namespace HeadKvLab.Compression;

/// <summary>
/// LU-KV's table: the share of its entries that each KV head loses when 1, 2, ..., 99 % of all are to go. The row nearest to the budget is taken; inside a layer entries are rounded by largest
/// remainder to the layer's sum, and a head keeps at least one.
/// Source: LU-KV (arXiv 2602.08585) as kvpress' <c>LUKVPress</c> reads its files. The window, which is one token there, is among what a head keeps.
/// </summary>
public sealed class RemovalCurves : HeadShares
{
    /// <summary>Rows: per cent of all entries that go.</summary>
    public const int Rows = 99;

    private readonly double[] _removed; // [row, layer, head]

    /// <summary>Creates the table.</summary>
    /// <param name="layers">Layers of the model.</param>
    /// <param name="heads">KV heads of a layer.</param>
    /// <param name="removed">Shares from 0 to 1, <c>[row, layer, head]</c>.</param>
    /// <exception cref="LabException">There are not 99 rows, or a share is none.</exception>
    public RemovalCurves(int layers, int heads, ReadOnlySpan<double> removed)
    {
        if (layers < 1 || heads < 1 || removed.Length != Rows * layers * heads) throw new LabException($"removal curves: {removed.Length} shares do not make {Rows} rows of {layers} layers of {heads} KV heads");
        (Layers, Heads, _removed) = (layers, heads, removed.ToArray());
        for (var i = 0; i < removed.Length; i++)
            if (!(removed[i] is >= 0 and <= 1))
                throw new LabException(FormattableString.Invariant($"removal curves: head {i / heads % layers}-{i % heads} loses {removed[i]} at {i / heads / layers + 1} %: shares are numbers from 0 to 1"));
    }

    /// <inheritdoc/>
    public override int Layers { get; }

    /// <inheritdoc/>
    public override int Heads { get; }

    /// <inheritdoc/>
    public override string Hash => TableHash.Of(string.Create(CultureInfo.InvariantCulture, $"removal {Layers} {Heads} "), _removed);

    /// <summary>All shares, <c>[row, layer, head]</c>.</summary>
    public ReadOnlySpan<double> Removed => _removed;

    /// <inheritdoc/>
    public override ICalibrationTable Among(IReadOnlyList<int> layers) =>
        new RemovalCurves(layers.Count, Heads, [.. Enumerable.Range(0, Rows).SelectMany(row => layers.SelectMany(layer => _removed[At(row, layer)..At(row, layer + 1)]))]) { Source = Source };

    /// <summary>What other curves drop at each share: what LU-KV's own file would hold for them.</summary>
    /// <param name="curves">The curves.</param>
    public static RemovalCurves Of(UtilityCurves curves)
    {
        const int Many = 1_000_000; // entries of a head, so that rounding is not seen
        var removed = new List<double>();
        for (var row = 1; row <= Rows; row++)
        {
            var (heads, total) = (curves.Layers * curves.Heads, (long)Many * (100 - row) / 100 * curves.Layers * curves.Heads);
            var requested = curves.Keep(new(curves.Layers, curves.Heads, Many + 1, 1, (int)(total / heads), total));
            var entries = new int[heads];
            BudgetRules.Resolve(BudgetRule.EqualEntries, new(requested, [.. requested]), Many, total, entries);
            removed.AddRange(entries.Select(kept => 1 - (double)kept / Many));
        }
        return new(curves.Layers, curves.Heads, removed.ToArray());
    }

    /// <inheritdoc/>
    protected override double[] Entries(in BudgetFrame frame)
    {
        var n = frame.PromptLength;
        var row = Math.Clamp((int)Math.Round(100 * (1 - (double)(frame.Selectable + frame.Recent) / n), MidpointRounding.ToEven) - 1, 0, Rows - 1);
        var kept = new double[Layers * Heads];
        for (var layer = 0; layer < Layers; layer++)
        {
            var ideal = _removed[At(row, layer)..At(row, layer + 1)].Select(share => (1 - share) * n).ToArray();
            var whole = ideal.Select(entries => (int)Math.Floor(entries + 1e-9)).ToArray();    // 5 written as 4.999... is 5
            var missing = Math.Clamp((int)Math.Round(ideal.Sum(), MidpointRounding.ToEven), Heads, Heads * n) - whole.Sum();
            foreach (var head in Enumerable.Range(0, Heads).OrderByDescending(head => ideal[head] - whole[head]).Take(Math.Max(0, missing))) whole[head]++;
            for (var head = 0; head < Heads; head++) kept[layer * Heads + head] = Math.Max(0, Math.Clamp(whole[head], 1, n) - frame.Recent);
        }
        return kept;
    }

    private int At(int row, int layer) => (row * Layers + layer) * Heads;
}
