using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Profiling.Micro;

/// <summary>
/// One token's attention over heads of different lengths in tensor operations, the three ways it is usually written. Created inside
/// a dispose scope that owns the tensors.
/// </summary>
internal sealed class TensorFormulations
{
    private readonly int _heads, _group;
    private readonly float _scale;
    private readonly Tensor _queries;                 // [head, group, dim], scaled
    private readonly Tensor[] _keys, _values;         // [head][entry, dim]
    private readonly Tensor _paddedKeys, _paddedValues, _mask; // [head, entry, dim], [head, 1, entry]
    private readonly Tensor _flatKeys, _flatValues, _owner;    // [entry, dim], head of each entry

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
    }

    /// <summary>All heads padded to the longest, a mask over the padding, two batched products.</summary>
    public void Padded()
    {
        using var scope = NewDisposeScope();
        _queries.bmm(_paddedKeys.transpose(1, 2)).add(_mask).softmax(2).bmm(_paddedValues);
    }

    /// <summary>A loop over heads, two products each.</summary>
    public void PerHead()
    {
        using var scope = NewDisposeScope();
        for (var h = 0; h < _heads; h++)
            _queries.select(0, h).mm(_keys[h].t()).softmax(1).mm(_values[h]);
    }

    /// <summary>All entries in one row: each with its head's query, exponentials summed by head.</summary>
    public void Segments()
    {
        using var scope = NewDisposeScope();
        for (var g = 0; g < _group; g++)
        {
            var queries = _queries.select(1, g).index_select(0, _owner);           // [entry, dim]
            var weights = _flatKeys.mul(queries).sum(1, true).exp();                // [entry, 1]
            var sums = zeros(_heads, 1).index_add_(0, _owner, weights, 1);
            zeros(_heads, _flatValues.shape[1]).index_add_(0, _owner, _flatValues.mul(weights), 1).div(sums);
        }
    }
}
