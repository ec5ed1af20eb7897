using HeadKvLab.Cache;
using HeadKvLab.Kernels;

namespace HeadKvLab.Models;

/// <summary>
/// Decodes one token of one sequence, or of a few sequences together, over the decoder's weights in memory: no tensor is created and nothing is
/// allocated per token. The same arithmetic as <see cref="Decoder"/>, sums in float32; their order differs, so results agree to
/// about 1e-5. The sequences of a batch share each reading of the weights. One object decodes on one thread at a time, and its logits are overwritten by
/// its next token; <see cref="Session"/> gives others over the same weights, which know nothing of each other.
/// </summary>
public sealed class DecodeStep : IDisposable
{
    private readonly Decoder decoder;
    private readonly ModelConfig config;
    private readonly DecodeWeights weights;
    private readonly bool ownsWeights;
    private readonly float[] x, normed, queries, keys, values, mixed, delta, gate, up, logits;  // [batch, ...]
    private readonly float[] cosines, sines;                                                    // [batch, pair]
    private readonly Dictionary<int, float[]> inputs = [];                                      // of layers that others project, [batch, hidden]
    private float[] weightsOfEntries = [];                                                      // of one sequence and layer, where somebody wants them

    /// <summary>Prepares weights and buffers.</summary>
    /// <param name="decoder">The model; float32, bfloat16 and float16 weights are read as they are.</param>
    /// <param name="precision">What to multiply with.</param>
    /// <param name="batch">Most sequences decoded together.</param>
    /// <exception cref="LabException">The batch is below 1.</exception>
    public DecodeStep(Decoder decoder, DecodePrecision precision = DecodePrecision.Lossless, int batch = 1)
        : this(decoder, batch < 1 ? throw new LabException($"--batch {batch}: give at least 1 sequence") : new DecodeWeights(decoder, precision), batch) => ownsWeights = true;

    private DecodeStep(Decoder decoder, DecodeWeights weights, int batch)
    {
        (this.decoder, this.weights, config, Batch) = (decoder, weights, decoder.Config, batch);
        var heads = batch * config.HeadDim;
        (x, normed, delta) = (new float[batch * config.HiddenSize], new float[batch * config.HiddenSize], new float[batch * config.HiddenSize]);
        (queries, mixed) = (new float[heads * config.QueryHeads], new float[heads * config.QueryHeads]);
        (keys, values) = (new float[heads * config.KvHeads], new float[heads * config.KvHeads]);
        (gate, up) = (new float[batch * config.IntermediateSize], new float[batch * config.IntermediateSize]);
        logits = new float[batch * config.VocabSize];
        (cosines, sines) = (new float[batch * decoder.Rotary.Pairs], new float[batch * decoder.Rotary.Pairs]);
        foreach (var (layer, input) in config.KvInputs.Index())
            if (input < layer) inputs.TryAdd(input, new float[batch * config.HiddenSize]);
    }

    /// <summary>Most sequences decoded together.</summary>
    public int Batch { get; }

    /// <summary>Sees each layer after it attended; null: nobody looks.</summary>
    public IStepObserver? Observer { get; init; }

    /// <summary>A step over the same weights, which stay this one's, with buffers of its own: for another sequence, another thread, or to look on.</summary>
    /// <param name="observer">Sees its queries; null: nobody looks.</param>
    public DecodeStep Session(IStepObserver? observer = null) => new(decoder, weights, Batch) { Observer = observer };

    /// <summary>Frees the weights that it made: its sessions end with it. The decoder stays.</summary>
    public void Dispose()
    {
        if (ownsWeights) weights.Dispose();
    }

    /// <summary>Factor of the attention logits.</summary>
    public float Scale => config.AttentionScale;

    /// <summary>Longest context, tokens.</summary>
    public int MaxPositions => config.MaxPositions;

    /// <summary>Bytes of weights that one step reads, whatever the batch; the cache's bytes come on top.</summary>
    public long WeightBytes => weights.Bytes;

    /// <summary>Appends one token to the cache and gives the logits of the next.</summary>
    /// <param name="id">Token id; its position is the cache's logical length.</param>
    /// <param name="cache">Any cache of this model, compressed or full.</param>
    /// <returns>Logits <c>[vocabulary]</c>; the memory is reused by the next call.</returns>
    /// <exception cref="LabException">The id is outside the vocabulary, or the context is used up.</exception>
    public ReadOnlySpan<float> Run(int id, RaggedCache cache)
    {
        ReadOnlySpan<int> ids = [id];
        return Run(ids, new ReadOnlySpan<RaggedCache>(in cache));
    }

