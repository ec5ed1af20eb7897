namespace HeadKvLab.Cache;

/// <content>Entries in fewer bits, fewer channels, or latent vectors.</content>
public sealed partial class RaggedCache
{
    /// <summary>
    /// Seals the entries of a prompt, once it is read: each head's but the latest. From then on entries are appended, read and copied as before; they can be taken back only
    /// as far as they are not sealed, and not be dropped.
    /// </summary>
    /// <param name="format">How they are stored.</param>
    /// <param name="queries">Mean squares of the prompt's last queries by which sealed keys lack channels, of each layer that stores, <c>[layer][kvHead * dim]</c>; null: they have all.</param>
    /// <exception cref="ModelOverflow">A key or a value is infinite or no number.</exception>
    /// <exception cref="InvalidOperationException">The cache does not hold bfloat16, is sealed already, has a retention or a near memory, or mean squares are wanted and not given.</exception>
    public void Seal(EntryFormat format, IReadOnlyList<double[]>? queries = null)
    {
        if (format.Rank > 0) throw new InvalidOperationException($"{format.Name}: layers are folded as a prompt is read, not behind it");
        Begin(format);
        for (var i = 0; i < _stored.Length; i++) _stored[i].SealAll(format, queries?[i]);
    }

    /// <summary>Seals one layer of a prompt while others are still to come, so that only one is ever whole.</summary>
    /// <param name="format">How they are stored.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="queries">Mean squares of the prompt's last queries, where sealed keys lack channels.</param>
    /// <param name="frequencies">Radians per position of each pair that RoPE turns; latent vectors need them.</param>
    internal void Seal(EntryFormat format, int layer, double[]? queries, ReadOnlyMemory<float>? frequencies = null)
    {
        if (Format is null) Begin(format);
        if (format.Latents?.Of(layer) is { } group) Fold(format, group, layer, frequencies);
        else _layers[layer].SealAll(format, queries);
    }

    /// <summary>Folds a group of layers once the last of them has arrived.</summary>
    private void Fold(EntryFormat format, LatentGroup group, int layer, ReadOnlyMemory<float>? frequencies)
    {
        if (layer != group.First + group.Layers - 1) return;
        _angles ??= new(frequencies ?? throw new InvalidOperationException("latent vectors have no position, and the prompt came without RoPE's frequencies"));
        var store = new LatentStore(group, format, Shape.Format, _angles);
        foreach (var member in Members(store)) member.Join(store);
        store.Fold(Members(store));
        foreach (var member in Members(store)) member.Trim();
        _latents = [.. _latents, store];
    }

    private void Begin(EntryFormat format)
    {
        if (format.Rank == 0 && Shape.Storage != TorchSharp.torch.ScalarType.BFloat16) throw new InvalidOperationException($"entries are sealed from a cache of bfloat16; this one holds {Shape.Storage}");
        if (Retention is not null) throw new InvalidOperationException("a cache is sealed before entries are dropped while text is generated");
        if (format.Rank > 0 && Recall is not null) throw new InvalidOperationException($"{Recall.Name}: a recall looks at stored keys, and latent vectors hold none");
        if (Recall is { Near: > 0 }) throw new InvalidOperationException($"{Recall.Name}: entries lie far in rows, and are not sealed");
        if (Format is not null) throw new InvalidOperationException($"the cache is sealed already, as {Format.Name}");
        Format = format;
    }
}
