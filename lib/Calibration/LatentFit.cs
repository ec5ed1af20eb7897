using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Calibration;

/// <summary>
/// Latent vectors without training, a reconstruction of CLLA (arXiv 2410.15252: its abstract is all there is). The keys, before RoPE, and values that a group of adjacent layers
/// has of a token stand in one row; over all tokens of some texts their mean and the eigenvectors of their covariance are taken, which are the right singular vectors of the centred
/// rows. CLLA trains the projections, and makes the vector from the input of the group's first layer; here it is made from the entries themselves. Cost: one prefill of each text,
/// and an eigenvalue problem of 2 · layers · kvHeads · dim numbers for each group.
/// </summary>
public static class LatentFit
{
    /// <summary>Measures the projections.</summary>
    /// <param name="decoder">The model.</param>
    /// <param name="prompts">Token ids, <c>[prompt][token]</c>.</param>
    /// <param name="share">Layers of a group; the last group may have fewer.</param>
    /// <param name="from">First layer of the first group: earlier ones store keys and values.</param>
    /// <param name="rank">Directions that are kept, at most the numbers of a row.</param>
    /// <param name="progress">Told how many prompts are done.</param>
    /// <param name="stop">Ends the measurement between two prompts.</param>
    /// <exception cref="LabException">There are no such groups, or a key or a value is no number (<see cref="ModelOverflow"/>).</exception>
    public static LatentTable Run(Decoder decoder, IReadOnlyList<int[]> prompts, int share, int from, int rank, Action<int>? progress = null, CancellationToken stop = default)
    {
        var config = decoder.Config;
        if (from < 0 || from >= config.Layers) throw new LabException($"latents from layer {from} on: the model has layers 0 to {config.Layers - 1}");
        if (share < 1 || rank < 1) throw new LabException($"latents of {share} layers at rank {rank}: give 1 or more of both");
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        Moments[] groups = [.. Enumerable.Range(from, config.Layers - from).Chunk(share).Select(layers => new Moments(layers[0], layers.Length, scope))];
        foreach (var (done, prompt) in prompts.Index())
        {
            stop.ThrowIfCancellationRequested();
            decoder.Prefill(prompt, null, new Sink(groups)).Dispose();
            progress?.Invoke(done + 1);
        }
        return new(new(config.Layers, config.KvHeads, config.HeadDim, [.. groups.Select(group => group.Solve(rank))]), prompts.Sum(prompt => prompt.Length));
    }

    /// <summary>The group of rows: what <see cref="Run"/> makes of all texts together.</summary>
    /// <param name="first">First layer.</param>
    /// <param name="layers">Layers.</param>
    /// <param name="rows"><c>[token, width]</c>.</param>
    /// <param name="rank">Directions.</param>
    internal static LatentGroup Of(int first, int layers, Tensor rows, int rank)
    {
        using var scope = NewDisposeScope();
        var moments = new Moments(first, layers, scope);
        moments.Add(rows);
        return moments.Solve(rank);
    }

    /// <summary>Sums over the rows of a group.</summary>
    private sealed class Moments(int first, int layers, DisposeScope owner)
    {
        private readonly List<Tensor> _waiting = [];
        private Tensor? _sum, _products; // float64, [width], [width, width]
        private long _tokens;

        internal bool Has(int layer) => layer >= first && layer < first + layers;

        /// <summary>Takes what a layer has of a prompt, <c>[token, numbers]</c>.</summary>
        internal void Take(Tensor rows)
        {
            _waiting.Add(rows.MoveToOtherDisposeScope(owner));
            if (_waiting.Count < layers) return;
            using var scope = NewDisposeScope();
            Add(cat(_waiting, 1));
            foreach (var waiting in _waiting) waiting.Dispose();
            _waiting.Clear();
        }

        internal void Add(Tensor rows)
        {
            using var scope = NewDisposeScope();
            var wide = rows.to(ScalarType.Float64);
            if (!wide.isfinite().all().item<bool>()) throw new ModelOverflow($"latents of layers {first} to {first + layers - 1}: a key or a value is NaN or infinite; compute in float32 or bfloat16");
            Tensor sum = wide.sum(dim: 0), products = wide.t().mm(wide);
            _sum = Added(_sum, sum);
            _products = Added(_products, products);
            _tokens += rows.shape[0];
        }

        private Tensor Added(Tensor? total, Tensor one) => total is null ? one.MoveToOtherDisposeScope(owner) : total.add_(one);

        /// <summary>Directions by falling variance; of each the largest number is positive.</summary>
        internal LatentGroup Solve(int rank)
        {
            using var scope = NewDisposeScope();
            var mean = _sum! / _tokens;
            var (variances, vectors) = linalg.eigh(_products! / _tokens - mean.unsqueeze(1).mm(mean.unsqueeze(0)));
            var width = (int)mean.shape[0];
            var kept = Math.Min(rank, width);
            double[] all = variances.contiguous().data<double>().ToArray(), numbers = vectors.t().contiguous().data<double>().ToArray();
            var (basis, total) = (new float[kept * width], Math.Max(all.Sum(variance => Math.Max(variance, 0)), double.Epsilon));
            for (var k = 0; k < kept; k++)
            {
                var vector = numbers.AsSpan((width - 1 - k) * width, width);
                var largest = 0;
                for (var i = 1; i < width; i++) largest = Math.Abs(vector[i]) > Math.Abs(vector[largest]) ? i : largest;
                for (var i = 0; i < width; i++) basis[k * width + i] = (float)(vector[i] * Math.Sign(vector[largest]));
            }
            return new(first, layers, Array.ConvertAll(mean.data<double>().ToArray(), x => (float)x), basis)
            {
                Explained = [.. Enumerable.Range(0, kept).Select(k => Math.Max(all[width - 1 - k], 0) / total)],
            };
        }
    }

    private sealed class Sink(Moments[] groups) : IPromptSink
    {
        public ScorerNeeds Needs => ScorerNeeds.None;

        public void Accept(in LayerView layer)
        {
            var index = layer.Layer;
            if (Array.Find(groups, group => group.Has(index)) is not { } group) return;
            using var scope = NewDisposeScope();
            using var quiet = no_grad();
            var keys = BeforeRope.Keys(layer).transpose(0, 1).flatten(1); // [token, kvHead · dim]
            group.Take(cat([keys, layer.Values.to(ScalarType.Float32).transpose(0, 1).flatten(1)], 1));
        }
    }
}
