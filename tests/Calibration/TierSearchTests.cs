using HeadKvLab.Cache;
using HeadKvLab.Calibration;
using HeadKvLab.Compression;
using HeadKvLab.World;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Calibration;

/// <summary>The loss of a continuation against the whole text's, and the choice by it.</summary>
public sealed class TierSearchTests
{
    private static readonly int[][] Texts = [.. WorldTexts.Make(WorldSplit.Validation, [400, 400, 400, 400], 1).Select(text => Repository.Model.Tokenizer.Encode(text))];

    /// <summary>With everything kept, the loss is that of the text's last tokens in one uncompressed pass.</summary>
    [Fact]
    public void Nothing_dropped_gives_the_loss_of_the_whole_text()
    {
        using var scope = NewDisposeScope();
        var (model, text) = (Repository.Model, Texts[0]);
        var kept = ContinuationLoss.Measure(model, [Catalogue.Find("FullKV").Create(), Catalogue.Find("SnapKV").Create()], new Budget(text.Length), text, 40);
        var logits = model.Decoder.Prefill(text, allLogits: true).to(float64).log_softmax(-1);
        var expected = Enumerable.Range(text.Length - 40, 40).Average(t => -logits[t - 1, text[t]].item<double>());
        Assert.Equal(expected, kept[0], 1e-4);
        Assert.Equal(kept[0], kept[1], 1e-12);
    }

    [Fact]
    public void A_smaller_cache_tells_less_and_one_prefill_gives_what_each_alone_gives()
    {
        var (model, text) = (Repository.Model, Texts[1]);
        Method[] methods = [Catalogue.Find("random").Create(), Catalogue.Find("SnapKV").Create(), Catalogue.Find("FullKV").Create()];
        var losses = ContinuationLoss.Measure(model, methods, new Budget(24), text, 120);
        Assert.True(losses[0] > losses[1] && losses[1] > losses[2], string.Join(' ', losses));
        for (var m = 0; m < methods.Length; m++) Assert.Equal(ContinuationLoss.Measure(model, [methods[m]], new Budget(24), text, 120)[0], losses[m], 1e-12);
        Assert.Equal(ContinuationLoss.Measure(model, methods, new Budget(24), text, 1)[0], ContinuationLoss.Measure(model, methods, new Budget(24), text, 1)[2], 1e-12);   // the first token is told by the prefill
    }

    [Theory]
    [InlineData(0), InlineData(400), InlineData(401)]
    public void A_text_without_a_first_part_or_without_a_rest_is_refused(int scored) =>
        Assert.Contains("are to be scored", Assert.Throws<LabException>(() => ContinuationLoss.Measure(Repository.Model, [Catalogue.Find("FullKV").Create()], new Budget(24), Texts[0].AsSpan(0, 400), scored)).Message);

    [Fact]
    public void Surprise_by_hand()
    {
        Assert.Equal(Math.Log(4), ContinuationLoss.Surprise([7, 7, 7, 7], 2), 1e-12);
        Assert.Equal(Math.Log(1 + Math.Exp(-3)), ContinuationLoss.Surprise([1000, 997], 0), 1e-9);
        Assert.Throws<ModelOverflow>(() => ContinuationLoss.Surprise([1, float.NaN], 0));
        Assert.Throws<ModelOverflow>(() => ContinuationLoss.Surprise([1, float.PositiveInfinity], 0));
    }

    [Fact]
    public void There_are_109_points_that_the_method_takes_and_uniform_is_the_first()
    {
        var tables = CalibrationTables.None.With(TableKinds.Change, new HeadChange([.1, .2, .3, .4], [1]));
        Assert.Equal(109, TierSearch.Points.Distinct().Count());
        Assert.Equal("moved=0", TierSearch.Points[0].ToString());
        foreach (var point in TierSearch.Points) Assert.Equal(point, Catalogue.Find("BaKlaVa").Create(point, tables).Settings is var all ? new Settings([.. point.Select(one => (one.Key, (object)all[one.Key]))]) : null);
    }

    /// <summary>Uniform stays unless a point beats it by more than half its interval; of those that do, the lowest loss.</summary>
    [Fact]
    public void Uniform_stays_unless_it_is_clearly_beaten()
    {
        double[] uniform = [5, 4, 6, 5, 5, 4, 6, 5];
        double[][] Losses(params double[][] gains) => [.. uniform.Select((loss, text) => (double[])[loss, .. gains.Select(gain => loss - gain[text])])];
        double[] noise = [2, -2, 2, -2, 2, -2, 2, -1.5], clear = [.2, .1, .2, .1, .2, .1, .2, .1], clearer = [.3, .2, .3, .2, .3, .2, .3, .2];
        Assert.Equal(0, TierSearch.Best(Losses(noise)));
        Assert.Equal(2, TierSearch.Best(Losses(noise, clear)));
        Assert.Equal(3, TierSearch.Best(Losses(noise, clear, clearer)));
        Assert.Equal(0, TierSearch.Best(Losses([.. clear.Select(gain => -gain)])));
        Assert.Equal(0, TierSearch.Best(Losses(new double[8])));
    }

    [Fact]
    public void A_search_measures_every_point_and_checks_the_choice_on_texts_that_had_no_say()
    {
        var model = Repository.Model;
        var tables = CalibrationFolder.Load(model.DirectoryName, model.Config);
        var done = 0;
        var choice = TierSearch.Run(model, tables, new Budget(24), Texts, 8, (texts, all) => Assert.Equal((++done, 4), (texts, all)));
        Assert.Equal(109, choice.Points.Count);
        var uniform = ContinuationLoss.Measure(model, [Catalogue.Find("SnapKV").Create()], new Budget(24), Texts[0], 8)[0] + ContinuationLoss.Measure(model, [Catalogue.Find("SnapKV").Create()], new Budget(24), Texts[2], 8)[0];
        Assert.Equal(uniform / 2, choice.Points[0].Loss, 1e-9);
        var chosen = choice.Points.Single(point => point.Settings.Equals(choice.Chosen));
        Assert.Equal(uniform / 2 - chosen.Loss, choice.Gain.Mean, 1e-9);
        Assert.Equal(choice.Chosen.ToString() == "moved=0", choice.GainElsewhere is null);
        Assert.Equal(choice.GainElsewhere is null ? 2 : 4, done);
        var (entry, given, _) = Catalogue.Parse(choice.Method);
        Assert.Equal(("BaKlaVa", choice.Chosen), (entry.Name, given));
        Assert.Contains("four or more", Assert.Throws<LabException>(() => TierSearch.Run(model, tables, new Budget(24), Texts[..3], 8)).Message);
    }

    [Fact]
    public void Texts_of_the_world_are_the_same_each_time_and_end_in_answers()
    {
        var again = WorldTexts.Make(WorldSplit.Validation, [400, 400], 1);
        Assert.Equal(Texts[0], Repository.Model.Tokenizer.Encode(again[0]));
        Assert.NotEqual(again[0], again[1]);
        Assert.NotEqual(again[0], WorldTexts.Make(WorldSplit.Train, [400], 1)[0]);
        Assert.Equal(400, Texts[0].Length);
        Assert.Contains(" Answer:", again[0]);
    }
}
