namespace HeadKvLab.Cache;

/// <summary>
/// The KV cache of a decoder in which every head of every layer keeps its own number of entries.
/// Positions are the true ones of the text: the cache counts the tokens it has seen apart from the entries it stores.
/// </summary>
public sealed partial class RaggedCache : IDisposable
{
    private readonly LayerCache[] _layers; // [layer], a shared layer's root in its place
    private readonly LayerCache[] _stored; // each once
    private LatentAngles? _angles;
    private LatentStore[] _latents = []; // groups of layers whose entries are folded
    private IRecall? _recall;

    /// <summary>Creates an empty cache.</summary>
    /// <param name="shape">Layers, heads, dimension and storage.</param>
    /// <param name="layers">Layers that read others' entries; null: none.</param>
    /// <exception cref="LabException">There are no such layers.</exception>
    public RaggedCache(CacheShape shape, LayerMap? layers = null)
    {
        if (shape.Layers < 1 || shape.KvHeads < 1 || shape.HeadDim < 1)
            throw new LabException($"a cache of {shape.Layers} layers, {shape.KvHeads} heads and dimension {shape.HeadDim} holds nothing: all must be 1 or more");
        _ = shape.Format;
        if (layers is not null && layers.Roots.Count > shape.Layers) throw new LabException($"{layers.Name}: there is no layer {layers.Roots.Count - 1}; the last of {shape.Layers} is layer {shape.Layers - 1}");
        Shape = shape;
        Layers = layers is { Shared: > 0 } ? layers : null;
        _stored = [.. Enumerable.Range(0, shape.Layers).Where(layer => Layers?.IsShared(layer) != true).Select(layer => new LayerCache(this, layer))];
        _layers = Spread();
    }

    private RaggedCache(RaggedCache source)
    {
        Shape = source.Shape;
        LogicalLength = source.LogicalLength;
        Retention = source.Retention?.Clone();
        Format = source.Format;
        _recall = source._recall;
        Layers = source.Layers;
        _stored = new LayerCache[source._stored.Length];
        try
        {
            for (var i = 0; i < _stored.Length; i++) _stored[i] = source._stored[i].CloneFor(this);
        }
        catch
        {
            foreach (var layer in _stored) layer?.Dispose();
            throw;
        }
        _layers = Spread();
        _latents = Array.ConvertAll(source._latents, store => store.Clone());
        foreach (var store in _latents)
            foreach (var layer in Members(store)) layer.Join(store);
    }

    private ReadOnlySpan<LayerCache> Members(LatentStore store) => _layers.AsSpan(store.Group.First, store.Group.Layers);

    private LayerCache[] Spread()
    {
        if (Layers is not { } map) return _stored;
        var roots = map.Stored(Shape.Layers);
        return [.. Enumerable.Range(0, Shape.Layers).Select(layer => _stored[Array.IndexOf(roots, map.Root(layer))])];
    }

    /// <summary>Layers, heads, dimension and storage.</summary>
    public CacheShape Shape { get; }

    /// <summary>Layers that read others' entries, and store none; null: every layer stores its own.</summary>
    public LayerMap? Layers { get; }

    /// <summary>Tokens seen so far: the position of the next token.</summary>
    public int LogicalLength { get; private set; }

    /// <summary>Drops entries again while text is generated; null: nothing more is dropped. Decoding on a CPU asks it after each token.</summary>
    /// <exception cref="InvalidOperationException">Layers are shared: what is added up beside an entry belongs to one layer.</exception>
    public IRetention? Retention { get; set => field = value is null || Layers is null ? value : throw new InvalidOperationException($"{Layers.Name}: entries that several layers read are not dropped while text is generated"); }

