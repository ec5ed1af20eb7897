using HeadKvLab.Cache;
using HeadKvLab.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// KVzip: what the model attends to while it reads the prompt again. Piece by piece the tokens go through the model behind the whole prompt, and
///     score[j] = max over the group's query heads and the piece's queries of the softmax over [sinks | keys of the piece | tokens read again so far],
/// a softmax of its own over these, not the true attention. Sinks score 1.
/// Paper: KVzip (arXiv 2505.23416), section 3; snu-mllab/KVzip and kvpress' <c>KVzipPress</c> (4 sinks, pieces of 2,048). There an instruction ("repeat the previous context")
/// stands before each piece; here only the last 8 tokens of the piece before, so that it works without words: <c>lab heads kvzip</c> tells how well a model copies.
/// kvpress protects sinks only where a chat template has put them before the text, and here they always are. Cost: a second prefill, see <c>lab bench prefill</c>.
/// </summary>
/// <param name="Chunk">Tokens that are read again together.</param>
/// <param name="Sinks">First tokens, which score 1.</param>
public sealed record KvZip(int Chunk = 2048, int Sinks = 4) : IScorer, IReplay
{
    /// <summary>Tokens of the piece before that lead into a piece.</summary>
    internal const int Lead = 8;

    private const int BlockRows = 64;

    /// <summary>Tokens that are read again together.</summary>
    public int Chunk { get; } = Chunk >= 1 ? Chunk : throw new LabException($"KVzip: pieces of {Chunk} tokens: give 1 or more; 2048 is the published size");

    /// <summary>First tokens, which score 1.</summary>
    public int Sinks { get; } = Sinks >= 0 ? Sinks : throw new LabException($"KVzip: {Sinks} first tokens: give 0 or more; kvpress has 4");

    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => new() { Replays = [this] };

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores) => Score(this, layer, scores);

    /// <summary>The largest number of a group for each position, and 1 for sinks.</summary>
    /// <param name="replay">What was measured.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="scores"><c>[head, position]</c>.</param>
    internal void Score(IReplay replay, in LayerView layer, HeadRows<float> scores)
    {
        var measured = layer.Replayed ?? throw new LabException("KVzip scores a prompt by reading it again, and these tensors come without the model: run it on one (`lab eval`, `lab generate`)");
        using var scope = NewDisposeScope();
        WindowAttention.Reduce(layer, measured(replay), GroupReduction.Max, scores);
        for (var h = 0; h < scores.Heads; h++) scores[h][..Math.Min(Sinks, scores.Length)].Fill(1);
    }

    /// <inheritdoc/>
    public IReadOnlyList<ReplayPiece> Plan(ReadOnlySpan<int> prompt)
    {
        var pieces = new List<ReplayPiece>();
        for (var first = Sinks; first < prompt.Length; first += Chunk)
        {
            var (count, lead) = (Math.Min(Chunk, prompt.Length - first), first == Sinks ? 0 : Math.Min(Lead, Chunk));
            pieces.Add(new(first, count, prompt.Slice(first - lead, lead + count).ToArray()));
        }
        return pieces;
    }

    /// <inheritdoc/>
    public Tensor Measure(in LayerView layer, ReplayPiece piece) => Measure(layer, piece, null);

    /// <summary>The largest attention that each position of the piece receives, <c>[queryHead, position]</c>.</summary>
    /// <param name="layer">The prompt and what reads it again.</param>
    /// <param name="piece">The piece.</param>
    /// <param name="factors">A factor of each query's attention, <c>[query]</c>; null: 1.</param>
    internal Tensor Measure(in LayerView layer, ReplayPiece piece, Tensor? factors)
    {
        using var nograd = no_grad();
        using var scope = NewDisposeScope();
        var (rows, sinks) = (piece.Ids.Length, Math.Min(Sinks, piece.First));
        var keys = cat([layer.Keys.narrow(1, 0, sinks), layer.Keys.narrow(1, piece.First, piece.Count), layer.Keys.narrow(1, layer.Length - rows, rows)], 1); // [kvHead, key, dim]
        var most = BlockwiseAttention.Supports((int)keys.shape[2]) ? ByKernel(layer, keys, factors) : ByTensors(layer, keys, factors);
        return most.narrow(1, sinks, piece.Count).clone().MoveToOuterDisposeScope();
    }

    /// <summary>The largest of the softmax of the last queries for each key, <c>[queryHead, key]</c>: the last key is the last query's own.</summary>
    internal static unsafe Tensor ByKernel(in LayerView layer, Tensor keys, Tensor? factors)
    {
        var queries = layer.Queries.contiguous();
        var (queryHeads, rows, dim, length) = ((int)queries.shape[0], (int)queries.shape[1], (int)queries.shape[2], (int)keys.shape[1]);
        var most = empty(queryHeads, length);
        var largest = new ColumnSum { Target = (float*)TensorMemory.Address(most), Power = ColumnSum.Largest, Below = int.MaxValue, Factors = factors is null ? null : (float*)TensorMemory.Address(factors) };
        BlockwiseAttention.Run(new BlockwiseAttention.Prompt
        {
            Queries = new((float*)TensorMemory.Address(queries), (long)rows * dim, dim), Keys = new((float*)TensorMemory.Address(keys), (long)length * dim, dim),
            QueryHeads = queryHeads, KvHeads = (int)keys.shape[0], Tokens = rows, Positions = length, Dim = dim, Scale = layer.Scale, Window = int.MaxValue, Wanted = &largest, WantedCount = 1,
        });
        GC.KeepAlive((queries, keys, factors));
        return most;
    }

    /// <summary>The same in tensors.</summary>
    internal static Tensor ByTensors(in LayerView layer, Tensor keys, Tensor? factors)
    {
        var (queryHeads, rows, kvHeads, length, dim) = (layer.Queries.shape[0], (int)layer.Queries.shape[1], keys.shape[0], (int)keys.shape[1], keys.shape[2]);
        var (columns, most) = (keys.transpose(1, 2), zeros(queryHeads, length));
        for (var first = 0; first < rows; first += BlockRows)
        {
            using var step = NewDisposeScope();
            var count = Math.Min(BlockRows, rows - first);
            var seen = length - rows + first + count;
            var queries = layer.Queries.narrow(1, first, count).mul(layer.Scale).reshape(kvHeads, queryHeads / kvHeads * count, dim);
            var logits = queries.bmm(columns.narrow(2, 0, seen)).view(queryHeads, count, seen);                        // [queryHead, query, key]
            logits.narrow(2, seen - count, count).masked_fill_(ones(count, count, dtype: ScalarType.Bool).triu(1), float.NegativeInfinity);
            var weights = logits.softmax(2);
            if (factors is not null) weights = weights * factors.narrow(0, first, count).view(1, count, 1);
            var known = most.narrow(1, 0, seen);
            known.copy_(known.maximum(weights.amax([1])));
        }
        return most;
    }
}
