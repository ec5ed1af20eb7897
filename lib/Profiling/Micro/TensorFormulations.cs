using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Profiling.Micro;

/// <summary>
/// One token's attention over heads of different lengths in tensor operations, the ways it is usually written: by products and by libtorch's fused
/// attention. Created inside a dispose scope that owns the tensors.
/// </summary>
internal sealed class TensorFormulations
{
    private readonly int _heads, _group;
    private readonly float _scale;
    private readonly Tensor _queries;                 // [head, group, dim], scaled
    private readonly Tensor[] _keys, _values;         // [head][entry, dim]
    private readonly Tensor _paddedKeys, _paddedValues, _mask; // [head, entry, dim], [head, 1, entry]
    private readonly Tensor _flatKeys, _flatValues, _owner;    // [entry, dim], head of each entry
    private readonly Tensor _order;                   // where a head stands among all, by length
    private readonly FusedHeads _all;
    private readonly FusedHeads[] _groups;

    public TensorFormulations(int[] counts, int group, int dim)
    {
        (_heads, _group, _scale) = (counts.Length, group, 1 / MathF.Sqrt(dim));
        var longest = counts.Max();
        _queries = randn(_heads, group, dim).mul(_scale);
        _keys = Array.ConvertAll(counts, count => randn(count, dim));
        _values = Array.ConvertAll(counts, count => randn(count, dim));
        (_paddedKeys, _paddedValues) = (zeros(_heads, longest, dim), zeros(_heads, longest, dim));
        _mask = full(_heads, 1, longest, float.MinValue);
        for (var h = 0; h < _heads; h++)
        {
            _paddedKeys[h].narrow(0, 0, counts[h]).copy_(_keys[h]);
            _paddedValues[h].narrow(0, 0, counts[h]).copy_(_values[h]);
            _mask[h].narrow(1, 0, counts[h]).fill_(0);
        }
        (_flatKeys, _flatValues) = (cat(_keys), cat(_values));
        _owner = tensor(counts.SelectMany((count, head) => Enumerable.Repeat((long)head, count)).ToArray());
        int[] byLength = [.. Enumerable.Range(0, _heads).OrderBy(h => counts[h])];
        _order = tensor(Enumerable.Range(0, _heads).Select(h => (long)Array.IndexOf(byLength, h)).ToArray());
        (_all, _groups) = (Fuse(byLength), [.. byLength.Chunk((_heads + Groups - 1) / Groups).Select(Fuse)]);
    }

    /// <summary>Groups of heads of similar length that the fused attention is called for.</summary>
    private const int Groups = 4;

    /// <summary>Heads as the fused attention takes them, <c>[head, 1, group or entry, dim]</c>, padded to the longest of them; it scales the logits itself.</summary>
    private sealed record FusedHeads(Tensor Queries, Tensor Keys, Tensor Values, Tensor Mask);

    private FusedHeads Fuse(int[] heads)
    {
        var longest = heads.Max(h => _keys[h].shape[0]);
        Tensor Padded(Tensor whole) => stack(heads.Select(h => whole[h].narrow(0, 0, longest)).ToArray()).unsqueeze(1).contiguous();
        var queries = stack(heads.Select(h => _queries[h].div(_scale)).ToArray()).unsqueeze(1);
        var mask = stack(heads.Select(h => _mask[h].narrow(1, 0, longest)).ToArray()).unsqueeze(1);   // [head, 1, 1, entry]
        return new(queries, Padded(_paddedKeys), Padded(_paddedValues), mask.expand(heads.Length, 1, _group, longest).contiguous());
    }

    /// <summary>The fused attention over all heads, padded to the longest and masked.</summary>
    public Tensor Fused()
    {
        using var scope = NewDisposeScope();
        return Attend(_all).index_select(0, _order).MoveToOuterDisposeScope();
    }

    /// <summary>The same in four calls, for heads of similar length.</summary>
    public Tensor FusedInGroups()
    {
        using var scope = NewDisposeScope();
        return cat(Array.ConvertAll(_groups, Attend)).index_select(0, _order).MoveToOuterDisposeScope();
    }

    private static Tensor Attend(FusedHeads heads) =>
        nn.functional.scaled_dot_product_attention(heads.Queries, heads.Keys, heads.Values, heads.Mask).squeeze(1);

    /// <summary>All heads padded to the longest, a mask over the padding, two batched products.</summary>
    /// <returns><c>[head, group, dim]</c>, as of all formulations.</returns>
    public Tensor Padded()
    {
        using var scope = NewDisposeScope();
        return _queries.bmm(_paddedKeys.transpose(1, 2)).add(_mask).softmax(2).bmm(_paddedValues).MoveToOuterDisposeScope();
    }

    /// <summary>A loop over heads, two products each.</summary>
    public Tensor PerHead()
    {
        using var scope = NewDisposeScope();
        return stack(Enumerable.Range(0, _heads).Select(h => _queries.select(0, h).mm(_keys[h].t()).softmax(1).mm(_values[h])).ToArray()).MoveToOuterDisposeScope();
    }

    /// <summary>All entries in one row: each with its head's query, exponentials summed by head.</summary>
    public Tensor Segments()
    {
        using var scope = NewDisposeScope();
        var mixed = new Tensor[_group];
        for (var g = 0; g < _group; g++)
        {
            var queries = _queries.select(1, g).index_select(0, _owner);           // [entry, dim]
            var weights = _flatKeys.mul(queries).sum(1, true).exp();                // [entry, 1]
            var sums = zeros(_heads, 1).index_add_(0, _owner, weights, 1);
            mixed[g] = zeros(_heads, _flatValues.shape[1]).index_add_(0, _owner, _flatValues.mul(weights), 1).div(sums);
        }
        return stack(mixed, 1).MoveToOuterDisposeScope();
    }
}