    /// <summary>Chooses which entries each token reads while text is generated; null: all. Decoding on a CPU asks it for each token and layer. Setting it forgets what was learned of the entries.</summary>
    /// <exception cref="InvalidOperationException">Layers are shared: what a recall learns and counts belongs to one layer. Or entries are to lie far, and are sealed.</exception>
    public IRecall? Recall
    {
        get => _recall;
        set
        {
            if (value is not null && Layers is not null) throw new InvalidOperationException($"{Layers.Name}: entries that several layers read are not recalled");
            if (value is { Near: > 0 } && Format is { Seals: true }) throw new InvalidOperationException($"{value.Name}: entries lie far in rows, and here they are sealed as {Format.Name}");
            _recall = value;
            for (var layer = 0; layer < _layers.Length; layer++) _layers[layer].Choose(value?.Build(layer, Shape), value?.Near ?? 0);
        }
    }

    /// <summary>Takes the choice of one token and layer after the other.</summary>
    internal RecallChoice Choice => field ??= new();

    /// <summary>The entries that one layer reads: of a shared layer those of its root.</summary>
    public LayerCache this[int layer] => _layers[layer];

    /// <summary>Stored entries of all heads of all layers.</summary>
    public long Entries
    {
        get
        {
            long entries = 0;
            foreach (var layer in _stored) entries += layer.Entries;
            return entries;
        }
    }

    /// <summary>How the entries are stored since <see cref="Seal(EntryFormat, IReadOnlyList{double[]})"/>; null: in rows of the shape's numbers.</summary>
    public EntryFormat? Format { get; private set; }

    /// <summary>Bytes of the stored entries: entries x 2 x dimension x bytes of a number, or those of their blocks, scales and zeros included.</summary>
    public long StoredBytes
    {
        get
        {
            long bytes = 0;
            foreach (var layer in _stored) bytes += layer.StoredBytes;
            return bytes;
        }
    }

    /// <summary>Bytes of the stored entries as papers count them: the bits of their numbers alone, as if every entry were in the format; see <see cref="StoredBytes"/> for what they take.</summary>
    public long NominalBytes => _stored.Sum(layer => layer.NominalBytes);

    /// <summary>Bytes of the tensors that hold them, growth room included, as the tensors tell them.</summary>
    public long ReservedBytes
    {
        get
        {
            long bytes = 0;
            foreach (var layer in _stored) bytes += layer.ReservedBytes;
            return bytes;
        }
    }

    /// <summary>Bytes of the numbers beside the entries, which <see cref="StoredBytes"/> leaves out; 0 where nothing is dropped while text is generated.</summary>
    public long MarkBytes
    {
        get
        {
            long bytes = 0;
            foreach (var layer in _stored) bytes += layer.MarkBytes;
            return bytes;
        }
    }

    /// <summary>Bytes of what the recall remembers of the entries, which <see cref="StoredBytes"/> leaves out; 0 without one, and before the first token asked it.</summary>
    public long RecallBytes
    {
        get
        {
            long bytes = 0;
            foreach (var layer in _stored) bytes += layer.Recall?.Bytes ?? 0;
            return bytes;
        }
    }

    /// <summary>
    /// Bytes that decoded tokens have read of all layers, together, since this cache or copy was made: entries, each once however many query heads read it, and what a recall
    /// read to choose them. Prefills and devices are not counted.
    /// </summary>
    public long TouchedBytes
    {
        get
        {
            long bytes = 0;
            foreach (var layer in _stored) bytes += layer.TouchedBytes;
            return bytes;
        }
    }

    /// <summary>Share of the chosen units that were near, over all layers; see <see cref="NearTier.HitRate"/>. Null without a recall that chooses units, or before a second step.</summary>
    /// <param name="steps">R, one of <see cref="NearTier.Remembered"/>.</param>
    public double? HitRate(int steps)
    {
        long hits = 0, chosen = 0;
        foreach (var layer in _stored)
            if (layer.Recall?.Tier is { } tier) (hits, chosen) = (hits + tier.Hits(steps), chosen + tier.Chosen);
        return chosen == 0 ? null : (double)hits / chosen;
    }

