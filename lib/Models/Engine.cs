using HeadKvLab.Cache;
using HeadKvLab.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Models;

/// <summary>
/// Runs a model where its weights lie: on a CPU tokens are decoded by <see cref="DecodeStep"/>, elsewhere by <see cref="TensorDecodeStep"/>. Prompts are
/// stored and compressed in main memory either way, a layer at a time. Its sessions are independent of each other.
/// </summary>
public sealed class Engine : IDisposable
{
    private readonly Decoder _decoder;
    private readonly DecodeStep? _step;
    private readonly TensorDecodeStep? _byTensors;

    /// <summary>Prepares to run a model.</summary>
    /// <param name="decoder">The model.</param>
    /// <param name="precision">What decoding multiplies with; 8-bit integers on a CPU only.</param>
    /// <exception cref="LabException">Its weights are not on a CPU, and 8-bit integers were asked for.</exception>
    public Engine(Decoder decoder, DecodePrecision precision = DecodePrecision.Lossless)
        : this(decoder, byTensors: decoder.Model.embed_tokens.weight.device_type != TorchSharp.DeviceType.CPU, precision)
    {
    }

    internal Engine(Decoder decoder, bool byTensors, DecodePrecision precision = DecodePrecision.Lossless)
    {
        _decoder = decoder;
        if (!byTensors) _step = new DecodeStep(decoder, precision);
        else if (precision == DecodePrecision.Int8) throw new LabException("8-bit weights are decoded on the CPU only: leave --decode-weights out, or --device");
        else _byTensors = new TensorDecodeStep(decoder);
    }

    /// <summary>Whether everything runs on the CPU.</summary>
    public bool OnCpu => _step is not null;

    /// <summary>The step that decodes on a CPU.</summary>
    /// <exception cref="LabException">The weights are elsewhere.</exception>
    public DecodeStep Step => _step ?? throw new LabException("this works on the CPU only: load the model without a device (leave --device out)");

    /// <summary>Tells scorers that ask for them the kinds of a prompt's tokens; null: this model has no tokenizer.</summary>
    public Lazy<TokenKinds>? Kinds { get; init; }

    /// <summary>Tokens of a text that the model can see, prompt and answer together.</summary>
    public int MaxPositions => _decoder.Config.MaxPositions;

    /// <summary>Bytes of weights that decoding one token reads.</summary>
    public long WeightBytes => _step is { } step ? step.WeightBytes
        : _decoder.Model.layers.SelectMany(layer => layer.parameters()).Append(_decoder.Unembedding).Where(w => w.ndim == 2).Sum(w => w.NumberOfElements * w.ElementSize);

    /// <summary>Type of the cached numbers as decoding reads them.</summary>
    /// <param name="storage">Type in which the cache was made.</param>
    public ScalarType CacheType(ScalarType storage) => OnCpu ? storage : _decoder.Compute ?? ScalarType.Float32;

    /// <summary>Reads a prompt.</summary>
    /// <param name="ids">Its tokens.</param>
    /// <param name="full">Receives all entries; null: nothing is stored. Some it may hold already: the prompt goes on from them.</param>
    /// <param name="sink">Receives the layers, in main memory; null: nobody looks.</param>
    /// <returns>Logits <c>[vocabulary]</c> after the last token.</returns>
    /// <exception cref="LabException">The prompt is empty, too long, or holds ids outside the vocabulary; or the sink asks for kinds of tokens, and there is no tokenizer, or for a second reading, and the model is not on a CPU.</exception>
    public float[] Prefill(ReadOnlySpan<int> ids, RaggedCache? full = null, IPromptSink? sink = null)
    {
        using var scope = NewDisposeScope();
        if (sink is { Needs.Kinds: true } and not KindsSink)
            sink = KindsSink.Of(sink, ids, (Kinds ?? throw new LabException("prompt: the method looks at kinds of tokens, and this model runs without a tokenizer: load a model folder (LanguageModel.Load)")).Value);
        if (!OnCpu && sink is { Needs.Replays.Count: > 0 }) throw new LabException("prompt: the method reads it a second time, which the lab does on the CPU: leave --device out, or choose another method");
        return _decoder.Prefill(ids, full, OnCpu || sink is null ? sink : new HostSink(sink)).cpu().data<float>().ToArray();
    }

