using System.Globalization;

namespace HeadKvLab.Cache;

/// <summary>
/// Which layers store no keys and values of their own: their queries read those of an earlier layer, their root. Written <c>share(5&gt;1,4&gt;0)</c>: layer 5 reads layer 1,
/// layer 4 layer 0. Roots keep their rotation, since the positions are the same. A cache of L layers of which s are shared takes (L - s) / L of the bytes.
/// </summary>
public sealed record LayerMap
{
    /// <summary>What a policy writes for the map that was searched for on the model.</summary>
    public const string Measured = "share";

    private const int Most = 1 << 16; // more layers than models have

    /// <summary>Creates a map.</summary>
    /// <param name="roots">The layer that each layer reads, <c>[layer]</c>: itself, or an earlier one that reads itself. Layers behind the list read themselves.</param>
    /// <exception cref="LabException">A layer reads a later one, or one that is shared itself.</exception>
    public LayerMap(params IReadOnlyList<int> roots)
    {
        for (var layer = 0; layer < roots.Count; layer++)
        {
            var root = roots[layer];
            if (root < 0 || root > layer) throw new LabException($"layer map: layer {layer} reads layer {root}: a layer reads itself or an earlier one; write the later layer first, as in share(5>1)");
            if (roots[root] != root) throw new LabException($"layer map: layer {layer} reads layer {root}, which reads layer {roots[root]}: name the layer that stores, {layer}>{roots[root]}");
        }
        var last = roots.Count;
        while (last > 0 && roots[last - 1] == last - 1) last--;
        Roots = [.. roots.Take(last)];
    }

    /// <summary>The layer that each layer reads, up to the last that is shared.</summary>
    public IReadOnlyList<int> Roots { get; }

    /// <summary>Layers that are shared; 0: the map changes nothing.</summary>
    public int Shared => Roots.Where((root, layer) => root != layer).Count();

    /// <summary>How policies write it: <c>share(5&gt;1,4&gt;0)</c>, the last layer first.</summary>
    public string Name => $"share({string.Join(',', Enumerable.Range(0, Roots.Count).Reverse().Where(IsShared).Select(layer => string.Create(CultureInfo.InvariantCulture, $"{layer}>{Roots[layer]}")))})";

    /// <summary>The map of a text such as <c>share(5&gt;1,4&gt;0)</c>, whatever the case of its letters.</summary>
    /// <param name="text">The text.</param>
    /// <exception cref="LabException">It is no map, or a wrong one.</exception>
    public static LayerMap Parse(string text)
    {
        var plain = string.Concat(text.Where(c => !char.IsWhiteSpace(c))).ToLowerInvariant();
        if (!plain.StartsWith("share(", StringComparison.Ordinal) || !plain.EndsWith(')')) throw Odd(text, "");
        var shared = new SortedDictionary<int, int>();
        foreach (var pair in plain[6..^1].Split(','))
        {
            if (pair.Split('>') is not [var left, var right] || !int.TryParse(left, NumberStyles.None, CultureInfo.InvariantCulture, out var layer) || !int.TryParse(right, NumberStyles.None, CultureInfo.InvariantCulture, out var root) || layer >= Most)
                throw Odd(text, $"'{pair}' is no pair of layers; ");
            if (layer == root) throw Odd(text, $"'{pair}' shares nothing; ");
            if (!shared.TryAdd(layer, root)) throw Odd(text, $"layer {layer} is named twice; ");
        }
        return new([.. Enumerable.Range(0, shared.Keys.Last() + 1).Select(layer => shared.GetValueOrDefault(layer, layer))]);
    }

    /// <summary>The layer whose entries a layer reads.</summary>
    public int Root(int layer) => layer < Roots.Count ? Roots[layer] : layer;

    /// <summary>Whether a layer stores nothing of its own.</summary>
    public bool IsShared(int layer) => Root(layer) != layer;

    /// <summary>The layers that store, ascending.</summary>
    /// <param name="layers">Layers of the model.</param>
    public int[] Stored(int layers) => [.. Enumerable.Range(0, layers).Where(layer => !IsShared(layer))];

    /// <summary>This map with one more shared layer; layers that read it read its root instead.</summary>
    /// <param name="layer">The layer, which is not shared yet.</param>
    /// <param name="target">An earlier layer, shared or not: its root is read.</param>
    public LayerMap With(int layer, int target)
    {
        var root = Root(target);
        return new([.. Enumerable.Range(0, Math.Max(Roots.Count, layer + 1)).Select(l => l == layer || Root(l) == layer ? root : Root(l))]);
    }

    /// <summary>Whether both share the same layers.</summary>
    public bool Equals(LayerMap? other) => other is not null && Roots.SequenceEqual(other.Roots);

    /// <inheritdoc/>
    public override int GetHashCode() => Roots.Aggregate(0, HashCode.Combine);

    /// <inheritdoc/>
    public override string ToString() => Name;

    private static LabException Odd(string text, string why) => new($"layer map '{text}': {why}write share(LAYER>ROOT,...), as in share(5>1,4>0): layer 5 reads the entries of layer 1, layer 4 those of layer 0; or {Measured} alone for the map that was searched for on the model");
}
