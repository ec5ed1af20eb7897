using System.Text.Json;
using HeadKvLab.Evaluation.Statistics;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>
/// A declared division of a suite into questions that settings are chosen on and questions that the result is measured on. Whole contexts go to one side:
/// questions on one context are not independent.
/// </summary>
/// <param name="Seed">Seed of the division.</param>
/// <param name="Share">Share of the contexts that goes to validation.</param>
public sealed record ValidationSplit(int Seed, double Share)
{
    /// <summary>The two sides of a set; they share no context.</summary>
    /// <exception cref="LabException">One side would be empty.</exception>
    public (EvalSet Validation, EvalSet Test) Divide(EvalSet set)
    {
        var contexts = set.Tasks.Select(t => t.Context).Distinct().Order(StringComparer.Ordinal).ToArray();
        new Random(Seed).Shuffle(contexts);
        var count = (int)Math.Round(Share * contexts.Length, MidpointRounding.AwayFromZero);
        if (count < 1 || count >= contexts.Length)
            throw new LabException(FormattableString.Invariant($"suite {set.Suite}: {contexts.Length} contexts cannot be divided with a share of {Share}: both sides need at least one; give another --split or more data"));
        var validation = contexts.Take(count).ToHashSet();
        return (set with { Tasks = [.. set.Tasks.Where(t => validation.Contains(t.Context))] }, set with { Tasks = [.. set.Tasks.Where(t => !validation.Contains(t.Context))] });
    }
}

/// <summary>What was chosen, written before the test questions are touched.</summary>
/// <param name="Split">The division.</param>
/// <param name="Candidates">All candidates.</param>
/// <param name="Chosen">The chosen one for each budget.</param>
public sealed record BetaChoice(ValidationSplit Split, IReadOnlyList<Variant> Candidates, IReadOnlyList<Variant> Chosen)
{
    private static readonly JsonSerializerOptions Page = new(EvalRow.Json) { WriteIndented = true };

    /// <summary>Chooses for each budget the candidate of the highest score; of equals the one whose beta is nearest to the paper's default.</summary>
    /// <param name="split">The division.</param>
    /// <param name="candidates">Variants of a method with a beta, which differ in settings or window.</param>
    /// <param name="validation">Rows of the validation questions.</param>
    /// <exception cref="LabException">Some of them have no answer, so that nothing can be chosen by them.</exception>
    public static BetaChoice Of(ValidationSplit split, IReadOnlyList<Variant> candidates, IReadOnlyList<EvalRow> validation) =>
        Reports.FailedSamples.InWords(validation) is { } failed ? throw new LabException($"no setting can be chosen on validation: {failed}") : new(split, candidates, [.. candidates.GroupBy(v => v.BudgetName).Select(group => Best(group, validation))]);

    /// <summary>The variant of the highest score; of equals the one whose beta is nearest to the paper's default.</summary>
    public static Variant Best(IEnumerable<Variant> variants, IReadOnlyList<EvalRow> rows) => variants.OrderByDescending(v => Math.Round(Score(rows, v).Mean, 9))
        .ThenBy(v => Math.Abs(v.Settings.Number("beta") - Compression.Allocators.HeadKv.PaperBeta)).ThenBy(v => v.Key, StringComparer.Ordinal).First();

    /// <summary>Mean score in percent, every data set with the same weight; without an interval (NaN) where a data set has a single context.</summary>
    public static Interval Score(IEnumerable<EvalRow> rows, Variant variant)
    {
        var sets = rows.Where(r => r.Variant == variant).GroupBy(r => r.Dataset).OrderBy(g => g.Key, StringComparer.Ordinal)
            .Select(g => ResultFolder.Ordered(g).Select(r => (r.Context, 100 * r.Score)).ToArray()).ToArray();
        return sets.All(s => s.Select(v => v.Context).Distinct().Count() > 1) ? Bootstrap.MeanOfMeans(sets)
            : new(sets.Average(s => s.Average(v => v.Item2)), double.NaN, double.NaN, sets.Sum(s => s.Length));
    }

    /// <summary>Writes the choice, or checks it against the one that is there: the test questions are touched for one choice only.</summary>
    /// <exception cref="LabException">Another choice was declared before.</exception>
    public void Declare(string folder)
    {
        var (path, text) = (Path.Combine(folder, "selection.json"), JsonSerializer.Serialize(this, Page) + "\n");
        if (!File.Exists(path)) ResultFolder.Replace(folder, "selection.json", text);
        else if (File.ReadAllText(path) != text)
            throw new LabException($"{path}: another choice was declared here, and the test questions were touched with it; give another --out, and say in the report that the test was used twice");
    }
}

/// <summary>A budget's results: selected on validation, and selected on test.</summary>
/// <param name="Chosen">Chosen on validation.</param>
/// <param name="Validation">Its score there.</param>
/// <param name="Test">Its score on the test questions.</param>
/// <param name="Fixed">The setting fixed in advance, the paper's default, on the test questions.</param>
/// <param name="SelectedOnTest">The setting that is best on the test questions themselves; null where that was not asked for.</param>
/// <param name="SelectedOnTestScore">Its score there, which is too high by construction.</param>
/// <param name="Gap">Selected on test minus selected on validation, paired.</param>
public sealed record BetaResult(Variant Chosen, Interval Validation, Interval Test, Interval Fixed, Variant? SelectedOnTest, Interval? SelectedOnTestScore, PairedDifference? Gap)
{
    /// <summary>The results of each budget.</summary>
    /// <param name="choice">What was chosen.</param>
    /// <param name="fixedOnes">The setting fixed in advance, for each budget.</param>
    /// <param name="validation">Rows of the validation questions, all candidates.</param>
    /// <param name="test">Rows of the test questions, chosen and fixed.</param>
    /// <param name="onTest">Rows of the test questions, all candidates; null where not asked for.</param>
    public static IReadOnlyList<BetaResult> Of(BetaChoice choice, IReadOnlyList<Variant> fixedOnes, IReadOnlyList<EvalRow> validation, IReadOnlyList<EvalRow> test, IReadOnlyList<EvalRow>? onTest) =>
    [
        .. choice.Chosen.Select(chosen =>
        {
            var reference = fixedOnes.First(v => v.BudgetName == chosen.BudgetName);
            var best = onTest is null ? null : BetaChoice.Best(choice.Candidates.Where(v => v.BudgetName == chosen.BudgetName), onTest);
            var heldOut = test.Where(r => r.Variant == chosen).ToDictionary(r => (r.Dataset, r.Question), r => r.Score);
            var gap = best is null ? null : (PairedDifference?)PairedTest.Of([.. ResultFolder.Ordered(onTest!.Where(r => r.Variant == best)).Select(r => (r.Context, 100 * (r.Score - heldOut[(r.Dataset, r.Question)])))]);
            return new BetaResult(chosen, BetaChoice.Score(validation, chosen), BetaChoice.Score(test, chosen), BetaChoice.Score(test, reference), best, best is null ? null : BetaChoice.Score(onTest!, best), gap);
        }),
    ];
}
