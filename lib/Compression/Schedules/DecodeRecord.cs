using System.Runtime.InteropServices;
using HeadKvLab.Cache;
using HeadKvLab.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Compression.Schedules;

/// <summary>
/// What scorers ask for of a text that goes on: its last queries, the sums of attention, which lie beside the entries as marks, the kinds of its tokens. From these and
/// what a cache holds it makes the views that scorers look at. The prompt's part comes from the prefill, the rest from the tokens that are decoded;
/// a token that is decoded again in its place, as the first-token rule <c>recompute-last</c> does, counts once.
/// </summary>
internal sealed class DecodeRecord
{
    private readonly ScorerNeeds _needs;
    private readonly CacheShape _shape;
    private readonly int _queryHeads;
    private readonly QueryRing[] _queries; // [layer]
    private readonly LayerConstants[] _layers;
    private TokenKind[] _kinds = []; // [position], with room
    private Func<int, TokenKind>? _kindOf;

    /// <summary>Prepares for one prompt.</summary>
    /// <param name="needs">What scorers ask for.</param>
    /// <param name="shape">The cache.</param>
    /// <param name="queryHeads">Query heads of a layer.</param>
    internal DecodeRecord(ScorerNeeds needs, CacheShape shape, int queryHeads)
    {
        (_needs, _shape, _queryHeads, _layers) = (needs, shape, queryHeads, new LayerConstants[shape.Layers]);
        _queries = [.. Enumerable.Range(0, shape.Layers).Select(_ => new QueryRing(needs.Queries, queryHeads, shape.HeadDim))];
    }

    private DecodeRecord(DecodeRecord source) : this(source._needs, source._shape, source._queryHeads)
    {
        (_layers, _kinds, _kindOf, Prompt) = (source._layers, (TokenKind[])source._kinds.Clone(), source._kindOf, source.Prompt);
        for (var l = 0; l < _queries.Length; l++) _queries[l] = source._queries[l].Clone();
    }

    /// <summary>Where the sums begin, in place of what they were over the prompt, <c>[queryHead, position]</c>; null: there.</summary>
    internal Func<LayerView, float[]>? Start { get; init; }

    /// <summary>The sum that the decode kernel can add up: the only one.</summary>
    internal StepSum? OnlySum => _needs.Sums.Count == 1 ? new(_needs.Sums[0], Prompt) : null;

    /// <summary>Tokens of the prompt.</summary>
    internal int Prompt { get; private set; }

    /// <summary>Query heads that share the entries of a head.</summary>
    private int Group => _queryHeads / _shape.KvHeads;

    internal DecodeRecord Clone() => new(this);

    /// <summary>Takes the prompt's part of a layer; the marks of its entries are made here.</summary>
    internal void Take(in LayerView prompt, LayerCache stored)
    {
        Prompt = prompt.Length;
        _layers[prompt.Layer] = new(prompt.Scale, prompt.SlidingWindow, prompt.Frequencies, prompt.Output);
        if (prompt.Layer == 0 && _needs.Kinds)
            (_kinds, _kindOf) = ([.. prompt.Kinds!.Value.Span], prompt.KindOf ?? throw new InvalidOperationException("the prompt's kinds came without those of later tokens"));
        _queries[prompt.Layer].Fill(prompt);
        if (_needs.Sums.Count > 0) stored.ReserveMarks(_needs.Sums.Count * Group);
        for (var s = 0; s < _needs.Sums.Count; s++)
        {
            using var scope = NewDisposeScope();
            var numbers = Start?.Invoke(prompt) ?? MemoryMarshal.Cast<byte, float>(WindowAttention.Sum(prompt, prompt.Length, _needs.Sums[s]).contiguous().bytes); // [queryHead, position]
            for (var q = 0; q < _queryHeads; q++)
            {
                var positions = stored.Positions(q / Group);
                var marks = stored.Marks(q / Group, s * Group + q % Group);
                for (var i = 0; i < marks.Length; i++) marks[i] = positions[i] < 0 ? 0 : numbers[q * prompt.Length + positions[i]];
            }
        }
    }

    /// <summary>Adds what a token attended to, and remembers its queries.</summary>
    internal void After(int layer, ReadOnlySpan<float> queries, StepWeights weights, LayerCache cache)
    {
        var position = cache.Positions(0)[^1];
        _queries[layer].Put(position, queries);
        if (weights.IsEmpty) return; // the kernel has added them up
        for (var s = 0; s < _needs.Sums.Count; s++)
            for (var q = 0; q < _queryHeads; q++) Add(new(_needs.Sums[s], Prompt), cache.Positions(q / Group), weights[q], cache.Marks(q / Group, s * Group + q % Group));
    }

    /// <summary>Lets the prompt's last token be taken back, which is then computed again.</summary>
    /// <exception cref="LabException">Others would be.</exception>
    internal void TakeBack(int tokens, int before)
    {
        if (tokens != Prompt - 1 || before != Prompt)
            throw new LabException($"{before - tokens} tokens back from {before}: a cache that drops entries while text is generated has added up their attention, and takes back the last token of its prompt alone; clone it before");
    }

    /// <summary>Counts a token; its kind is known from now on.</summary>
    internal void Finish(int id, RaggedCache cache)
    {
        if (!_needs.Kinds) return;
        if (_kinds.Length < cache.LogicalLength) Array.Resize(ref _kinds, cache.LogicalLength + 256);
        _kinds[cache.LogicalLength - 1] = _kindOf!(id);
    }

    /// <summary>Kind of the token at a position; what stands for dropped entries, at -1, is special.</summary>
    internal TokenKind KindAt(int position) => position < 0 ? TokenKind.Special : _kinds[position];

