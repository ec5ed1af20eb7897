using HeadKvLab.Cache;
using HeadKvLab.Calibration;
using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Calibration;

/// <summary>Attention rows and what one formula makes of them, on a dozen tokens of the shipped model.</summary>
public sealed class AnswerReadingTests : IDisposable
{
    private static readonly int[] Prompt = [1989, 20, 30, 40, 50, 60, 70, 80];

    private readonly LanguageModel _model = Repository.Model;
    private readonly RaggedCache _cache = new(Repository.Model.CacheShape());

    public AnswerReadingTests()
    {
        using (NewDisposeScope()) _model.Decoder.Prefill(Prompt, _cache);
    }

    public void Dispose()
    {
        _cache.Dispose();
        GC.SuppressFinalize(this);
    }

    private float[] Queries() => [.. Enumerable.Range(0, _model.Config.QueryHeads * _model.Config.HeadDim).Select(i => MathF.Sin(i * i))];

    private AttentionRecorder Recorded(ModelConfig config)
    {
        var recorder = new AttentionRecorder(config);
        for (var layer = 0; layer < config.Layers; layer++) recorder.After(layer, Queries(), default, _cache[layer]);
        return recorder;
    }

    [Theory]
    [InlineData(null), InlineData(8), InlineData(3)]
    public void Rows_are_the_softmax_of_what_the_window_sees(int? window)
    {
        using var scope = NewDisposeScope();
        var config = _model.Config with { SlidingWindow = window };
        var recorder = Recorded(config);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            var (keys, queries, dim, n) = (_cache[layer].Keys().to(ScalarType.Float32).contiguous().data<float>().ToArray(), Queries(), config.HeadDim, Prompt.Length);
            for (var head = 0; head < config.QueryHeads; head++)
            {
                var weights = new double[n];
                for (var j = Math.Max(0, n - (window ?? n)); j < n; j++)
                    weights[j] = Math.Exp(Enumerable.Range(0, dim).Sum(i => (double)queries[head * dim + i] * keys[(head / config.Group * n + j) * dim + i]) / Math.Sqrt(dim));
                var sum = weights.Sum();
                var row = recorder.Row(layer).Slice(head * n, n);
                for (var j = 0; j < n; j++) Assert.Equal(weights[j] / sum, row[j], 1e-5);
            }
        }
    }

    [Theory]
    [InlineData(false, false), InlineData(true, false), InlineData(true, true)]
    public void Each_layer_adds_its_rows(bool reasoning, bool rounded)
    {
        var (config, recorder) = (_model.Config, Recorded(_model.Config));
        var reading = new AnswerReading(_model, Prompt, (1, 6), 2, [], reasoning, rounded);
        reading.Step(40, recorder);
        reading.Step(60, recorder);
        var any = false;
        for (var layer = 0; layer < config.Layers; layer++)
        {
            var expected = new double[config.QueryHeads];
            var row = recorder.Row(layer).ToArray();
            if (rounded) row = [.. row.Select(Bfloat16)];
            foreach (var token in (int[])[40, 60])
                if (reasoning) ReasoningScore.Add(row, 1, 6, expected);
                else RetrievalScore.Add(row, Prompt, 1..7, token, expected);
            Assert.Equal(expected, reading.Scores[(layer * config.QueryHeads)..((layer + 1) * config.QueryHeads)]);
            any |= expected.Any(score => score > 0);
        }
        Assert.True(any, "no head looks at the needle: this shows nothing");
        Assert.Equal(config.Layers * config.QueryHeads, reading.Scores.Length);
    }

    private static float Bfloat16(float value)
    {
        using var scope = NewDisposeScope();
        return tensor(value).to(bfloat16).to(float32).item<float>();
    }

    [Fact]
    public void A_needle_that_was_not_found_earns_nothing()
    {
        var reading = new AnswerReading(_model, Prompt, (-1, 0), 1, [], reasoning: false, rounded: false);
        reading.Step(40, Recorded(_model.Config));
        Assert.All(reading.Scores, score => Assert.Equal(0, score));
    }

    [Fact]
    public void Steps_count_up_to_the_stopping_token_or_the_last()
    {
        var recorder = Recorded(_model.Config);
        Assert.False(new AnswerReading(_model, Prompt, (1, 2), 0, [], true, false).Open);
        var reading = new AnswerReading(_model, Prompt, (1, 2), 3, [7, 9], true, false);
        Assert.True(reading.Open);
        foreach (var (token, open) in ((int, bool)[])[(5, true), (6, true), (8, false)])
        {
            reading.Step(token, recorder);
            Assert.Equal(open, reading.Open);
        }
        Assert.Equal(_model.Tokenizer.DecodeGenerated([5, 6, 8]).Trim(), reading.Response);
        reading = new AnswerReading(_model, Prompt, (1, 2), 3, [7, 9], true, false);
        reading.Step(9, recorder);
        Assert.False(reading.Open);
    }
}
