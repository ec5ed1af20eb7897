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
        Assert.Equal((0, 2, 0), (Generation.Greedy([3, 3]), Generation.Greedy([1, 5, 2], [1]), Generation.Greedy([-7, -8], [1])));
    }

    /// <summary>Each token is the id after the last one, 9 ends the text. The last token is handed out without running it: nobody asks what follows.</summary>
    [Theory]
    [InlineData(0, "", 0), InlineData(1, "5", 0), InlineData(3, "5 6 7", 2), InlineData(9, "5 6 7 8", 4)]
    public void ATextEndsAtItsLimitOrAtAStopId(int most, string text, int steps)
    {
        var (ran, told) = (new List<int>(), new List<int>());
        var ids = Generation.Run(Step, After(4), most, [3, 9], Generation.Greedy, told.Add);
        Assert.Equal(text, string.Join(' ', ids));
        Assert.Equal(ids, told);
        Assert.Equal(steps, ran.Count);

        ReadOnlySpan<float> Step(int id)
        {
            ran.Add(id);
            return After(id);
        }

        static float[] After(int id) => [.. Enumerable.Range(0, 12).Select(next => next == id + 1 ? 1f : 0)];
    }

    /// <summary>Penalty 2 with token 2 seen: 3 becomes 1.5, so token 4 wins; then 4 is seen and 3 (logit 2) wins. A negative logit is multiplied.</summary>
    [Fact]
    public void RepetitionPenaltyLowersSeenTokens()
    {
        var sampler = new Sampler(new GenerationConfig { RepetitionPenalty = 2 }, [2]);
        Assert.Equal([4, 3, 2], new[] { sampler.Next(Logits), sampler.Next(Logits), sampler.Next(Logits) });
        Assert.Equal(1, new Sampler(new GenerationConfig { RepetitionPenalty = 3 }, [0]).Next([-1, -2]));
        Assert.Equal(1, new Sampler(new GenerationConfig { RepetitionPenalty = 3 }, [2, 7]).Next([1, 2]));   // seen, but beyond the logits
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

    /// <summary>The k of the whole vocabulary cuts nothing and draws as no k does; of two equal shares the first reaches a half; both zeros are equal, so that the lower id is first.</summary>
    [Fact]
    public void CutsAtTheirBorders()
    {
        Assert.Equal(Draw(new GenerationConfig { TopK = 0 }, 50), Draw(new GenerationConfig { TopK = 5 }, 50));
        Assert.Equal([0], Draw(new GenerationConfig { TopP = 0.5 }, 100, [3, 3]).Distinct());
        Assert.Equal([0], Draw(new GenerationConfig { TopK = 1 }, 20, [-0f, 0, -1]).Distinct());
    }

    /// <summary>A plain second implementation: sort the whole vocabulary, cut, draw. Logits on a coarse grid, so that many are equal, some of them -infinity.</summary>
    [Fact]
    public void PartialSelectionDrawsWhatAFullSortDraws()
    {
        for (var seed = 0; seed < 400; seed++)
        {
            var random = new Random(seed);
            var config = new GenerationConfig
            {
                Sample = true, Seed = seed, Temperature = 0.2 + 2 * random.NextDouble(),
                TopK = random.Next(3) * random.Next(1, 80), TopP = random.Next(2) == 0 ? 1 : 0.05 + 0.94 * random.NextDouble(),
            };
            var (sampler, draws) = (new Sampler(config), new Random(seed));
            for (var step = 0; step < 10; step++)
            {
                float[] logits = [.. Enumerable.Range(0, 60).Select(_ => random.Next(9) == 0 ? float.NegativeInfinity : random.Next(-12, 13) / 4f)];
                Assert.Equal(Naive(config, logits, draws), sampler.Next(logits));
            }
        }

        static int Naive(GenerationConfig config, float[] logits, Random draws)
        {
            var ranked = Enumerable.Range(0, logits.Length).ToArray();
            if (config.TopP < 1 || config.TopK is > 0 and < 60) ranked = [.. ranked.OrderByDescending(id => logits[id]).ThenBy(id => id)];
            if (config.TopK > 0) ranked = [.. ranked.Take(config.TopK)];
            double Weight(int id) => Math.Exp((logits[id] - (double)logits.Max()) / config.Temperature);
            var (total, mass) = (ranked.Sum(Weight), 0.0);
            var kept = new List<int>();
            foreach (var id in ranked)
            {
                kept.Add(id);
                mass += Weight(id);
                if (config.TopP < 1 && mass >= config.TopP * total) break;
            }
            var target = draws.NextDouble() * mass;
            foreach (var id in kept)
                if ((target -= Weight(id)) < 0) return id;
            return kept[^1];
        }
    }

    [Fact]
    public void DrawingAllocatesNothingAndTheFaintestTemperatureIsGreedy()
    {
        var logits = Enumerable.Range(0, 128_000).Select(i => (float)Math.Sin(i * 0.37) * 8).ToArray();
        var sampler = new Sampler(new GenerationConfig { Sample = true, TopK = 0, TopP = 0.9 });
        sampler.Next(logits);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 5; i++) sampler.Next(logits);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4096); // the set of seen tokens may grow
        Assert.Equal([2], Draw(new GenerationConfig { Temperature = 1e-300 }, 50, [0, 1, 3.001f, 2, 3]).Distinct());
    }

    [Fact]
    public void RefusesNaNAndImpossibleSettings()
    {
        Assert.Contains("NaN (token 1)", Assert.Throws<ModelOverflow>(() => new Sampler(new GenerationConfig()).Next([1, float.NaN])).Message);
        Assert.Contains("no finite maximum (token 1)", Assert.Throws<ModelOverflow>(() => new Sampler(new GenerationConfig()).Next([1, float.PositiveInfinity])).Message);
        Assert.Contains("no finite maximum (token 0)", Assert.Throws<ModelOverflow>(() => new Sampler(new GenerationConfig()).Next([float.NegativeInfinity, float.NegativeInfinity])).Message);
        Assert.Contains("no finite maximum (token 0)", Assert.Throws<ModelOverflow>(() => Generation.Greedy([float.PositiveInfinity, 1], [0])).Message);   // excluded, and wrong all the same
        Assert.Contains("no finite maximum (token 1)", Assert.Throws<ModelOverflow>(() => Generation.Greedy([1, float.NegativeInfinity], [0])).Message);
        Assert.Contains("no finite maximum (token 0)", Assert.Throws<ModelOverflow>(() => Generation.Greedy([1, 2], [0, 1])).Message);
        foreach (var bad in new[] { new GenerationConfig { Temperature = -1 }, new GenerationConfig { TopP = 0 }, new GenerationConfig { TopK = -1 }, new GenerationConfig { RepetitionPenalty = 0 } })
            Assert.StartsWith("generation settings: ", Assert.Throws<LabException>(() => new Sampler(bad)).Message);
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
