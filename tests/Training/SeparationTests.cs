using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Compression;
using HeadKvLab.Calibration;
using HeadKvLab.World;

namespace HeadKvLab.Tests.Training;

/// <summary>The bundled model is worth compressing: methods differ on it, budgets degrade it gracefully, and the scores of the heads do the work.</summary>
public sealed class SeparationTests(ITestOutputHelper output)
{
    private const int Shuffles = 5;

    [Fact]
    public void Methods_and_budgets_separate_and_shuffled_scores_lose_on_average()
    {
        var model = Repository.Model;
        var importances = CalibrationFolder.Load(model.DirectoryName, model.Config);
        Method Method(string name, int seed = 0) => Catalogue.Find(name).Create(Catalogue.Find(name).IsTaken("seed") ? new(("seed", seed)) : null, importances);
        Method[] methods = [Method("StreamingLLM"), Method("SnapKV"), Method("HeadKV-R2"), .. Enumerable.Range(0, Shuffles).Select(s => Method("HeadKV-R2-shuffled", s) with { Name = $"shuffled {s}" })];
        double[] shares = [0.03, 0.12, 0.25];
        var phrases = WorldSuite.Make(WorldSplit.Validation, 1024, 4, seed: 3).Take(int.MaxValue, families: [.. WorldFamilies.Reported.Where(f => f != WorldFamily.FewShot)]);

        var rows = SuiteEvaluation.Run(model, phrases.ToSamples(), new EvaluationPlan(methods, shares));
        double Mean(string method, double share) => rows.Where(r => r.Variant.Method.StartsWith(method) && r.Share == share).Average(r => r.TokenAccuracy!.Value);
        foreach (var name in methods.Select(m => m.Name).Append("shuffled"))
            output.WriteLine($"{name,-20} {string.Join("  ", shares.Select(s => Mean(name, s).ToString("0.000", System.Globalization.CultureInfo.InvariantCulture)))}");

        Assert.True(Mean("StreamingLLM", 0.12) < Mean("SnapKV", 0.12) && Mean("SnapKV", 0.12) < Mean("HeadKV-R2", 0.12));
        foreach (var name in new[] { "StreamingLLM", "SnapKV", "HeadKV-R2" }) Assert.True(Mean(name, 0.03) < Mean(name, 0.25), $"{name} does not gain by a larger budget");
        Assert.True(shares.Average(s => Mean("shuffled", s)) < shares.Average(s => Mean("HeadKV-R2", s)), "shuffled scores do as well as the measured ones");
        Assert.Equal(Shuffles, rows.Count(r => r.Variant.Method.StartsWith("shuffled") && r.Share == 0.03 && r.Question == rows[0].Question));
    }
}
