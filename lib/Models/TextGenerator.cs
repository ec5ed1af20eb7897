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
public sealed record GeneratedText(int[] Ids, string Text, int PromptTokens, double PrefillSeconds, double DecodeSeconds);

/// <summary>
/// Continues texts with a model folder and the uncompressed cache: tokenizer, prefill, one token at a time, streamed text. Files are checked at once,
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
    private Inference? inference;

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
    /// <exception cref="LabException">The prompt is empty, too long, or holds ids outside the vocabulary; or a weight is damaged.</exception>
    public GeneratedText Write(ReadOnlySpan<int> prompt, GenerationConfig settings, Action<string>? onText = null, CancellationToken stop = default)
    {
        var config = folder.Config;
        var sampler = new Sampler(settings, prompt);
        PromptChecks.Check(config, prompt, 0, ScorerNeeds.None);
        var most = Math.Min(settings.Room(prompt.Length), config.MaxPositions - prompt.Length + 1);
        decoder ??= folder.LoadDecoder(compute, device);
        inference ??= new Inference(decoder, precision);
        using var cache = new RaggedCache(new CacheShape(config.Layers, config.KvHeads, config.HeadDim));
        var (text, stream) = (new System.Text.StringBuilder(), tokenizer.Stream());

        var clock = Stopwatch.StartNew();
        if (inference.OnCpu) cache.Reserve(Math.Min(prompt.Length + most, config.MaxPositions));
        var logits = inference.Prefill(prompt, cache);
        using var continuation = inference.Continue(cache, most);
        var prefill = clock.Elapsed.TotalSeconds;
        var ids = Generation.Run(continuation.Run, logits, most, [.. settings.StopIds], sampler.Next, id => Show(tokenizer.HasToken(id) ? stream.Append(id) : ""), stop);
        Show(stream.Flush());
        return new GeneratedText(ids, text.ToString(), prompt.Length, prefill, clock.Elapsed.TotalSeconds - prefill);

        void Show(string piece)
        {
            text.Append(piece);
            if (piece.Length > 0) onText?.Invoke(piece);
        }
    }

    /// <summary>Frees the model.</summary>
    public void Dispose()
    {
        inference?.Dispose();
        decoder?.Dispose();
        folder.Dispose();
    }
}
