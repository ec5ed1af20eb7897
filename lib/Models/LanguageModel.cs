using System.Security.Cryptography;
using HeadKvLab.Cache;
using HeadKvLab.Kernels;
using HeadKvLab.Text;
using static TorchSharp.torch;

namespace HeadKvLab.Models;

/// <summary>
/// A model ready to run: decoder, single-token step and tokenizer of one Hugging Face folder. Dispose it to have the memory of its weights back; tokenizer
/// and settings stay usable.
/// </summary>
public sealed class LanguageModel : IDisposable
{
    private LanguageModel(string directory, Decoder decoder, TextTokenizer tokenizer, string hash, DecodePrecision precision)
    {
        (DirectoryName, Decoder, Tokenizer, Hash) = (directory, decoder, tokenizer, hash);
        Kinds = new(() => TokenKinds.Load(directory, tokenizer));
        Engine = new Engine(decoder, precision) { Kinds = Kinds };
    }

    /// <summary>The folder.</summary>
    public string DirectoryName { get; }

    /// <summary>Sizes and options.</summary>
    public ModelConfig Config => Decoder.Config;

    /// <summary>Prefill.</summary>
    public Decoder Decoder { get; }

    /// <summary>Prefill and decoding where the weights lie.</summary>
    public Engine Engine { get; internal set; }

    /// <summary>Decoding on the CPU, one token at a time.</summary>
    /// <exception cref="LabException">The weights are elsewhere.</exception>
    public DecodeStep Step => Engine.Step;

    /// <summary>Text to ids and back.</summary>
    public TextTokenizer Tokenizer { get; }

    /// <summary>Kinds of tokens, by the tokenizer and the marks of the chat template, which is read when it is first asked for.</summary>
    public Lazy<TokenKinds> Kinds { get; }

    /// <summary>First 16 hexadecimal digits of the SHA-256 of the weights: the model's name in results.</summary>
    public string Hash { get; }

    /// <summary>Number type of the weight matrices and of the prefill's products.</summary>
    public NumberFormat Type => (Decoder.Compute ?? ScalarType.Float32).Format();

    /// <summary>What a cache of this model holds.</summary>
    /// <param name="storage">Type of the stored numbers.</param>
    public CacheShape CacheShape(ScalarType storage = ScalarType.Float32) => new(Config.Layers, Config.KvHeads, Config.HeadDim, storage);

    /// <summary>Loads a model folder.</summary>
    /// <param name="directory">Holds config.json, the weights in safetensors, and the tokenizer's files.</param>
    /// <param name="compute">Type of the weight matrices and of the prefill's products; norm gains and biases are always float32.</param>
    /// <param name="device">Where the weights lie and the model runs; null: CPU. Prompts are compressed in main memory.</param>
    /// <param name="precision">What decoding multiplies with; 8-bit integers on a CPU only.</param>
    /// <exception cref="LabException">The folder is missing, incomplete or broken; the message names file, place and cure.</exception>
    public static LanguageModel Load(string directory, ScalarType compute = ScalarType.Float32, Device? device = null, DecodePrecision precision = DecodePrecision.Lossless)
    {
        if (!Directory.Exists(directory)) throw new LabException($"{directory}: no such model folder; give the path of one with config.json, model.safetensors and tokenizer.json.");
        using var folder = ModelFolder.Open(directory);
        var tokenizer = TextTokenizer.Load(directory);
        var hash = HashOf(directory);
        var decoder = folder.LoadDecoder(compute, device);
        try
        {
            return new LanguageModel(directory, decoder, tokenizer, hash, precision);
        }
        catch
        {
            decoder.Dispose();
            throw;
        }
    }

    /// <summary>Frees the weights and what was made of them for decoding.</summary>
    public void Dispose()
    {
        Engine.Dispose();
        Decoder.Dispose();
    }

    /// <summary>The hash of a folder's weights; reads all of them.</summary>
    internal static string HashOf(string directory)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 20];
        foreach (var path in Directory.EnumerateFiles(directory, "*.safetensors").Order(StringComparer.Ordinal))
        {
            using var file = File.OpenRead(path);
            for (int read; (read = file.Read(buffer)) > 0;) hash.AppendData(buffer, 0, read);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..16];
    }
}
