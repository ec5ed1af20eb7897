using HeadKvLab.Kernels;

namespace HeadKvLab.Cache;

/// <summary>Cosines and sines by which RoPE turns keys, for blocks of 64 positions: a part of the model, computed once for all copies of a cache.</summary>
/// <param name="frequencies">Radians per position of each pair, <c>[dim / 2]</c>.</param>
internal sealed class LatentAngles(ReadOnlyMemory<float> frequencies)
{
    private readonly Lock _growing = new();
    private readonly List<(float[] Cosines, float[] Sines)> _blocks = [];

    /// <summary>Those of positions 64 b to 64 b + 63, each <c>[dim / 2, entry]</c>.</summary>
    /// <param name="block">b.</param>
    internal (float[] Cosines, float[] Sines) Of(int block)
    {
        lock (_growing)
        {
            while (_blocks.Count <= block) _blocks.Add(Make(_blocks.Count));
            return _blocks[block];
        }
    }

    /// <summary>Turns heads, <c>[head, dim]</c>, from a position back to 0.</summary>
    internal void TurnBack(int position, Span<float> heads)
    {
        var half = frequencies.Length;
        Span<float> cosines = stackalloc float[half], sines = stackalloc float[half];
        for (var i = 0; i < half; i++)
        {
            (sines[i], cosines[i]) = MathF.SinCos(position * frequencies.Span[i]);
            sines[i] = -sines[i];
        }
        for (var head = 0; head < heads.Length; head += 2 * half) Elementwise.Rotate(heads.Slice(head, 2 * half), cosines, sines);
    }

    private (float[], float[]) Make(int block)
    {
        const int entries = LatentBlock.Entries;
        var (cosines, sines) = (new float[frequencies.Length * entries], new float[frequencies.Length * entries]);
        for (var i = 0; i < cosines.Length; i++) (sines[i], cosines[i]) = MathF.SinCos((block * entries + i % entries) * frequencies.Span[i / entries]);
        return (cosines, sines);
    }
}
