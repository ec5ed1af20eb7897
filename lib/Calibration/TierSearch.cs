using HeadKvLab.Compression;
using HeadKvLab.Evaluation.Statistics;
using HeadKvLab.Models;

namespace HeadKvLab.Calibration;

/// <summary>Losses of one point of the search.</summary>
/// <param name="Settings">The point.</param>
/// <param name="Loss">Mean -ln p over the texts that it was chosen on.</param>
public sealed record TierPoint(Settings Settings, double Loss);

/// <summary>What a search found.</summary>
/// <param name="Chosen">The chosen point's settings; <c>moved=0</c> is uniform.</param>
/// <param name="Gain">Loss of uniform minus loss of the chosen point on the texts that it was chosen on, paired by text.</param>
/// <param name="GainElsewhere">The same on the other texts, which had no say in the choice; null where uniform was chosen.</param>
/// <param name="Points">All points, uniform first.</param>
public sealed record TierChoice(Settings Chosen, Interval Gain, Interval? GainElsewhere, IReadOnlyList<TierPoint> Points)
{
    /// <summary>The method in the words of <c>--methods</c>.</summary>
    public string Method => $"{TierSearch.Method} {Chosen}";
}

/// <summary>
/// Chooses BaKlaVa's tiers by the loss on texts, as its third phase does by perplexity: uniform and 108 points, one prefill of a text for all. The point of the lowest mean loss is
/// chosen among those that beat uniform by more than half the width of the paired 95 % interval; uniform where there is none. The best of so many is flattered by chance, so
/// every second text only checks.
/// </summary>
public static class TierSearch
{
    internal const string Method = "BaKlaVa";

    /// <summary>The points, uniform first.</summary>
    public static IReadOnlyList<Settings> Points { get; } =
    [
        new(("moved", 0)),
        .. from low in (double[])[0.125, 0.25, 0.5]
           from high in (double[])[0.0625, 0.125, 0.25]
           from moved in (double[])[0.25, 0.5, 0.75, 0.9]
           from exponent in (double[])[0, 0.5, 1]
           select new Settings(("low", low), ("high", high), ("moved", moved), ("layer-exponent", exponent)),
    ];

    /// <summary>Measures all points and chooses.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tables">Its tables; the change of heads is needed.</param>
    /// <param name="budget">How much is kept: the choice holds for it.</param>
    /// <param name="texts">At least four; of the first, third, ... it is chosen, the others check.</param>
    /// <param name="scored">Last tokens of each text that are scored.</param>
    /// <param name="progress">Told how many texts are done, of how many.</param>
    /// <param name="stop">Ends the search between two texts.</param>
    public static TierChoice Run(LanguageModel model, CalibrationTables tables, Budget budget, IReadOnlyList<int[]> texts, int scored, Action<int, int>? progress = null, CancellationToken stop = default)
    {
        if (texts.Count < 4) throw new LabException($"{texts.Count} texts: give four or more, half to choose by and half to check with");
        Method[] methods = [.. Points.Select(point => Catalogue.Find(Method).Create(point, tables))];
        var done = 0;
        var losses = texts.Where((_, i) => i % 2 == 0).Select(text => Loss(methods, text)).ToArray();
        var best = Best(losses);
        var elsewhere = best == 0 ? null : texts.Where((_, i) => i % 2 == 1).Select(text => Loss([methods[0], methods[best]], text)).ToArray();
        return new(Points[best], Gain(losses, best), elsewhere is null ? null : Gain(elsewhere, 1), [.. Points.Select((point, i) => new TierPoint(point, losses.Average(text => text[i])))]);

        double[] Loss(Method[] some, int[] text)
        {
            stop.ThrowIfCancellationRequested();
            var loss = ContinuationLoss.Measure(model, some, budget, text, scored);
            progress?.Invoke(++done, texts.Count);
            return loss;
        }
    }

    /// <summary>The point to choose.</summary>
    /// <param name="losses">Losses, <c>[text][point]</c>, uniform first.</param>
    internal static int Best(double[][] losses)
    {
        var points = Enumerable.Range(1, losses[0].Length - 1).Where(point => Gain(losses, point) is var gain && gain.Mean > (gain.High - gain.Low) / 2);
        return points.OrderBy(point => losses.Average(text => text[point])).FirstOrDefault();
    }

    private static Interval Gain(double[][] losses, int point) => Bootstrap.Mean(losses.Select((text, i) => (Settings.Text(i), text[0] - text[point])));
}
