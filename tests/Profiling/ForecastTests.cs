using HeadKvLab.Models;
using HeadKvLab.Profiling.Forecast;

namespace HeadKvLab.Tests.Profiling;

/// <summary>
/// Worked by hand for Llama-3-8B in bfloat16: 8,030,261,248 parameters, embedding 128,256 x 4,096 = 525,336,576, so a token reads
/// 2 x 7,504,924,672 bytes; the cache costs 2 x 32 x 8 x 128 x 2 = 131,072 bytes a token.
/// </summary>
public class ForecastTests
{
    private static readonly ModelConfig Llama8B = Config("llama-3-8b");
    private static readonly Machine Card = new(1e12);

    private static ModelConfig Config(string name)
    {
        var path = Path.Combine(Repository.Root, "data", "configs", name + ".json");
        return ModelConfig.Parse(File.ReadAllBytes(path), path);
    }

    [Fact]
    public void BytesAndTimesEqualTheHandWorkedOnes()
    {
        var plan = new DecodeForecast(Llama8B, Card, context: 32_000, kvSize: 128);
        Assert.Equal(16_060_522_496, plan.WeightBytes);
        Assert.Equal(15_009_849_344, plan.WeightBytesRead);
        Assert.Equal(32_000L * 131_072, plan.FullBytes);
        Assert.Equal(128L * 131_072, plan.CompressedBytes);
        Assert.Equal(32_000L * 4_096, plan.LayerBytes);
        Assert.Equal((15_009_849_344 + 4_194_304_000) / 1e12, plan.FullSeconds, 12);
        Assert.Equal(1.2780, plan.SpeedUp, 4);      // 19,204,153,344 / 15,026,626,560
    }

    [Fact]
    public void TheTableHoldsWhatItsSpeedUpFollowsFrom()
    {
        var plan = new DecodeForecast(Llama8B, Card, context: 32_000, kvSize: 128);
        var table = HeadKvLab.Charts.ForecastTable.Of([("Llama 8B", 1, plan)]);
        double Cell(string column) => (double)table.Frame[column][0]!;
        Assert.Equal(15.009849344, Cell("weights"), 9);
        Assert.Equal((Cell("weights") + Cell("cache")) / (Cell("weights") + Cell("kept")), Cell("speedUp"), 12);
        Assert.Equal(Cell("weights") + Cell("cache"), Cell("full"), 9);      // 1 TB/s: a GB takes a ms
        Assert.Equal(Cell("weights") + Cell("kept"), Cell("compressed"), 9);
        Assert.Contains("15.01", table.ToString());
    }

    [Theory]
    [InlineData("llama-3.2-1b", 1_235_814_400)]
    [InlineData("llama-3-8b", 8_030_261_248)]
    [InlineData("llama-3.1-70b", 70_553_706_496)]
    [InlineData("llama-3.1-405b", 405_853_388_800)]
    public void TheConfigsHaveThePublishedParameterCounts(string name, long parameters) => Assert.Equal(parameters, ModelTensors.ParameterCount(Config(name)));

    [Fact]
    public void CompressionPaysExactlyFromTheNamedContext()
    {
        var plan = new DecodeForecast(Llama8B, Card, 32_000, 128);
        foreach (var ratio in (double[])[1.05, 1.1, 2])
        {
            var from = plan.PaysFrom(ratio)!.Value;
            Assert.True(new DecodeForecast(Llama8B, Card, from, 128).SpeedUp >= ratio);
            Assert.True(new DecodeForecast(Llama8B, Card, from - 1, 128).SpeedUp < ratio);
        }
    }

    [Fact]
    public void TheLongestContextFitsAndOneTokenMoreDoesNot()
    {
        var plan = new DecodeForecast(Llama8B, Card, 8_000, 1_024);
        Assert.Equal((long)((40e9 - 16_060_522_496) / 131_072), plan.LongestContext(40e9, compressed: false));
        Assert.Equal((long)((40e9 - 16_060_522_496 - 1_024 * 131_072.0) / (4_096 + 4_096 * 2)), plan.LongestContext(40e9, compressed: true));
        Assert.Equal(0, plan.LongestContext(10e9, compressed: true));
    }

    [Fact]
    public void ALayerThatSlidesHoldsItsWindowOnly()
    {
        var mistral = Llama8B with { SlidingWindow = 4_096 };
        var plan = new DecodeForecast(mistral, Card, 1_000_000, 128);
        Assert.Equal(4_096L * 131_072, plan.FullBytes);
        Assert.Null(plan.PaysFrom(2));
    }

    [Fact]
    public void ABatchMultipliesTheCacheAndNotTheWeights()
    {
        DecodeForecast one = new(Llama8B, Card, 8_000, 128), eight = new(Llama8B, Card with { Batch = 8 }, 8_000, 128);
        Assert.Equal(8 * one.FullBytes, eight.FullBytes);
        Assert.Equal(one.WeightBytes, eight.WeightBytes);
        Assert.True(eight.SpeedUp > one.SpeedUp);
    }

    [Theory]
    [InlineData("--bandwidth", "0", "--bandwidth 0: give the memory's GB/s, above 0")]
    [InlineData("--bandwidth", "NaN", "--bandwidth NaN: give the memory's GB/s, above 0")]
    [InlineData("--kv-size", "0", "--kv-size '0': give whole numbers of 1 and more")]
    [InlineData("--context", "-5", "--context '-5': give whole numbers of 1 and more")]
    [InlineData("--context", ",", "--context ',': give at least one number")]
    [InlineData("--batch", "0", "--batch 0: give at least 1 sequence")]
    [InlineData("--weights", "int4", "--weights 'int4' is unknown")]
    [InlineData("--cache", "int8", "--cache 'int8' is unknown")]
    [InlineData("--config", "nowhere.json", "nowhere.json: no such file or folder")]
    public void ThePlanRefusesWhatItCannotUse(string option, string value, string why)
    {
        string[] good = ["plan", "--config", Path.Combine(Repository.Root, "data", "configs", "llama-3-8b.json"), "--bandwidth", "1000"];
        string[] given = good.Contains(option) ? [.. good.Select((word, i) => i > 0 && good[i - 1] == option ? value : word)] : [.. good, option, value];
        using var error = new StringWriter();
        Assert.Equal(2, HeadKvLab.Cli.Program.Run(given, error));
        Assert.Contains(why, error.ToString(), StringComparison.Ordinal);
    }
}
