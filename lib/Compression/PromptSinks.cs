using System.Buffers;
using HeadKvLab.Cache;
using TorchSharp;

namespace HeadKvLab.Compression;

/// <summary>Feeds several sinks from one prefill: a prompt is computed once, however many methods and budgets compress it.</summary>
public static class PromptSinks
{
    /// <summary>One sink that hands every layer to all of them; compressors with equal scorers and windows share the scores.</summary>
    /// <param name="sinks">At least one.</param>
    public static IPromptSink Combine(params IReadOnlyList<IPromptSink> sinks)
    {
        if (sinks.Count == 0) throw new ArgumentException("there is no sink to feed", nameof(sinks));
        return sinks.Count == 1 ? sinks[0] : new Combined(sinks);
    }

    private sealed class Combined(IReadOnlyList<IPromptSink> sinks) : IPromptSink
    {
        private readonly IGrouping<(IScorer Scorer, int Window, int Heads), Compressor>[] _groups =
            [.. sinks.OfType<Compressor>().GroupBy(c => (c.Method.Scorer, c.Budget.ObservationWindow, c.Heads))];
        private readonly IPromptSink[] _others = [.. sinks.Where(s => s is not Compressor)];

        public ScorerNeeds Needs { get; } = sinks.Aggregate(ScorerNeeds.None, (needs, sink) => needs.Or(sink.Needs));

        public LayerMap? Layers { get; } = sinks.Select(sink => sink.Layers).Distinct().Count() == 1 ? sinks[0].Layers
            : throw new ArgumentException("the sinks share different layers, which takes a prefill for each", nameof(sinks));

        public void Accept(in LayerView layer)
        {
            foreach (var sink in _others) sink.Accept(layer);
            foreach (var group in _groups) Accept(layer, group, again: false);
        }

        public void AcceptReplayed(in LayerView layer)
        {
            foreach (var sink in _others) sink.AcceptReplayed(layer);
            foreach (var group in _groups) Accept(layer, group, again: true);
        }

        public void Attended(int layer, torch.Tensor before, torch.Tensor after)
        {
            foreach (var sink in _others) sink.Attended(layer, before, after);
        }

        private static void Accept(in LayerView layer, IGrouping<(IScorer Scorer, int Window, int Heads), Compressor> group, bool again)
        {
            var waiting = new List<Compressor>();
            foreach (var compressor in group)
                if (again ? compressor.IsComplete : compressor.Waits(layer)) continue;
                else if (compressor.NeedsScores(layer)) waiting.Add(compressor);
                else compressor.Pass(layer);
            if (waiting.Count == 0) return;

            var (heads, n) = (group.Key.Heads, layer.Length);
            var rented = ArrayPool<float>.Shared.Rent(heads * n);
            try
            {
                var scores = new HeadRows<float>(rented, heads, n);
                waiting[0].Method.Score(layer, group.Key.Window, scores);
                foreach (var compressor in waiting) compressor.Accept(layer, scores);
            }
            finally
            {
                ArrayPool<float>.Shared.Return(rented);
            }
        }
    }
}
