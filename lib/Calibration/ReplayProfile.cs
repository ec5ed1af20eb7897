using HeadKvLab.Cache;
using HeadKvLab.Compression.Scorers;
using HeadKvLab.Models;
using static TorchSharp.torch;

namespace HeadKvLab.Calibration;

/// <summary>
/// KVzip's score of whole heads: for each prompt the largest score that any position behind the sinks has in a query head, or the mean of all. Where a head's KV head has others, HeadKV reduces them.
/// Paper: KVzip (arXiv 2505.23416), section 4, which keeps whole the KV heads of the largest maxima over one document; here prompts are samples, as needles are for HeadKV's scores.
/// Cost: two prefills of each prompt.
/// </summary>
public static class ReplayProfile
{
    /// <summary>Measures a model.</summary>
    /// <param name="decoder">The model.</param>
    /// <param name="prompts">Token ids, <c>[prompt][token]</c>.</param>
    /// <param name="zip">Pieces and sinks.</param>
    /// <param name="mean">Whether a head's score is the mean over positions, else the largest.</param>
    /// <param name="progress">Told how many prompts are done.</param>
    /// <param name="stop">Ends the measurement between two prompts.</param>
    /// <exception cref="LabException">A prompt has no token behind the sinks, or cannot be read again.</exception>
    /// <exception cref="ModelOverflow">A layer's attention is no number.</exception>
    public static HeadScores Measure(Decoder decoder, IReadOnlyList<int[]> prompts, KvZip zip, bool mean = false, Action<int>? progress = null, CancellationToken stop = default)
    {
        var scores = new HeadScores(decoder.Config.Layers, decoder.Config.QueryHeads);
        foreach (var prompt in prompts)
        {
            stop.ThrowIfCancellationRequested();
            if (prompt.Length <= zip.Sinks) throw new LabException($"a prompt of {prompt.Length} tokens: the first {zip.Sinks} are sinks, and none is left to be read again: give longer prompts");
            var sink = new Sink(zip, mean);
            decoder.Prefill(prompt, null, sink).Dispose();
            scores.Add([.. sink.Scores]);
            progress?.Invoke(scores.Tests);
        }
        return scores;
    }

    private sealed class Sink(KvZip zip, bool mean) : IPromptSink
    {
        internal List<double> Scores { get; } = [];

        public ScorerNeeds Needs { get; } = new() { Replays = [zip] };

        public void Accept(in LayerView layer)
        {
        }

        public void AcceptReplayed(in LayerView layer)
        {
            using var scope = NewDisposeScope();
            var read = layer.Replayed!(zip).narrow(1, zip.Sinks, layer.Length - zip.Sinks);
            foreach (var score in (mean ? read.mean([1L]) : read.amax([1L])).data<float>())
                Scores.Add(float.IsFinite(score) ? score : throw new ModelOverflow($"layer {layer.Layer}: the attention is NaN: a query or key overflowed; compute in float32 or bfloat16"));
        }
    }
}
