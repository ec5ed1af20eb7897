using System.Globalization;

namespace HeadKvLab.Training;

/// <summary>What one step showed: losses, and for each family how many answers began and ended right (teacher-forced).</summary>
public sealed class StepFigures
{
    /// <summary>Weighted cross-entropy over answer tokens.</summary>
    public double AnswerLoss { get; private set; }

    /// <summary>Mean cross-entropy over the other tokens.</summary>
    public double OtherLoss { get; private set; }

    /// <summary>Steps or workers added up here.</summary>
    public int Parts { get; private set; }

    /// <summary>Per family: answers seen, first token right, every token right.</summary>
    public SortedDictionary<string, (int Answers, int First, int Whole)> Families { get; } = new(StringComparer.Ordinal);

    internal static StepFigures Of(Batch batch, double answerLoss, double otherLoss, ReadOnlySpan<bool> right)
    {
        var figures = new StepFigures { AnswerLoss = answerLoss, OtherLoss = otherLoss, Parts = 1 };
        foreach (var (family, start, length) in batch.Answers)
        {
            var (answers, first, whole) = figures.Families.GetValueOrDefault(family);
            var all = right.Slice(start, length).IndexOf(false) < 0;
            figures.Families[family] = (answers + 1, first + (right[start] ? 1 : 0), whole + (all ? 1 : 0));
        }
        return figures;
    }

    internal void Add(StepFigures other)
    {
        (AnswerLoss, OtherLoss, Parts) = (AnswerLoss + other.AnswerLoss, OtherLoss + other.OtherLoss, Parts + other.Parts);
        foreach (var (family, (answers, first, whole)) in other.Families)
        {
            var sum = Families.GetValueOrDefault(family);
            Families[family] = (sum.Answers + answers, sum.First + first, sum.Whole + whole);
        }
    }

    /// <summary>The sums as JSON stores them; a checkpoint between two reports takes them along, so that a resumed run logs what an unbroken one does.</summary>
    internal sealed record Sums(double AnswerLoss, double OtherLoss, int Parts, Dictionary<string, int[]> Families);

    internal Sums ToSums() => new(AnswerLoss, OtherLoss, Parts, Families.ToDictionary(f => f.Key, f => new[] { f.Value.Answers, f.Value.First, f.Value.Whole }));

    internal static StepFigures Of(Sums? sums)
    {
        if (sums is null) return new StepFigures();
        var figures = new StepFigures { AnswerLoss = sums.AnswerLoss, OtherLoss = sums.OtherLoss, Parts = sums.Parts };
        foreach (var (family, counts) in sums.Families) figures.Families[family] = (counts[0], counts[1], counts[2]);
        return figures;
    }

    /// <summary>Mean answer loss of the parts.</summary>
    public double MeanAnswerLoss => AnswerLoss / Math.Max(1, Parts);

    /// <summary>Mean loss of the parts over other tokens.</summary>
    public double MeanOtherLoss => OtherLoss / Math.Max(1, Parts);

    /// <summary>One line: <c>single 0.97/0.83</c> for each family, first token and whole answer.</summary>
    public string FamilyLine() => string.Join("  ", Families.Select(f => string.Create(CultureInfo.InvariantCulture,
        $"{f.Key} {(double)f.Value.First / f.Value.Answers:0.00}/{(double)f.Value.Whole / f.Value.Answers:0.00}")));
}

/// <summary>The run's CSV log, one line for every report: appended, flushed, and cut back on resume so that no step stands twice.</summary>
internal sealed class TrainingLog(string path)
{
    private const string Header = "step,phase,seconds,tokens,rate,answer_loss,other_loss,gradient_norm,families";

    internal void Append(int step, string phase, double seconds, long tokens, double rate, double norm, StepFigures figures)
    {
        if (!File.Exists(path)) File.WriteAllText(path, Header + "\n");
        File.AppendAllText(path, string.Create(CultureInfo.InvariantCulture,
            $"{step},{phase},{seconds:0.0},{tokens},{rate:0.000000},{figures.MeanAnswerLoss:0.00000},{figures.MeanOtherLoss:0.00000},{norm:0.0000},{figures.FamilyLine()}\n"));
    }

    /// <summary>Drops lines later than <paramref name="step"/>.</summary>
    internal void CutAfter(int step)
    {
        if (!File.Exists(path)) return;
        var lines = File.ReadAllLines(path);
        var kept = lines.Where((line, i) => i == 0 || (int.TryParse(line.Split(',')[0], CultureInfo.InvariantCulture, out var at) && at <= step));
        File.WriteAllLines(path, kept);
    }
}