    /// <summary>Bytes of the entries that were fetched into such a near tier, over all layers; see <see cref="NearTier.Fetched"/>. Sealed entries count at the mean of all.</summary>
    /// <param name="steps">R, one of <see cref="NearTier.Remembered"/>.</param>
    public long FetchedBytes(int steps)
    {
        long entries = 0;
        foreach (var layer in _stored) entries += layer.Recall?.Tier?.Fetched(steps) ?? 0;
        return Format is { Seals: true } && Entries > 0 ? entries * StoredBytes / Entries : entries * Shape.EntryBytes;
    }

    /// <summary>Bytes of the stored entries that lie in a far memory: those of layers of which a recall with a near memory chooses.</summary>
    public long FarBytes => _stored.Sum(layer => layer.Near is null ? 0 : layer.StoredBytes);

    /// <summary>Most bytes of entries that the near memories of layers held at once, since this cache or copy was made.</summary>
    public long NearBytes => _stored.Sum(layer => layer.Near?.Peak ?? 0) * Shape.EntryBytes;

    /// <summary>Bytes of entries that were moved from the far memory into the near one since then.</summary>
    public long MovedBytes => _stored.Sum(layer => layer.Near?.Fetched ?? 0) * Shape.EntryBytes;

    /// <summary>Share of the chosen entries that were near, each head's first step left out; null without a far memory, or before a second step.</summary>
    public double? NearShare => _stored.Sum(layer => layer.Near?.Chosen ?? 0) is > 0 and var chosen ? (double)_stored.Sum(layer => layer.Near?.Hits ?? 0) / chosen : null;

    /// <summary>Tokens that have attended in all layers since then.</summary>
    public long AttendedTokens => _layers[^1].AttendedTokens / (Layers is null ? 1 : _layers.Count(layer => layer == _layers[^1]));

    /// <summary>Counts tokens whose entries have been appended to every layer.</summary>
    /// <param name="tokens">How many.</param>
    public void Advance(int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        LogicalLength += tokens;
        foreach (var store in _latents) store.Fold(Members(store));
    }

    /// <summary>Makes room for <paramref name="tokens"/> more tokens in every head, so that appending them moves nothing.</summary>
    public void Reserve(int tokens)
    {
        foreach (var layer in _stored) layer.Reserve(tokens);
    }

    /// <summary>A copy that shares nothing: one prefill serves many questions.</summary>
    public RaggedCache Clone() => new(this);

    /// <summary>
    /// Takes tokens back: their entries leave every head that kept them, and the next token stands at position <paramref name="tokens"/> again.
    /// So the first-token rule <c>recompute-last</c> computes the last prompt token again on the compressed cache, and a step or a prefill that failed halfway
    /// leaves no entries behind. What stands for dropped entries stays as it is.
    /// </summary>
    /// <param name="tokens">Tokens of the text that stay, at most those seen.</param>
    /// <exception cref="LabException">A token is sealed. Or entries are dropped while text is generated, and more than the prompt's last token is taken back: sums of attention cannot be.</exception>
    public void Truncate(int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens, LogicalLength);
        foreach (var layer in _stored)
            if (!layer.CanTruncate(tokens)) throw new LabException($"{LogicalLength - tokens} tokens are taken back, and some of them are sealed as {Format!.Name}: entries are sealed for good; let more of them stay bfloat16 (recent=N)");
        if (tokens < LogicalLength) Retention?.TakeBack(tokens, LogicalLength);
        foreach (var layer in _stored) layer.Truncate(tokens);
        LogicalLength = tokens;
    }

    /// <summary>Gives back the memory of room and of entries that are gone; see <see cref="LayerCache.Retain(int, ReadOnlySpan{int})"/>.</summary>
    public void Trim()
    {
        foreach (var layer in _stored) layer.Trim();
    }

    /// <summary>Releases all tensors; afterwards the entries cannot be used, and trying is an <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose()
    {
        foreach (var layer in _stored) layer.Dispose();
    }
}