    /// <summary>Appends one token to each of several caches; the sequences may be of any lengths and compressed in any way.</summary>
    /// <param name="ids">One token for each sequence.</param>
    /// <param name="caches">As many caches, all different.</param>
    /// <returns>Logits <c>[sequence, vocabulary]</c>, flat; the memory is reused by the next call.</returns>
    /// <exception cref="LabException">An id is outside the vocabulary, or a context is used up.</exception>
    /// <exception cref="ObjectDisposedException">The weights were freed.</exception>
    /// <exception cref="ArgumentException">There are not as many ids as caches, or more than <see cref="Batch"/>.</exception>
    public ReadOnlySpan<float> Run(scoped ReadOnlySpan<int> ids, scoped ReadOnlySpan<RaggedCache> caches)
    {
        var n = ids.Length;
        ObjectDisposedException.ThrowIf(weights.Disposed, this);
        if (n == 0 || n != caches.Length || n > Batch) throw new ArgumentException($"{n} tokens for {caches.Length} caches: this step takes 1 to {Batch} of each", nameof(ids));
        for (var b = 0; b < n; b++)
        {
            PromptChecks.Check(config, ids.Slice(b, 1), caches[b].LogicalLength, ScorerNeeds.None);
            if (caches[b].Layers is { } map) PromptChecks.Check(config, map);
            decoder.Rotary.At(caches[b].LogicalLength, Part(cosines, b), Part(sines, b));
            weights.Embedding.Row(ids[b], Part(x, b));
        }
        try
        {
            for (var l = 0; l < weights.Layers.Length; l++) RunLayer(l, weights.Layers[l], caches);
        }
        catch
        {
            foreach (var cache in caches) cache.Truncate(cache.LogicalLength); // as they were before the token
            throw;
        }
        foreach (var cache in caches) cache.Advance(1);
        for (var b = 0; b < n; b++) caches[b].Retention?.Finish(ids[b], caches[b]);
        Normalise(x, weights.FinalNorm, normed, n);
        MatrixVector.Multiply(weights.Unembedding, Of(normed, n), Of(logits, n), n);
        GC.KeepAlive(this);
        return Of(logits, n);
    }

    private void RunLayer(int layer, DecodeWeights.Layer w, ReadOnlySpan<RaggedCache> caches)
    {
        var n = caches.Length;
        Normalise(x, w.InputNorm, normed, n);
        Attend(layer, w, caches);
        Elementwise.Add(Of(x, n), Of(delta, n));
        Normalise(x, w.PostNorm, normed, n);
        FeedForward(w, n);
        Elementwise.Add(Of(x, n), Of(delta, n));
    }

    private void Attend(int layer, DecodeWeights.Layer w, ReadOnlySpan<RaggedCache> caches)
    {
        var n = caches.Length;
        if (inputs.TryGetValue(layer, out var kept)) Of(normed, n).CopyTo(kept);
        if (config.KvInputOf(layer) is var input && input != layer)
        {
            MatrixVector.Multiply(w.Query, Of(normed, n), Of(queries, n), n);
            MatrixVector.Multiply(w.Key, Of(inputs[input], n), Of(keys, n), n);
            MatrixVector.Multiply(w.Value, Of(inputs[input], n), Of(values, n), n);
        }
        else if (AnyStores(layer, caches)) MatrixVector.Multiply(Of(normed, n), n, w.Query, Of(queries, n), w.Key, Of(keys, n), w.Value, Of(values, n));
        else MatrixVector.Multiply(w.Query, Of(normed, n), Of(queries, n), n);
        for (var b = 0; b < n; b++)
        {
            Heads(Part(queries, b), w.QueryNorm, b);
            var cache = caches[b][layer];
            if (Stores(layer, caches[b]))
            {
                Heads(Part(keys, b), w.KeyNorm, b);
                cache.Append(Part(keys, b), Part(values, b));
            }
            var retention = caches[b].Retention;
            var wanted = Observer is { WantsWeights: true } || retention is { WantsWeights: true } ? RoomFor(cache.WeightsOf(config.QueryHeads)) : [];
            var sum = Observer is { WantsWeights: true } ? null : retention?.Sum;
            cache.Attend(Part(queries, b), Part(mixed, b), Scale, config.WindowOf(layer), wanted, sum);
            if (Observer is null && retention is null) continue;
            var seen = new StepWeights(sum is null ? wanted : [], cache.Counts, config.QueryHeads / cache.Counts.Length);
            Observer?.After(layer, Part(queries, b), seen, cache);
            retention?.After(layer, Part(queries, b), seen, cache);
        }
        MatrixVector.Multiply(w.Output, Of(mixed, n), Of(delta, n), n);
    }

    private static bool AnyStores(int layer, ReadOnlySpan<RaggedCache> caches)
    {
        foreach (var cache in caches)
            if (Stores(layer, cache)) return true;
        return false;
    }

    private static bool Stores(int layer, RaggedCache cache) => cache.Layers is null || !cache.Layers.IsShared(layer);

    private Span<float> RoomFor(int numbers)
    {
        if (weightsOfEntries.Length < numbers) weightsOfEntries = new float[numbers + numbers / 4];
        return weightsOfEntries.AsSpan(0, numbers);
    }

    private void FeedForward(DecodeWeights.Layer w, int n)
    {
        MatrixVector.Multiply(Of(normed, n), n, w.Gate, Of(gate, n), w.Up, Of(up, n));
        Elementwise.SwiGlu(Of(gate, n), Of(up, n));
        MatrixVector.Multiply(w.Down, Of(gate, n), Of(delta, n), n);
    }

    /// <summary>Normalises (Qwen3) and rotates each head of one sequence.</summary>
    private void Heads(Span<float> heads, float[]? gains, int sequence)
    {
        for (var start = 0; start < heads.Length; start += config.HeadDim)
        {
            var head = heads.Slice(start, config.HeadDim);
            if (gains is not null) Elementwise.Normalise(head, gains, (float)config.NormEpsilon, head);
            Elementwise.Rotate(head, Part(cosines, sequence), Part(sines, sequence));
        }
    }

    private void Normalise(float[] input, float[] gains, float[] output, int n)
    {
        for (var b = 0; b < n; b++) Elementwise.Normalise(Part(input, b), gains, (float)config.NormEpsilon, Part(output, b));
    }

    /// <summary>What belongs to one sequence.</summary>
    private Span<float> Part(float[] buffer, int sequence) => buffer.AsSpan(sequence * (buffer.Length / Batch), buffer.Length / Batch);

    /// <summary>What belongs to the first n sequences.</summary>
    private Span<float> Of(float[] buffer, int n) => buffer.AsSpan(0, n * (buffer.Length / Batch));
}
