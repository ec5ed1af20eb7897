using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using HeadKvLab.Models;
using HeadKvLab.Tests.Text;
using HeadKvLab.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Models;

/// <summary>
/// Thousands of damaged files of every kind: each is read, or refused with a <see cref="LabException"/> that begins with the file's name; nothing else
/// is ever thrown, nothing hangs, and no refusal comes after a large allocation. A failure names the seed that repeats it.
/// </summary>
public sealed class FuzzTests(ITestOutputHelper output) : IDisposable
{
    private const long Large = 48L << 20; // bytes; the files have some kilobytes, and a vocabulary may have 2^17 holes
    private readonly TestFiles files = new();
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose()
    {
        scope.Dispose();
        files.Dispose();
    }

    /// <summary>Reads a damaged file for each seed and counts how many were refused.</summary>
    private void Fuzz(string name, int seeds, Func<int, byte[]> damaged, Action<string> read)
    {
        var refused = 0;
        for (var seed = 0; seed < seeds; seed++)
        {
            var path = files.Write(name, damaged(seed));
            var (allocated, began) = (GC.GetAllocatedBytesForCurrentThread(), Stopwatch.GetTimestamp());
            try
            {
                read(path);
            }
            catch (LabException e)
            {
                refused++;
                Assert.True(e.Message.Contains(name, StringComparison.Ordinal) && e.Message.Length < 4000, $"seed {seed}: no file named, or too long: {e.Message}");
            }
            catch (Exception e)
            {
                Assert.Fail($"{name}, seed {seed}: {e.GetType().Name} instead of a LabException: {e}\n{Convert.ToHexString(File.ReadAllBytes(path).AsSpan(0, Math.Min(200, (int)new FileInfo(path).Length)))}");
            }
            allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
            Assert.True(allocated < Large, $"{name}, seed {seed}: {allocated:N0} bytes allocated");
            Assert.True(Stopwatch.GetElapsedTime(began).TotalSeconds < 20, $"{name}, seed {seed}: took {Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s");
        }
        output.WriteLine($"{name}: {refused:N0} of {seeds:N0} refused");
        Assert.InRange(refused, seeds / 10, seeds - seeds / 40); // some are read: one in forty at least
    }

    [Fact]
    public void SafetensorsAreReadOrRefused()
    {
        SafetensorsWriter.Write(files.Path("good"), [("a", randn(3, 4)), ("b.weight", ones(5, dtype: ScalarType.BFloat16)), ("c", arange(7)), ("d", zeros(0, 2))]);
        var good = File.ReadAllBytes(files.Path("good"));
        var length = BitConverter.ToInt32(good);
        var header = Encoding.UTF8.GetString(good, 8, length);
        var data = good[(8 + length)..];
        Fuzz("model.safetensors", 4000, seed => seed % 2 == 0 ? Mutations.Bytes(good, seed) : [.. Framed(Mutations.Json(header, seed)), .. data], path =>
        {
            using var file = SafetensorsFile.Open(path);
            foreach (var name in file.Tensors.Keys) file.Load(name).Dispose();
        });

        static byte[] Framed(byte[] json) => [.. BitConverter.GetBytes((long)json.Length), .. json];
    }

    [Fact]
    public void ConfigurationsAreReadOrRefused()
    {
        var fixtures = Directory.GetDirectories(TestFiles.Fixture("models")).Order().Select(folder => File.ReadAllText(Path.Combine(folder, "config.json"))).ToArray();
        Fuzz("config.json", 6000, seed => seed % 3 == 0 ? Mutations.Bytes(Encoding.UTF8.GetBytes(fixtures[seed % fixtures.Length]), seed) : Mutations.Json(fixtures[seed % fixtures.Length], seed), path =>
        {
            var config = ModelConfig.Load(files.Folder);
            _ = ModelTensors.ParameterCount(config);
            _ = Rope.Frequencies(config);
            Assert.Equal(config.ToJson(), ModelConfig.Parse(Encoding.UTF8.GetBytes(config.ToJson())).ToJson());
        });
    }

    [Fact]
    public void ShardIndexesAreReadOrRefused()
    {
        foreach (var file in Directory.GetFiles(TestFiles.Fixture("models", "llama3"))) File.Copy(file, files.Path(Path.GetFileName(file)));
        var good = File.ReadAllText(files.Path("model.safetensors.index.json"));
        Fuzz("model.safetensors.index.json", 1000, seed => seed % 2 == 0 ? Mutations.Bytes(Encoding.UTF8.GetBytes(good), seed) : Mutations.Json(good, seed), _ =>
        {
            using var folder = ModelFolder.Open(files.Folder);
            Assert.Equal(ModelTensors.Of(folder.Config).Count(), folder.Tensors.Count);
        });
    }

    [Fact]
    public void GenerationSettingsAreReadOrRefused()
    {
        var config = ModelConfig.Load(TestFiles.Fixture("models", "llama"));
        const string good = """{"do_sample":true,"temperature":0.6,"top_k":5,"top_p":0.9,"repetition_penalty":1.1,"eos_token_id":[2,3],"max_new_tokens":9}""";
        Fuzz("generation_config.json", 2000, seed => seed % 3 == 0 ? Mutations.Bytes(Encoding.UTF8.GetBytes(good), seed) : Mutations.Json(good, seed), _ =>
            new Sampler(GenerationConfig.Load(files.Folder, config)).Next([1, 2, 3]));
    }

