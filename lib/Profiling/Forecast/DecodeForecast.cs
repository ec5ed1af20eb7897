using HeadKvLab.Models;

namespace HeadKvLab.Profiling.Forecast;

/// <summary>What a forecast assumes of machine and storage.</summary>
/// <param name="Bandwidth">Bytes per second that decoding streams from memory: the measured rate, not the data sheet's.</param>
public sealed record Machine(double Bandwidth)
{
    /// <summary>Bytes per second.</summary>
    public double Bandwidth { get; } = Bandwidth > 0 && double.IsFinite(Bandwidth) ? Bandwidth
        : throw new LabException(FormattableString.Invariant($"--bandwidth {Bandwidth / 1e9}: give the memory's GB/s, above 0; `lab doctor` measures this machine's"));

    /// <summary>Bytes of a stored weight: 4 float32, 2 bfloat16 or float16, 1 int8.</summary>
    public int WeightBytes { get; init; } = 2;

    /// <summary>Bytes of a stored number of the cache.</summary>
    public int CacheBytes { get; init; } = 2;

    /// <summary>Sequences decoded together; each has its own cache, all share the weights.</summary>
    public int Batch { get; init; } = 1;
}

/// <summary>
/// Memory and decode time of a model at one context length, with the full cache and with <see cref="KvSize"/> entries per KV head. Decoding
/// one token reads every weight once and every cached entry once, so time = bytes / bandwidth: the roofline's memory slope
/// (Williams et al. 2009), which holds where arithmetic is not the limit, that is at small batches. A head that slides
/// (Mistral v0.1) never holds more than its window.
/// </summary>
public sealed record DecodeForecast
{
    private readonly ModelConfig _config;
    private readonly Machine _machine;

    /// <summary>Forecasts one case.</summary>
    /// <param name="config">The model.</param>
    /// <param name="machine">Bandwidth, storage, batch.</param>
    /// <param name="context">Tokens in the context, N.</param>
    /// <param name="kvSize">Entries per KV head of the compressed cache on average, B; not above the context.</param>
    /// <exception cref="LabException">A size is below 1.</exception>
    public DecodeForecast(ModelConfig config, Machine machine, long context, long kvSize)
    {
        if (context < 1) throw new LabException($"--context {context}: give at least 1 token");
        if (kvSize < 1) throw new LabException($"--kv-size {kvSize}: give at least 1 entry per KV head");
        if (machine.Batch < 1) throw new LabException($"--batch {machine.Batch}: give at least 1 sequence");
        (_config, _machine, Context, KvSize) = (config, machine, context, Math.Min(kvSize, context));
    }

    /// <summary>Tokens in the context.</summary>
    public long Context { get; }

    /// <summary>Entries per KV head after compression; all of them where the context is shorter.</summary>
    public long KvSize { get; }

    /// <summary>Bytes of all weights.</summary>
    public long WeightBytes => ModelTensors.ParameterCount(_config) * _machine.WeightBytes;

    /// <summary>Weight bytes that one decoding step reads: all but the embedding table, of which it needs one row; a tied table is read as the output matrix.</summary>
    public long WeightBytesRead => WeightBytes - (_config.TieEmbeddings ? 0 : (long)_config.VocabSize * _config.HiddenSize * _machine.WeightBytes);

    /// <summary>Bytes of the full cache, all sequences of the batch.</summary>
    public long FullBytes => CacheBytes(Context);

    /// <summary>Bytes of the compressed cache.</summary>
    public long CompressedBytes => CacheBytes(KvSize);

    /// <summary>Keys and values of one layer before eviction: what prefill needs beside the compressed cache.</summary>
    public long LayerBytes => _machine.Batch * Context * _config.KvBytesPerToken(_machine.CacheBytes) / _config.Layers;

    /// <summary>Seconds per decoding step with the full cache.</summary>
    public double FullSeconds => (WeightBytesRead + FullBytes) / _machine.Bandwidth;

    /// <summary>Seconds per decoding step with the compressed cache.</summary>
    public double CompressedSeconds => (WeightBytesRead + CompressedBytes) / _machine.Bandwidth;

    /// <summary>Full time over compressed time: the most that compression can gain.</summary>
    public double SpeedUp => FullSeconds / CompressedSeconds;

    /// <summary>The shortest context from which compression to this size speeds decoding up by <paramref name="ratio"/>, or null where no context does (every layer slides).</summary>
    /// <param name="ratio">For example 1.1: ten per cent faster.</param>
    public long? PaysFrom(double ratio)
    {
        var wanted = ratio * (WeightBytesRead + CompressedBytes);
        bool Reached(long context) => WeightBytesRead + CacheBytes(context) >= wanted;
        long high = KvSize;
        while (!Reached(high))
            if ((high *= 2) > 1L << 40) return null;
        for (var low = 0L; high - low > 1;)
        {
            var middle = low + (high - low) / 2;
            if (Reached(middle)) high = middle; else low = middle;
        }
        return high;
    }

    /// <summary>
    /// The longest context that fits beside the weights. Prefill layer by layer needs beside the compressed cache one whole layer of keys and values
    /// and the hidden state of every prompt token, which the layer reads and the next one will read; with the full cache a prompt can be read in
    /// pieces, of which neither is kept. Other activations are left out: pieces make them small.
    /// </summary>
    /// <param name="memory">Bytes of the device.</param>
    /// <param name="compressed">With the compressed cache, else the full one.</param>
    public long LongestContext(double memory, bool compressed)
    {
        var perToken = _machine.Batch * (_config.KvBytesPerToken(_machine.CacheBytes) / _config.Layers + (long)_config.HiddenSize * _machine.CacheBytes);
        bool Fits(long context) => WeightBytes + (compressed ? CacheBytes(Math.Min(KvSize, context)) + context * perToken : CacheBytes(context)) <= memory;
        if (!Fits(1)) return 0;
        long low = 1, high = 2;
        while (high < 1L << 40 && Fits(high)) (low, high) = (high, high * 2);
        while (high - low > 1)
        {
            var middle = low + (high - low) / 2;
            if (Fits(middle)) low = middle; else high = middle;
        }
        return low;
    }

    private long CacheBytes(long entries)
    {
        var perEntry = _config.KvBytesPerToken(_machine.CacheBytes) / _config.Layers;
        long sum = 0;
        for (var layer = 0; layer < _config.Layers; layer++) sum += Math.Min(entries, _config.WindowOf(layer) ?? entries) * perEntry;
        return sum * _machine.Batch;
    }
}
