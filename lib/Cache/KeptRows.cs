using HeadKvLab.Kernels;
using TorchSharp;

namespace HeadKvLab.Cache;

/// <summary>
/// What a layer is about to store of a prompt: the rows of the kept positions, which may be changed before they are stored, and one entry more for heads that drop
/// some. Rows that nobody asks for are not copied.
/// </summary>
public sealed unsafe class KeptRows
{
    private readonly torch.Tensor _keys, _values; // [kvHead, position, dim], float32, contiguous
    private readonly float[]?[] _keyRows, _valueRows;
    private readonly int[][] _kept;

    /// <summary>Prepares the rows of a layer.</summary>
    /// <param name="layer">The layer's prompt.</param>
    /// <param name="kept">Positions each head keeps, ascending, <c>[head][entry]</c>.</param>
    public KeptRows(in LayerView layer, int[][] kept)
    {
        (_keys, _values, _kept, Dim) = (layer.Keys.contiguous(), layer.Values.contiguous(), kept, (int)layer.Keys.shape[2]);
        (_keyRows, _valueRows) = (new float[kept.Length][], new float[kept.Length][]);
    }

    /// <summary>Heads that own entries.</summary>
    public int Heads => _kept.Length;

    /// <summary>Numbers of a key.</summary>
    public int Dim { get; }

    /// <summary>Positions that a head keeps, ascending.</summary>
    public ReadOnlySpan<int> Positions(int head) => _kept[head];

    /// <summary>Keys of a head's kept positions, <c>[entry, dim]</c>; what is written here is stored.</summary>
    public Span<float> Keys(int head) => _keyRows[head] ??= Copy(_keys, head);

    /// <summary>Values of a head's kept positions, <c>[entry, dim]</c>; what is written here is stored.</summary>
    public Span<float> Values(int head) => _valueRows[head] ??= Copy(_values, head);

    /// <summary>Keys of all positions of the prompt that a head reads, <c>[position, dim]</c>.</summary>
    public ReadOnlySpan<float> PromptKeys(int head) => Prompt(_keys, head);

    /// <summary>Values of all positions of the prompt that a head reads, <c>[position, dim]</c>.</summary>
    public ReadOnlySpan<float> PromptValues(int head) => Prompt(_values, head);

    /// <summary>Stands for what a head drops: one entry more.</summary>
    public void Add(int head, MergedEntry summary) => (Summaries ??= new MergedEntry[Heads])[head] = summary;

    internal MergedEntry[]? Summaries { get; private set; }

    internal ReadOnlySpan<int[]> Kept => _kept;

    /// <summary>The rows of a head where they were asked for; null: those of the prompt.</summary>
    internal (float[]? Keys, float[]? Values) Changed(int head) => (_keyRows[head], _valueRows[head]);

    private ReadOnlySpan<float> Prompt(torch.Tensor rows, int head)
    {
        var numbers = checked((int)rows.shape[1] * Dim);
        var first = (long)(head / (Heads / (int)rows.shape[0])) * numbers;
        return new((float*)TensorMemory.Address(rows) + first, numbers);
    }

    private float[] Copy(torch.Tensor rows, int head)
    {
        var prompt = Prompt(rows, head);
        var copy = new float[_kept[head].Length * Dim];
        for (var entry = 0; entry < _kept[head].Length; entry++) prompt.Slice(_kept[head][entry] * Dim, Dim).CopyTo(copy.AsSpan(entry * Dim));
        return copy;
    }
}