    /// <summary>Goes on from a cache.</summary>
    /// <param name="cache">A prompt, compressed or not. On a CPU new entries are appended to it, elsewhere to a copy on the device.</param>
    /// <param name="room">Tokens that may follow.</param>
    /// <param name="observer">Sees the attention of each token, on a CPU only; null: nobody looks.</param>
    /// <exception cref="LabException">The weights are not on a CPU, and there is an observer, or the cache seals entries, drops them or chooses among them while text is generated, or its layers share them.</exception>
    public DecodeSession Continue(RaggedCache cache, int room, IStepObserver? observer = null) => observer is not null || cache.Retention is not null || cache.Recall is not null || cache.Format is not null || cache.Layers is not null || _step is not null
        ? OnHost(Step.Session(observer), cache)
        : OnDevice(new GroupedCache(cache, _byTensors!.Device, CacheType(cache.Shape.Storage), Math.Max(1, room)));

    /// <summary>Frees what was made for decoding; the decoder stays.</summary>
    public void Dispose() => _step?.Dispose();

    private static DecodeSession OnHost(DecodeStep session, RaggedCache cache) => new(id => session.Run(id, cache), null);

    private DecodeSession OnDevice(GroupedCache cache) => new(id => _byTensors!.Run(id, cache), cache);
}

/// <summary>Shows a sink the kinds of a prompt's tokens.</summary>
/// <param name="inner">Receives the layers.</param>
/// <param name="kinds">Kinds of all tokens of the prompt, <c>[position]</c>.</param>
/// <param name="later">Kind of a token that is generated later.</param>
internal sealed class KindsSink(IPromptSink inner, ReadOnlyMemory<TokenKind> kinds, Func<int, TokenKind> later) : IPromptSink
{
    /// <summary>Shows a sink the kinds of a prompt.</summary>
    internal static KindsSink Of(IPromptSink sink, ReadOnlySpan<int> ids, TokenKinds kinds) => new(sink, kinds.Of(ids), id => kinds.Of([id])[0]);

    /// <summary>For prompts of made-up tokens, which have no kinds: all are ordinary. The sink itself where it does not ask.</summary>
    internal static IPromptSink ForMadeUp(IPromptSink sink, int tokens) => sink.Needs.Kinds ? new KindsSink(sink, new TokenKind[tokens], _ => TokenKind.Ordinary) : sink;

    /// <inheritdoc/>
    public ScorerNeeds Needs => inner.Needs;

    /// <inheritdoc/>
    public LayerMap? Layers => inner.Layers;

    /// <inheritdoc/>
    public void Accept(in LayerView layer) => inner.Accept(layer with { Kinds = kinds, KindOf = later });

    /// <inheritdoc/>
    public void AcceptReplayed(in LayerView layer) => inner.AcceptReplayed(layer with { Kinds = kinds, KindOf = later });

    /// <inheritdoc/>
    public void Attended(int layer, Tensor before, Tensor after) => inner.Attended(layer, before, after);
}

/// <summary>Tokens that follow a prompt, run one at a time.</summary>
public sealed class DecodeSession : IDisposable
{
    private readonly GroupedCache? _owned;

    internal DecodeSession(TokenStep run, GroupedCache? owned) => (Run, _owned) = (run, owned);

    /// <summary>Bytes of the tensors that hold the entries on a device, padding and room included; null where the cache itself is read.</summary>
    public long? ReservedBytes => _owned?.ReservedBytes;

    /// <summary>Runs a token and gives the logits <c>[vocabulary]</c> of the next; their memory is reused by the next call, and by no other session.</summary>
    public TokenStep Run { get; }

    /// <summary>Frees what lies on a device; the cache it began with stays.</summary>
    public void Dispose() => _owned?.Dispose();
}
