using System.Diagnostics;
using HeadKvLab.Cache;
using HeadKvLab.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Models;

/// <summary>What one generation gave.</summary>
/// <param name="Ids">The new tokens, without the id that ended them.</param>
/// <param name="Text">Their text; ids that only pad the model's embedding have none.</param>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="PrefillSeconds">Time until the first logits.</param>
/// <param name="DecodeSeconds">Time from there to the end.</param>
/// <param name="Entries">Entries that were kept of the prompt, of all heads.</param>
/// <param name="Bytes">Their bytes, keys and values.</param>
/// <param name="EntriesAtEnd">Entries after the last token; on a device, whose copy grows instead, those of the prompt.</param>
public sealed record GeneratedText(int[] Ids, string Text, int PromptTokens, double PrefillSeconds, double DecodeSeconds, long Entries, long Bytes, long EntriesAtEnd)
{
    /// <summary>Bytes of entries and indexes that a decoded token read, on average; null where none was decoded on the CPU.</summary>
    public double? TouchedBytes { get; init; }
}

/// <summary>
/// Continues texts with a model folder, on the full cache or a compressed one: tokenizer, prefill, one token at a time, streamed text. Files are checked at once,
/// weights are read for the first prompt that can be run.
/// </summary>
public sealed class TextGenerator : IDisposable
{
    private readonly ModelFolder folder;
    private readonly TextTokenizer tokenizer;
    private readonly ScalarType? compute;
    private readonly Device? device;
    private readonly DecodePrecision precision;
    private Decoder? decoder;
    private Engine? engine;

    /// <summary>Opens the model.</summary>
    /// <param name="directory">Hugging Face folder.</param>
    /// <param name="compute">Type of the matrix products; null: the stored one.</param>
    /// <param name="device">Where the prefill runs; null: CPU.</param>
    /// <param name="precision">What the answer is decoded with.</param>
    /// <exception cref="LabException">A file is missing or broken.</exception>
    public TextGenerator(string directory, ScalarType? compute = null, Device? device = null, DecodePrecision precision = DecodePrecision.Lossless)
    {
        (this.compute, this.device, this.precision) = (compute, device, precision);
        folder = ModelFolder.Open(directory);
        try
        {
            Settings = GenerationConfig.Load(directory, folder.Config);
            tokenizer = TextTokenizer.Load(directory);
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>Sizes of the model.</summary>
    public ModelConfig Config => folder.Config;

    /// <summary>The model's own settings.</summary>
    public GenerationConfig Settings { get; }

    /// <summary>Ids of a plain prompt, BOS included where the tokenizer adds one.</summary>
    public int[] Encode(string prompt)
    {
        if (prompt.Length > 0) return tokenizer.Encode(prompt);
        return tokenizer.BosId is { } bos ? [bos] : throw new LabException("prompt: it is empty, and this model has no BOS to start from; give at least one word");
    }

    /// <summary>Ids of a prompt as the user's message in the model's chat template.</summary>
    /// <exception cref="LabException">The model has no chat template.</exception>
    public int[] Chat(string prompt) =>
        tokenizer.Encode(ChatTemplate.Load(folder.DirectoryName).Render([new ChatMessage("user", prompt)], addGenerationPrompt: true), addSpecial: false);

    /// <summary>Continues a prompt.</summary>
    /// <param name="prompt">Token ids.</param>
    /// <param name="settings">How tokens are chosen, when to stop.</param>
    /// <param name="onText">Receives the text as its characters become complete.</param>
    /// <param name="stop">Ends the text early.</param>
    /// <param name="compress">Compresses the prompt's cache, of the shape given; the last prompt token is then computed again on what was kept. Null: the full cache.</param>
    /// <exception cref="LabException">The prompt is empty, too long, or holds ids outside the vocabulary; or a weight is damaged.</exception>
    public GeneratedText Write(ReadOnlySpan<int> prompt, GenerationConfig settings, Action<string>? onText = null, CancellationToken stop = default, Func<CacheShape, IPromptCompressor>? compress = null)
    {
        var config = folder.Config;
        var sampler = new Sampler(settings, prompt);
        PromptChecks.Check(config, prompt, 0, ScorerNeeds.None);
        var most = Math.Min(settings.Room(prompt.Length), config.MaxPositions - prompt.Length + 1);
        decoder ??= folder.LoadDecoder(compute, device);
        engine ??= new Engine(decoder, precision) { Kinds = new(() => TokenKinds.Load(folder.DirectoryName, tokenizer)) };
        var shape = new CacheShape(config.Layers, config.KvHeads, config.HeadDim);
        using var compressor = compress?.Invoke(shape);
        var (text, stream) = (new System.Text.StringBuilder(), tokenizer.Stream());

        var clock = Stopwatch.StartNew();
        using var full = compressor is null ? new RaggedCache(shape) : null;
        if (engine.OnCpu) full?.Reserve(Math.Min(prompt.Length + most, config.MaxPositions));
        var logits = engine.Prefill(prompt, full, compressor);
        using var compressed = compressor?.TakeCache();
        var cache = compressed ?? full!;
        var (prefill, entries, bytes) = (clock.Elapsed.TotalSeconds, cache.Entries, cache.StoredBytes);
        var ids = Answer.Run(engine, cache, prompt, logits, recomputeLast: compressor is not null, most, [.. settings.StopIds], sampler.Next, id => Show(tokenizer.HasToken(id) ? stream.Append(id) : ""), stop).Ids;
        Show(stream.Flush());
        return new GeneratedText(ids, text.ToString(), prompt.Length, prefill, clock.Elapsed.TotalSeconds - prefill, entries, bytes, cache.Entries) { TouchedBytes = cache.AttendedTokens > 0 ? (double)cache.TouchedBytes / cache.AttendedTokens : null };

        void Show(string piece)
        {
            text.Append(piece);
            if (piece.Length > 0) onText?.Invoke(piece);
        }
    }

    /// <summary>Frees the model.</summary>
    public void Dispose()
    {
        engine?.Dispose();
        decoder?.Dispose();
        folder.Dispose();
    }
}
