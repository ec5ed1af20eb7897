using HeadKvLab.Models;

namespace HeadKvLab.Tests.Models;

public class SamplerTests
{
    private static readonly float[] Logits = [0, 1, 3, 2, 3];

    private static int[] Draw(GenerationConfig config, int draws, float[]? logits = null)
    {
        var sampler = new Sampler(config with { Sample = true });
        return [.. Enumerable.Range(0, draws).Select(_ => sampler.Next(logits ?? Logits))];
    }

    [Fact]
    public void GreedyTakesTheFirstOfTheLikeliest()
    {
        Assert.Equal(2, new Sampler(new GenerationConfig()).Next(Logits));
        Assert.Equal(2, new Sampler(new GenerationConfig { Sample = true, Temperature = 0 }).Next(Logits));
    }

    /// <summary>Penalty 2 with token 2 seen: 3 becomes 1.5, so token 4 wins; then 4 is seen and 3 (logit 2) wins. A negative logit is multiplied.</summary>
    [Fact]
    public void RepetitionPenaltyLowersSeenTokens()
    {
        var sampler = new Sampler(new GenerationConfig { RepetitionPenalty = 2 }, [2]);
        Assert.Equal([4, 3, 2], new[] { sampler.Next(Logits), sampler.Next(Logits), sampler.Next(Logits) });
        Assert.Equal(1, new Sampler(new GenerationConfig { RepetitionPenalty = 3 }, [0]).Next([-1, -2]));
    }

    [Fact]
    public void EqualSeedsDrawEqually()
    {
        var config = new GenerationConfig { Seed = 5, Temperature = 2 };
        Assert.Equal(Draw(config, 50), Draw(config, 50));
        Assert.NotEqual(Draw(config, 50), Draw(config with { Seed = 6 }, 50));
    }

    /// <summary>Shares of logits ln 1, ln 2, ln 5 are 1/8, 2/8, 5/8; temperature 1/2 squares them: 1/30, 4/30, 25/30.</summary>
    [Theory]
    [InlineData(1.0, 0.125, 0.25)]
    [InlineData(0.5, 1 / 30.0, 4 / 30.0)]
    public void DrawsFollowTheDistribution(double temperature, double first, double second)
    {
        var draws = Draw(new GenerationConfig { Temperature = temperature, TopK = 0 }, 20_000, [0, MathF.Log(2), MathF.Log(5)]);
        Assert.Equal(first, draws.Count(id => id == 0) / 20_000.0, 0.01);
        Assert.Equal(second, draws.Count(id => id == 1) / 20_000.0, 0.01);
    }

    [Fact]
    public void TopKAndTopPCutTheTail()
    {
        float[] logits = [0, MathF.Log(2), MathF.Log(5)];
        Assert.Equal([1, 2], Draw(new GenerationConfig { TopK = 2 }, 500, logits).Distinct().Order());
        Assert.Equal([2], Draw(new GenerationConfig { TopP = 0.62 }, 500, logits).Distinct());
        Assert.Equal([1, 2], Draw(new GenerationConfig { TopP = 0.64 }, 500, logits).Distinct().Order());
        Assert.Equal(3, Draw(new GenerationConfig { TopP = 1, TopK = 0 }, 500, logits).Distinct().Count());
    }

    [Fact]
    public void RefusesNaNAndImpossibleSettings()
    {
        Assert.Contains("NaN (token 1)", Assert.Throws<LabException>(() => new Sampler(new GenerationConfig()).Next([1, float.NaN])).Message);
        foreach (var bad in new[] { new GenerationConfig { Temperature = -1 }, new GenerationConfig { TopP = 0 }, new GenerationConfig { TopK = -1 }, new GenerationConfig { RepetitionPenalty = 0 } })
            Assert.Throws<LabException>(() => new Sampler(bad));
    }

    [Fact]
    public void ReadsGenerationConfig()
    {
        using var files = new TestFiles();
        var model = ModelConfig.Parse("""{"architectures":["LlamaForCausalLM"],"vocab_size":16,"hidden_size":8,"intermediate_size":12,"num_hidden_layers":2,"num_attention_heads":4,"eos_token_id":2}"""u8.ToArray());
        Assert.Equal([2], GenerationConfig.Load(files.Folder, model).StopIds);
        files.Write("generation_config.json", """{"do_sample":true,"temperature":0.6,"top_p":0.9,"eos_token_id":[3,4]}""");
        var config = GenerationConfig.Load(files.Folder, model);
        Assert.Equal((true, 0.6, 0.9, 50), (config.Sample, config.Temperature, config.TopP, config.TopK));
        Assert.Equal([3, 4], config.StopIds);
        files.Write("generation_config.json", """{"eos_token_id":16}""");
        Assert.Contains("beyond the vocabulary", Assert.Throws<LabException>(() => GenerationConfig.Load(files.Folder, model)).Message);
    }
}
