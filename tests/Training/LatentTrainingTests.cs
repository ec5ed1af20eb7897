using HeadKvLab.Models;
using HeadKvLab.Training;
using HeadKvLab.World;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Training;

/// <summary>Training with latent projections: their start, their gradients, and runs.</summary>
[Collection("torch threads")]
public sealed class LatentTrainingTests : FolderTests
{
    private const string Recipe = """
        {
          "name": "tiny", "seed": 3, "workers": 2, "compute": "float32", "continue": "FOLDER", "teacher": 1, LATENT
          "model": { "hidden": 256, "intermediate": 384, "layers": 6, "queryHeads": 8, "kvHeads": 4, "headDim": 32, "ropeTheta": 500000, "maxPositions": 8192 },
          "optimizer": { "warmUp": 2 },
          "phases": [ { "name": "a", "steps": 4, "tokens": 128, "documents": 1, "fillerFrom": 0.1, "fillerTo": 0.3, "rateStart": 1e-3, "rateEnd": 1e-3 } ]
        }
        """;

    private static string Text(string latent) => Recipe.Replace("FOLDER", Repository.Path("data", "models", "world-4m").Replace('\\', '/')).Replace("LATENT", latent);

    private static Trainer Create(string text, string folder) => new(TrainingRecipe.Parse(text, "r"), text, new BatchSource(), folder);

    private static float[] Numbers(Tensor tensor) => tensor.detach().contiguous().data<float>().ToArray();

    /// <summary>Without latent vectors the weights are the model's; with as many numbers as the input has, and layers of their own, keys and values are too.</summary>
    [Fact]
    public void The_start_is_the_model()
    {
        using Trainer plain = Create(Text(""), Inside("plain")), all = Create(Text("\"latent\": { \"rank\": 256, \"share\": 1, \"from\": 2 },"), Inside("all"));
        foreach (var (name, weight) in Repository.Model.Decoder.named_parameters().Where(one => one.parameter.dtype == ScalarType.Float32)) Assert.Equal(Numbers(weight), Numbers(plain.Weights[name]));
        Assert.Equal([0, 1, 2, 3, 4, 5], all.Config.KvInputs);
        foreach (var name in plain.Weights.Keys)
        {
            using var scope = NewDisposeScope();
            Tensor model = plain.Weights[name].detach(), started = all.Weights[name].detach();
            var fitted = name.Contains("k_proj", StringComparison.Ordinal) || name.Contains("v_proj", StringComparison.Ordinal);
            var apart = ((model - started).norm() / model.norm()).item<float>();
            Assert.InRange(apart, 0, fitted ? 0.05f : 0);  // directions that inputs hardly have are damped
        }
    }

    /// <summary>Products of two layers' factors by autograd, against what is passed on from the products.</summary>
    [Fact]
    public void Gradients_are_those_of_the_factors()
    {
        using var scope = NewDisposeScope();
        ModelConfig config = BatchSource.Configure(new(16, 8, 3, 2, 1, 4, 1e4, 64));
        Dictionary<string, Parameter> master = [];
        foreach (var layer in (int[])[1, 2])
            foreach (var kind in (string[])["k", "v"]) master[$"model.layers.{layer}.self_attn.{kind}_proj.weight"] = new(zeros(4, 16));
        var latent = new LatentProjections(new(3), config, master, CPU);
        Parameter up = master["latent.1.up_proj"], down = master["latent.1.down_proj"];
        Assert.Equal([16L, 3, 3, 16], [.. up.shape, .. down.shape]);
        using (no_grad())
        {
            up.copy_(randn(16, 3));
            down.copy_(randn(3, 16));
        }
        latent.Merge();
        var target = randn(16, 16);
        ((up.mm(down) - target).pow(2).sum()).backward();
        float[] wantedUp = Numbers(up.grad!), wantedDown = Numbers(down.grad!);
        foreach (var (i, name) in ((string[])["1.self_attn.k", "1.self_attn.v", "2.self_attn.k", "2.self_attn.v"]).Index())
        {
            var product = master[$"model.layers.{name}_proj.weight"];
            Assert.Equal(Numbers(up.detach().narrow(0, 4 * i, 4).mm(down.detach())), Numbers(product));
            product.grad = 2 * (product.detach() - target.narrow(0, 4 * i, 4));
            Assert.True(latent.IsProduct($"model.layers.{name}_proj.weight"));
        }
        latent.PassGradients();
        Assert.All(Numbers(up.grad!).Zip(wantedUp), pair => Assert.Equal(pair.Second, pair.First, 1e-3f));
        Assert.All(Numbers(down.grad!).Zip(wantedDown), pair => Assert.Equal(pair.Second, pair.First, 1e-3f));
        Assert.All(Numbers(master["model.layers.2.self_attn.v_proj.weight"].grad!), number => Assert.Equal(0, number));
        Assert.False(latent.IsProduct("model.layers.0.self_attn.k_proj.weight"));
    }

    /// <summary>A run that was stopped goes on as if it had not; keys and values keep the rank; the model is written and reads the inputs it was trained with.</summary>
    [Fact]
    public void A_run_trains_the_factors_and_resumes()
    {
        var text = Text("\"latent\": { \"rank\": 8 },");
        float[] Train(string folder, params int[] stops)
        {
            foreach (var stop in stops)
            {
                using var trainer = Create(text, folder);
                trainer.Run(_ => { }, 1, TimeSpan.FromHours(1), stop, CancellationToken.None);
                if (trainer.Step < 4) continue;
                TrainedModel.Write(trainer, Inside("model"));
                using var scope = NewDisposeScope();
                var products = cat([.. from layer in (int[])[3, 4] from kind in (string[])["k", "v"] select trainer.Weights[$"model.layers.{layer}.self_attn.{kind}_proj.weight"].detach()], 0);
                var values = Numbers(linalg.svdvals(products));
                Assert.True(values[8] < 1e-4 * values[0] && values[7] > 1e-2 * values[0], $"{values[7]} and {values[8]} of {values[0]}");
                return [.. trainer.Weights.Values.SelectMany(Numbers)];
            }
            throw new InvalidOperationException("the run did not end");
        }
        Assert.Equal(Train(Inside("whole"), 4), Train(Inside("parts"), 2, 4));
        using var model = LanguageModel.Load(Inside("model"));
        Assert.Equal([0, 1, 1, 3, 3, 5], model.Config.KvInputs);
        Assert.Equal(model.Config.VocabSize, model.Engine.Prefill([1, 2, 3]).Length);
    }

    [Theory]
    [InlineData("\"continue\": \"FOLDER\", ", "", "need the weights of a trained model"), InlineData("\"latent\": { \"rank\": 8 },", "\"latent\": { \"rank\": 300 },", "rank must be 1 to 256"), InlineData("\"teacher\": 1", "\"teacher\": -1", "teacher: between 0 and 100")]
    [InlineData("\"hidden\": 256", "\"hidden\": 128", "has other sizes than the recipe")]
    public void A_recipe_that_cannot_run_is_refused(string from, string to, string words)
    {
        var text = Recipe.Replace("LATENT", "\"latent\": { \"rank\": 8 },").Replace(from, to).Replace("FOLDER", Repository.Path("data", "models", "world-4m").Replace('\\', '/'));
        Assert.Contains(words, Assert.Throws<LabException>(() => Create(text, Inside("run")).Dispose()).Message);
    }
}