    /// <summary>A sum of an entry, over the query heads that share it.</summary>
    internal float Sum(LayerCache layer, int head, int sum, int entry)
    {
        var total = 0f;
        for (var g = 0; g < Group; g++) total += layer.Marks(head, sum * Group + g)[entry];
        return total;
    }

    /// <summary>Views of a layer: one of all heads where they hold equally many entries, else one of each. They live as long as the current scope.</summary>
    internal IEnumerable<LayerView> Views(int layer, RaggedCache cache)
    {
        var heads = _shape.KvHeads;
        if (cache[layer].IsUniform) yield return View(layer, cache, 0, heads);
        else
            for (var h = 0; h < heads; h++) yield return View(layer, cache, h, 1);
    }

    private LayerView View(int layer, RaggedCache cache, int first, int heads)
    {
        var stored = cache[layer];
        var (keys, values) = heads == 1 ? (stored.KeysOf(first).unsqueeze(0), stored.ValuesOf(first).unsqueeze(0)) : (stored.Keys(), stored.Values());
        var (scale, window, frequencies, output) = _layers[layer];
        return new(layer, keys.to(ScalarType.Float32), values.to(ScalarType.Float32), _queries[layer].Tensor(cache.LogicalLength, first * Group, heads * Group), scale, window,
            _needs.Sums.Count == 0 ? null : _needs.Sums.Select((sum, s) => (sum, s)).ToDictionary(one => one.sum, one => SumOf(stored, one.s, first, heads)),
            _needs.Kinds ? _kinds.AsMemory(0, cache.LogicalLength) : null)
        {
            Positions = [.. Enumerable.Range(first, heads).Select(h => new ReadOnlyMemory<int>(stored.Positions(h).ToArray()))],
            Tokens = cache.LogicalLength, FirstHead = first, KindOf = _kindOf,
            Frequencies = frequencies, Output = output is null ? null : () => output().narrow(0, first * Group, heads * Group),
        };
    }

    private Tensor SumOf(LayerCache stored, int sum, int first, int heads)
    {
        var count = stored.Counts[first];
        var numbers = new float[heads * Group * count];
        for (var q = 0; q < heads * Group; q++) stored.Marks(first + q / Group, sum * Group + q % Group).CopyTo(numbers.AsSpan(q * count));
        return tensor(numbers).view(heads * Group, count);
    }

    /// <summary>Adds a token's weights to the marks of the entries that its query counts for.</summary>
    private static void Add(StepSum sum, ReadOnlySpan<int> positions, ReadOnlySpan<float> weights, Span<float> marks)
    {
        var (start, end) = sum.Range(positions);
        if (start >= end) return;
        if (sum.Sum.Power == 2) Elementwise.AddSquares(marks[start..end], weights[start..end]);
        else Elementwise.Add(marks[start..end], weights[start..end]);
    }
}

/// <summary>What a layer's views have in common while text is generated: fields of <see cref="LayerView"/>.</summary>
internal readonly record struct LayerConstants(float Scale, int? Window, ReadOnlyMemory<float>? Frequencies, Func<Tensor>? Output);

/// <summary>The last queries of a layer, each with the position it stands at.</summary>
/// <param name="capacity">How many.</param>
/// <param name="queryHeads">Query heads.</param>
/// <param name="dim">Numbers of a query.</param>
internal sealed class QueryRing(int capacity, int queryHeads, int dim)
{
    private readonly float[] _queries = new float[capacity * queryHeads * dim]; // [position % capacity, queryHead, dim]
    private int _end; // position after the last

    internal QueryRing Clone()
    {
        var copy = new QueryRing(capacity, queryHeads, dim) { _end = _end };
        _queries.CopyTo(copy._queries, 0);
        return copy;
    }

    /// <summary>Takes the last queries of a prompt.</summary>
    internal void Fill(in LayerView prompt)
    {
        _end = prompt.Length;
        if (capacity == 0) return;
        var seen = (int)prompt.Queries.shape[1];
        var given = Math.Min(Math.Min(capacity, seen), prompt.Length);
        using var scope = NewDisposeScope();
        var rows = MemoryMarshal.Cast<byte, float>(prompt.Queries.narrow(1, seen - given, given).transpose(0, 1).contiguous().bytes); // [query, queryHead, dim]
        for (var i = 0; i < given; i++) rows.Slice(i * queryHeads * dim, queryHeads * dim).CopyTo(At(prompt.Length - given + i));
    }

    /// <summary>Takes the queries of a token; those of later ones, which were taken back, are forgotten.</summary>
    internal void Put(int position, ReadOnlySpan<float> queries)
    {
        _end = position + 1;
        if (capacity > 0) queries.CopyTo(At(position));
    }

    /// <summary>The last queries of some heads, <c>[queryHead, query, dim]</c>, the latest last.</summary>
    internal Tensor Tensor(int tokens, int first, int heads)
    {
        if (_end != tokens) throw new InvalidOperationException($"the queries end at position {_end}, the text at {tokens}");
        var rows = Math.Min(capacity, tokens);
        var numbers = new float[heads * rows * dim];
        for (var h = 0; h < heads; h++)
            for (var i = 0; i < rows; i++) At(tokens - rows + i).Slice((first + h) * dim, dim).CopyTo(numbers.AsSpan((h * rows + i) * dim));
        return tensor(numbers).view(heads, rows, dim);
    }

    private Span<float> At(int position) => _queries.AsSpan(position % capacity * queryHeads * dim, queryHeads * dim);
}