    /// <summary>Byte-level with an added token and a BOS, and pieces with byte fallback; both in either notation of merges.</summary>
    [Fact]
    public void TokenizersAreReadOrRefused()
    {
        var bytes = TinyTokenizer.ByteLevel(["h e", "l l", "he ll"], "<|bos|>");
        bytes["pre_tokenizer"] = TinyTokenizer.Parse("""{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}""");
        bytes["post_processor"] = TinyTokenizer.Template("<|bos|>", 259);
        var pieces = TinyTokenizer.Parse("""
            {"version":"1.0","added_tokens":[{"id":0,"content":"<unk>","special":true,"normalized":false,"lstrip":false,"rstrip":false,"single_word":false}],
             "normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":false},
             "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<unk>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"special_tokens":{"<unk>":{"id":"<unk>","ids":[0],"tokens":["<unk>"]}}},
             "decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]},
             "model":{"type":"BPE","dropout":null,"unk_token":"<unk>","fuse_unk":true,"byte_fallback":true,"ignore_merges":false,
                      "vocab":{"<unk>":0,"▁":1,"h":2,"e":3,"he":4,"▁he":5,"<0x41>":6},"merges":[["h","e"],["▁","he"]]}}
            """);
        string[] good = [bytes.ToJsonString(), pieces.ToJsonString()];
        Fuzz("tokenizer.json", 3000, seed => seed % 3 == 0 ? Mutations.Bytes(Encoding.UTF8.GetBytes(good[seed / 3 % 2]), seed) : Mutations.Json(good[seed % 2], seed), _ =>
        {
            var tokenizer = TextTokenizer.Load(files.Folder);
            var ids = tokenizer.Encode("hello <|bos|> hé 😀\ud800 A");
            tokenizer.Decode(ids);
            Assert.All(ids, id => Assert.InRange(id, 0, tokenizer.VocabSize - 1));
        });
    }

    /// <summary>Every kind of pre-tokenizer and normalizer, patterns included (each pattern is compiled, hence fewer).</summary>
    [Fact]
    public void PatternsAreReadOrRefused()
    {
        var file = TinyTokenizer.ByteLevel(["h e"], "<|bos|>");
        file["normalizer"] = TinyTokenizer.Parse("""{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Replace","pattern":{"Regex":"[ \\t]+"},"content":" "}]}""");
        file["pre_tokenizer"] = TinyTokenizer.Parse("""
            {"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"(?i:'s|'t)|\\p{L}+| ?[^\\s\\p{L}]++|\\s+(?!\\S)|\\s"},"behavior":"Isolated","invert":false},
              {"type":"Digits","individual_digits":true},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]}
            """);
        var good = file.ToJsonString();
        var at = good.IndexOf("(?i:", StringComparison.Ordinal);
        Fuzz("tokenizer.json", 400, seed => seed % 2 == 0 ? Pattern(seed) : Mutations.Json(good, seed), _ =>
        {
            var tokenizer = TextTokenizer.Load(files.Folder);
            tokenizer.Decode(tokenizer.Encode("it's héllo  12,\n 3 aaaaaaaaaaaaaaaaaaaaaaaaaac"));
        });

        byte[] Pattern(int seed) // damage within the pattern, the rest is sound
        {
            var damaged = Encoding.Latin1.GetString(Mutations.Bytes(Encoding.Latin1.GetBytes(good.Substring(at, 40)), seed));
            return Encoding.UTF8.GetBytes(good[..at] + damaged + good[(at + 40)..]);
        }
    }

    [Fact]
    public void SentencePieceModelsAreReadOrRefused()
    {
        byte[] good = [.. Piece("<unk>", 2), .. Piece("<s>", 3), .. Piece("</s>", 3), .. Piece("▁", 1), .. Piece("h", 1), .. Piece("e", 1), .. Piece("he", 1), .. Piece("▁he", 1), .. Piece("<0x41>", 6),
            0x12, 5, 0x18, 2, 0x98, 2, 1, /* BPE, byte fallback */ 0x1A, 2, 0x20, 0];
        Fuzz("tokenizer.model", 3000, seed => seed == 0 ? good : Mutations.Bytes(good, seed), _ =>
        {
            var tokenizer = TextTokenizer.Load(files.Folder);
            tokenizer.Decode(tokenizer.Encode("he hé A"));
        });

        static byte[] Piece(string text, byte kind)
        {
            var utf8 = Encoding.UTF8.GetBytes(text);
            return [0x0A, (byte)(utf8.Length + 9), 0x0A, (byte)utf8.Length, .. utf8, 0x15, .. BitConverter.GetBytes(-utf8.Length * 0.5f), 0x18, kind];
        }
    }

    [Fact]
    public void ChatTemplatesAreReadOrRefused()
    {
        var templates = Directory.GetFiles(Path.Combine(TestFiles.Repository, "tests", "reference", "chat"), "*.jinja").Order().Select(File.ReadAllBytes).ToArray();
        Fuzz("chat_template.jinja", 3000, seed => Mutations.Bytes(templates[seed % templates.Length], seed), _ =>
            ChatTemplate.Load(files.Folder).Render([new("system", "s"), new("user", "u"), new("assistant", "a"), new("user", "v")]));
        File.Delete(files.Path("chat_template.jinja"));
        const string settings = """{"bos_token":{"content":"<s>"},"eos_token":"</s>","chat_template":[{"name":"default","template":"{{ bos_token }}"},{"name":"b","template":"x"}]}""";
        Fuzz("tokenizer_config.json", 1000, seed => seed % 2 == 0 ? Mutations.Bytes(Encoding.UTF8.GetBytes(settings), seed) : Mutations.Json(settings, seed), _ =>
            ChatTemplate.Load(files.Folder).Render([new("user", "u")]));
    }
}
