using HeadKvLab.Training;

namespace HeadKvLab.Tests.Training;

[Collection("torch threads")]   // a trainer computes on one thread a worker, a setting of the whole process
public sealed class TrainerTests
{
    private const string Recipe = """
        {
          "name": "tiny", "seed": 3, "workers": 2, "compute": "float32",
          "model": { "hidden": 32, "intermediate": 48, "layers": 2, "queryHeads": 4, "kvHeads": 2, "headDim": 8, "ropeTheta": 10000, "maxPositions": 512 },
          "optimizer": { "warmUp": 2 },
          "phases": [
            { "name": "a", "steps": 3, "tokens": 128, "documents": 2, "fillerFrom": 0.1, "fillerTo": 0.3, "rateStart": 3e-3, "rateEnd": 3e-3 },
            { "name": "b", "steps": 3, "tokens": 160, "documents": 2, "fillerFrom": 0.1, "fillerTo": 0.3, "positionSpan": 400, "rateStart": 3e-3, "rateEnd": 1e-3 }
          ]
        }
        """;

    [Fact]
    public void A_run_that_was_stopped_goes_on_as_if_it_had_not()
    {
        using TemporaryFolder whole = new(), parts = new();
        var (straight, weights) = Train(whole.Path, 6);
        var (first, _) = Train(parts.Path, 3);
        var (second, resumed) = Train(parts.Path, 6);

        Assert.Equal(straight.AsEnumerable(), first.Concat(second));
        Assert.Equal(weights, resumed);
        Assert.True(straight[^1] < straight[0], $"the loss did not fall: {string.Join(", ", straight)}");
        Assert.Equal(File.ReadAllLines(Path.Combine(whole.Path, "log.csv")).Length, File.ReadAllLines(Path.Combine(parts.Path, "log.csv")).Length);
    }

    /// <summary>A step by a gradient that is no number would lose every weight, and the next checkpoint would replace the good ones.</summary>
    [Fact]
    public void A_gradient_that_overflowed_ends_the_run_before_it_is_used()
    {
        using var folder = new TemporaryFolder();
        var text = Recipe.Replace("\"rateStart\": 3e-3, \"rateEnd\": 3e-3", "\"rateStart\": 1e25, \"rateEnd\": 1e25");
        using var trainer = new Trainer(TrainingRecipe.Parse(text, "r"), text, new BatchSource(), folder.Path);
        Assert.Contains("the gradient's norm is NaN", Assert.Throws<LabException>(() => trainer.Run(_ => { }, 1, TimeSpan.FromHours(1), null, default)).Message);
        Assert.InRange(trainer.Step, 1, 5);
    }

    [Fact]
    public void A_half_written_checkpoint_is_not_loaded()
    {
        using var folder = new TemporaryFolder();
        Train(folder.Path, 2);
        Directory.CreateDirectory(Path.Combine(folder.Path, "step-0000004.partial"));
        File.WriteAllText(Path.Combine(folder.Path, "step-0000004.partial", "weights.bin"), "torn");
        using var trainer = Create(folder.Path);
        Assert.Equal(2, trainer.Step);
    }

    [Fact]
    public void A_changed_recipe_does_not_continue_an_old_run()
    {
        using var folder = new TemporaryFolder();
        Train(folder.Path, 4);
        foreach (var (from, to) in new[] { ("\"seed\": 3", "\"seed\": 4"), ("\"documents\": 2", "\"documents\": 1"), ("\"rateEnd\": 3e-3", "\"rateEnd\": 2e-3"), ("\"warmUp\": 2", "\"warmUp\": 3"), ("\"steps\": 3", "\"steps\": 2") })
        {
            var text = Recipe.Replace(from, to);
            var error = Assert.Throws<LabException>(() => new Trainer(TrainingRecipe.Parse(text, "r"), text, new BatchSource(), folder.Path));
            Assert.Contains("--restart", error.Message);
        }
        var later = Recipe.Replace("\"rateEnd\": 1e-3", "\"rateEnd\": 1e-3").Replace("\"name\": \"b\"", "\"name\": \"later\"");
        using var trainer = new Trainer(TrainingRecipe.Parse(later, "r"), later, new BatchSource(), folder.Path);
        Assert.Equal(4, trainer.Step);
    }

