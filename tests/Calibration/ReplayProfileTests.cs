using HeadKvLab.Cache;
using HeadKvLab.Calibration;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Scorers;
using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Calibration;

/// <summary>KVzip's head scores and the copy loss, against what a prompt of everything in one piece gives.</summary>
public sealed class ReplayProfileTests
{
    private static readonly LanguageModel Model = Repository.Model;
    private static readonly int[] Prompt = [.. Enumerable.Range(0, 70).Select(i => i * 37 % 1900)], Other = [.. Enumerable.Range(0, 40).Select(i => i * 31 % 1900)];
    private static readonly KvZip Zip = new(24, 4);

    [Theory]
    [InlineData(false), InlineData(true)]
    public void A_heads_score_is_the_largest_or_the_mean_of_its_positions(bool mean)
    {
        var told = new List<int>();
        var scores = ReplayProfile.Measure(Model.Decoder, [Prompt, Other], Zip, mean, told.Add);
        Assert.Equal([1, 2], told);
        Assert.Equal(2, scores.Tests);
        foreach (var (test, prompt) in ((int[][])[Prompt, Other]).Index())
        {
            var seen = new Seen();
            Model.Decoder.Prefill(prompt, null, seen).Dispose();
            for (var layer = 0; layer < 6; layer++)
                for (var head = 0; head < 8; head++)
                {
                    var row = seen.Layers[layer].AsSpan(head * prompt.Length + 4, prompt.Length - 4).ToArray();
                    Assert.Equal(mean ? row.Average(x => (double)x) : row.Max(), scores.Samples(layer, head)[test], 1e-6);
                }
        }
    }

    /// <summary>The losses are those of the long text prompt + piece: the pieces are 24, 24 and 18 tokens, and the first begins without a lead.</summary>
    [Fact]
    public void The_copy_loss_is_that_of_the_long_text()
    {
        using var scope = NewDisposeScope();
        var (first, again, copied, tokens) = (0.0, 0.0, 0, 0);
        foreach (var piece in Zip.Plan(Prompt))
        {
            int[] text = [.. Prompt, .. piece.Ids];
            var rows = Model.Decoder.Prefill(text, allLogits: true);
            for (var i = piece.Ids.Length - piece.Count; i < piece.Ids.Length; i++)
            {
                if (i == 0) continue;
                var place = piece.First + i - (piece.Ids.Length - piece.Count);
                first += ContinuationLoss.Surprise(rows[place - 1].data<float>().ToArray(), Prompt[place]);
                again += ContinuationLoss.Surprise(rows[Prompt.Length + i - 1].data<float>().ToArray(), Prompt[place]);
                if (rows[Prompt.Length + i - 1].argmax().item<long>() == Prompt[place]) copied++;
                tokens++;
            }
        }
        Assert.Equal(65, tokens);
        var found = CopyLoss.Measure(Model.Decoder, [Prompt], Zip);
        Assert.Equal(tokens, found.Tokens);
        Assert.Equal(first / tokens, found.First, 1e-3);
        Assert.Equal(again / tokens, found.Again, 1e-3);
        Assert.Equal((double)copied / tokens, found.Copied, 1e-9);
    }

    [Fact]
    public void What_cannot_be_measured_is_refused()
    {
        Assert.Contains("the first 4 are sinks", Assert.Throws<LabException>(() => ReplayProfile.Measure(Model.Decoder, [[1, 2, 3, 4]], Zip)).Message);
        Assert.Contains("no token is read again behind another", Assert.Throws<LabException>(() => CopyLoss.Measure(Model.Decoder, [[1, 2, 3, 4, 5]], Zip)).Message);
    }

    private sealed class Seen : IPromptSink
    {
        internal List<float[]> Layers { get; } = [];

        public ScorerNeeds Needs { get; } = new() { Replays = [Zip] };

        public void Accept(in LayerView layer)
        {
        }

        public void AcceptReplayed(in LayerView layer) => Layers.Add(layer.Replayed!(Zip).data<float>().ToArray());
    }
}
