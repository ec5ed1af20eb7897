using HeadKvLab.Models;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace HeadKvLab.Training;

/// <summary>Latent vectors that a model is trained with: CLLA (arXiv 2410.15252), rebuilt from its abstract.</summary>
/// <param name="Rank">Numbers of a vector.</param>
/// <param name="Share">Adjacent layers that share one.</param>
/// <param name="From">First layer of the first group; earlier ones stay as they are.</param>
public sealed record LatentTraining(int Rank, int Share = 2, int From = 1)
{
    /// <summary>The layer whose input each layer projects keys and values from, <c>[layer]</c>.</summary>
    /// <param name="layers">Layers of the model.</param>
    internal int[] Inputs(int layers) => [.. Enumerable.Range(0, layers).Select(layer => layer < From ? layer : layer - (layer - From) % Share)];
}

/// <summary>
/// Keys and values of a group of layers as products <c>U (W x)</c>: W <c>[rank, hidden]</c> makes the latent vector of the input of the group's first layer, U <c>[width, rank]</c> each
/// layer's keys, before RoPE, and values of it. Decoders compute with the product, an ordinary projection; its gradient G gives those of the factors, <c>G Wᵀ</c> and <c>Uᵀ G</c>.
/// They start at the best product of that rank: least squares of the model's own keys and values on x, then the directions in which the fit varies most.
/// </summary>
internal sealed class LatentProjections
{
    private const double Ridge = 1e-6; // of the mean square of x

    private readonly ModelConfig _config;
    private readonly Dictionary<string, Parameter> _master;
    private readonly int[][] _groups;

    /// <summary>Adds the factors to the weights; until <see cref="Start"/> or a checkpoint fills them they are 0.</summary>
    /// <param name="latent">Rank and groups.</param>
    /// <param name="config">The model.</param>
    /// <param name="master">Its weights.</param>
    /// <param name="device">Where they lie.</param>
    internal LatentProjections(LatentTraining latent, ModelConfig config, Dictionary<string, Parameter> master, Device device)
    {
        (_config, _master, _groups) = (config, master, [.. Enumerable.Range(latent.From, config.Layers - latent.From).Chunk(latent.Share)]);
        foreach (var group in _groups)
        {
            Add(Down(group), latent.Rank, config.HiddenSize);
            Add(Up(group), group.Length * 2L * config.KvHeads * config.HeadDim, latent.Rank);
        }

        void Add(string name, long rows, long columns)
        {
            using var scope = NewDisposeScope();
            master.Add(name, new Parameter(zeros(rows, columns, device: device)));
            master[name].DetachFromDisposeScope();
        }
    }

    /// <summary>Whether a weight is a product, which no optimiser changes.</summary>
    internal bool IsProduct(string name) => _groups.SelectMany(Products).Contains(name);

    /// <summary>Fits the factors to what a model computes of some documents.</summary>
    /// <param name="decoder">The model, each layer with its own input.</param>
    /// <param name="documents">Documents.</param>
    internal void Start(Decoder decoder, IEnumerable<Batch> documents)
    {
        using var quiet = no_grad();
        using var scope = NewDisposeScope();
        var (size, width) = (_config.HiddenSize, 2 * _config.KvHeads * _config.HeadDim);
        Tensor[] squares = [.. _groups.Select(_ => zeros(size, size, ScalarType.Float64))], products = [.. _groups.Select(group => zeros(size, group.Length * width, ScalarType.Float64))];
        foreach (var batch in documents)
        {
            using var own = NewDisposeScope();
            var x = decoder.Model.embed_tokens.forward(tensor(batch.Ids, batch.Documents, batch.Length));
            var rotation = decoder.Rotary.At(tensor(batch.Positions, batch.Documents, batch.Length));
            Tensor first = x;
            foreach (var layer in decoder.Model.layers)
            {
                var normed = layer.input_layernorm.forward(x).reshape(-1, size);
                if (Array.FindIndex(_groups, group => group.Contains(layer.Index)) is var g and >= 0)
                {
                    if (_groups[g][0] == layer.Index) squares[g].add_((first = normed.to(ScalarType.Float64)).t().mm(first));
                    var entries = cat([layer.self_attn.k_proj.forward(normed), layer.self_attn.v_proj.forward(normed)], 1).to(ScalarType.Float64);
                    products[g].narrow(1, (layer.Index - _groups[g][0]) * width, width).add_(first.t().mm(entries));
                }
                x = layer.Forward(x, rotation);
            }
        }
        for (var g = 0; g < _groups.Length; g++)
        {
            var damped = squares[g] + eye(size, dtype: ScalarType.Float64) * (squares[g].trace() * (Ridge / size));
            var fit = linalg.solve(damped, products[g]);                                                   // [hidden, width]
            var directions = linalg.eigh(fit.t().mm(products[g])).Item2;
            var up = directions.narrow(1, directions.shape[1] - Factor(Down(_groups[g])).shape[0], Factor(Down(_groups[g])).shape[0]);
            Factor(Up(_groups[g])).copy_(up.to(ScalarType.Float32));
            Factor(Down(_groups[g])).copy_(fit.mm(up).t().to(ScalarType.Float32));
        }
        Merge();
    }

    /// <summary>Writes the products into the weights that decoders read.</summary>
    internal void Merge()
    {
        using var quiet = no_grad();
        foreach (var group in _groups)
            foreach (var (i, name) in Products(group).Index())
            {
                using var scope = NewDisposeScope();
                Factor(name).copy_(Rows(Factor(Up(group)), i).mm(Factor(Down(group))));
            }
    }

    /// <summary>Takes the gradients of the products over to the factors.</summary>
    internal void PassGradients()
    {
        foreach (var group in _groups)
        {
            var gradient = cat([.. Products(group).Select(name => Factor(name).grad!)], 0);
            Factor(Up(group)).grad = gradient.mm(Factor(Down(group)).t());
            Factor(Down(group)).grad = Factor(Up(group)).t().mm(gradient);
            foreach (var name in Products(group)) Factor(name).grad!.zero_();
        }
    }

    private static string Down(int[] group) => $"latent.{group[0]}.down_proj";

    private static string Up(int[] group) => $"latent.{group[0]}.up_proj";

    /// <summary>Weights of a group in the order of a row: each layer's keys, then its values.</summary>
    private static IEnumerable<string> Products(int[] group) => group.SelectMany(layer => (string[])[$"model.layers.{layer}.self_attn.k_proj.weight", $"model.layers.{layer}.self_attn.v_proj.weight"]);

    private Parameter Factor(string name) => _master[name];

    private Tensor Rows(Tensor up, int part) => up.narrow(0, (long)part * _config.KvHeads * _config.HeadDim, _config.KvHeads * _config.HeadDim);
}