    [Theory]
    [InlineData("\"ordinary\"", "start")]
    [InlineData("\"steps\": 3", "steps")]
    [InlineData("\"workers\": 2", "workers")]
    public void Recipes_out_of_range_name_the_field(string text, string field)
    {
        using var folder = new TemporaryFolder();
        var broken = text switch
        {
            "\"ordinary\"" => Recipe.Replace("\"workers\": 2", "\"workers\": 2, \"start\": \"magic\""),
            "\"steps\": 3" => Recipe.Replace(text, "\"steps\": 0"),
            _ => Recipe.Replace(text, "\"workers\": 0"),
        };
        var path = Path.Combine(folder.Path, "train.json");
        File.WriteAllText(path, broken);
        var error = Assert.Throws<LabException>(() => TrainingRecipe.Load(path));
        Assert.Contains(field, error.Message);
        Assert.Contains(path, error.Message);
    }

    [Fact]
    public void The_rate_warms_up_and_runs_linearly_inside_a_phase()
    {
        using var folder = new TemporaryFolder();
        var recipe = Parse(folder.Path);
        Assert.Equal(1.5e-3, recipe.RateAt(0), 9);                      // half of 3e-3: first of two warm-up steps
        Assert.Equal(3e-3, recipe.RateAt(2), 9);
        Assert.Equal(3e-3 - 2e-3 * 2 / 3, recipe.RateAt(5), 9);         // third step of phase b
    }

    private sealed class FailingSource(int failing) : BatchSource
    {
        internal bool OtherCame { get; private set; }

        internal override Batch Make(TrainingRecipe recipe, int step, int worker, TrainingPhase phase)
        {
            if (worker == failing) throw new LabException($"worker {worker} fails");
            Thread.Sleep(300);
            OtherCame = true;
            return base.Make(recipe, step, worker, phase);
        }
    }

    /// <summary>Whichever worker fails: its exception comes as it is, the others have ended, and the thread computes on as many threads as before.</summary>
    [Theory]
    [InlineData(0), InlineData(1)]
    public void A_worker_that_fails_leaves_threads_and_workers_in_order(int worker)
    {
        using var folder = new TemporaryFolder();
        var (source, before) = (new FailingSource(worker), TorchSharp.torch.get_num_threads());
        try
        {
            TorchSharp.torch.set_num_threads(2);
            using var trainer = new Trainer(Parse(folder.Path), Recipe, source, folder.Path);
            var error = Assert.Throws<LabException>(() => trainer.Run(_ => { }, 1, TimeSpan.FromHours(1), 1, CancellationToken.None));
            Assert.Equal($"worker {worker} fails", error.Message);
            Assert.True(source.OtherCame);
            Assert.Equal(2, TorchSharp.torch.get_num_threads());
        }
        finally
        {
            TorchSharp.torch.set_num_threads(before);
        }
    }

    private static (double[] Losses, float[] Weights) Train(string folder, int upTo)
    {
        using var trainer = Create(folder);
        var losses = new List<double>();
        trainer.Run(report => losses.Add(report.Figures.MeanAnswerLoss), every: 1, TimeSpan.FromHours(1), upTo, CancellationToken.None);
        return ([.. losses], [.. trainer.Weights.Values.SelectMany(w => w.detach().data<float>().ToArray())]);
    }

    private static Trainer Create(string folder) => new(Parse(folder), Recipe, new BatchSource(), folder);

    private static TrainingRecipe Parse(string folder)
    {
        var path = Path.Combine(folder, "train.json");
        File.WriteAllText(path, Recipe);
        return TrainingRecipe.Load(path);
    }
}
