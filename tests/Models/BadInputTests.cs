using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using HeadKvLab.Cli;
using HeadKvLab.Models;
using HeadKvLab.Tests.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Models;

/// <summary>
/// Every kind of input that cannot be used, met by a command of the program on a model folder that is sound but for it: exit code 2, one message
/// that names the file, the place and the cure, and no large allocation before it.
/// </summary>
public sealed class BadInputTests(ITestOutputHelper output) : IDisposable
{
    private const long Large = 16L << 20; // bytes; parsing the command line and reading the tokenizer of 260 tokens takes some megabytes
    private const string Weights = "model.safetensors", Index = "model.safetensors.index.json", Config = "config.json", Tokenizer = "tokenizer.json";
    private const string Norm = "model.norm.weight";
    private readonly TestFiles files = new();
    private readonly DisposeScope scope = NewDisposeScope();

    private static readonly ModelConfig Sound = new()
    {
        Architecture = "LlamaForCausalLM", VocabSize = 260, HiddenSize = 8, IntermediateSize = 12, Layers = 2, QueryHeads = 4, KvHeads = 2, HeadDim = 2, MaxPositions = 32, EosIds = [0],
    };

    public void Dispose()
    {
        scope.Dispose();
        files.Dispose();
    }

    /// <summary>What is wrong, how the folder is damaged, and what the message must name: file, place, cure.</summary>
    private static readonly (string Case, Action<BadInputTests> Damage, string File, string Place, string Cure)[] Cases =
    [
        ("safetensors of 0 bytes", t => t.files.Write(Weights, []), Weights, "0 bytes, too short", "download is incomplete"),
        ("safetensors of 7 bytes", t => t.files.Write(Weights, new byte[7]), Weights, "7 bytes, too short", "download is incomplete"),
        ("header length 0", t => t.HeaderLength(_ => 0), Weights, "header length at byte 0 is 0", "not a safetensors file"),
        ("header length 1", t => t.HeaderLength(_ => 1), Weights, "header length at byte 0 is 1", "not a safetensors file"),
        ("header length 2^63", t => t.HeaderLength(_ => 1ul << 63), Weights, "9223372036854775808", "not a safetensors file"),
        ("header length = file length + 1", t => t.HeaderLength(n => n + 1), Weights, "the header ends at byte", "download is incomplete"),
        ("header not an object", t => t.files.Safetensors("[1, 2]", 0), Weights, "not an object", "not a safetensors file"),
        ("header of invalid UTF-8", t => t.Header(h => Encoding.Latin1.GetString([.. Encoding.Latin1.GetBytes(h[..2]), 0xff, .. Encoding.Latin1.GetBytes(h[3..])]), Encoding.Latin1), Weights, "first bad byte at 10", "download the file again"),
        ("header nested 10^5 deep", t => t.files.Safetensors(string.Concat(Enumerable.Repeat("{\"a\":", 100_000)), 0), Weights, "tensor 'a' has a key 'a'", "download the file again"),
        ("header of arrays nested 10^5 deep", t => t.files.Safetensors("{\"a\":{\"shape\":" + new string('[', 100_000), 0), Weights, "'a' has StartArray in shape", "download the file again"),
        ("duplicate tensor", t => t.Header(h => h.Replace("\"lm_head.weight\"", $"\"{Norm}\"", StringComparison.Ordinal)), Weights, $"'{Norm}' stands twice", "download the file again"),
        ("duplicate key of a tensor", t => t.Tensor(Norm, n => n.Insert(1, "\"dtype\":\"F32\",")), Weights, $"'{Norm}' has 'dtype' twice", "download the file again"),
        ("negative offset", t => t.Offsets(Norm, (b, e) => (-b - 1, e)), Weights, $"'{Norm}' has -", "download the file again"),
        ("reversed offsets", t => t.Offsets(Norm, (b, e) => (e, b)), Weights, $"'{Norm}' has reversed data_offsets", "download the file again"),
        ("overlapping tensors", t => t.Offsets(Norm, (b, e) => (b - 4, e - 4)), Weights, $"'{Norm}' begins at byte", "overlaps"),
        ("hole between tensors", t => { t.Offsets(Norm, (b, e) => (b + 4, e + 4)); t.files.Write(Weights, [.. File.ReadAllBytes(t.files.Path(Weights)), 0, 0, 0, 0]); }, Weights, "leaves a hole", "download the file again"),
        ("offsets past the end", t => t.Offsets(Norm, (b, e) => (b + 1_000_000, e + 1_000_000)), Weights, $"'{Norm}' ends at byte", "download is incomplete"),
        ("shape product overflows", t => t.Tensor(Norm, n => n.Replace("[8]", "[9223372036854775807,4]", StringComparison.Ordinal)), Weights, "overflows 2^63", "download the file again"),
        ("unknown dtype", t => t.Tensor(Norm, n => n.Replace("F32", "F8_E5M2", StringComparison.Ordinal)), Weights, $"'{Norm}' has dtype 'F8_E5M2'", "convert the checkpoint"),
        ("size and dtype disagree", t => t.Tensor(Norm, n => n.Replace("F32", "F16", StringComparison.Ordinal)), Weights, "takes 16 bytes, its data_offsets span 32", "download the file again"),
        ("truncated file", t => t.files.Write(Weights, File.ReadAllBytes(t.files.Path(Weights))[..^100]), Weights, "ends at byte", "download is incomplete"),
        ("shard named ../x", t => t.Shards("../x"), Index, "names the shard '../x'", "do not use this index"),
        ("shard with an absolute path", t => t.Shards("/etc/passwd"), Index, "names the shard '/etc/passwd'", "do not use this index"),
        ("missing shard", t => t.Shards("gone.safetensors"), Index, "'gone.safetensors', which is not in the folder", "download it"),
        ("one tensor in two shards", t => { t.Shards("one.safetensors"); File.Copy(t.files.Path("one.safetensors"), t.files.Path("two.safetensors")); t.Entry(Norm, "two.safetensors"); }, "safetensors", "also stands in", "keep one of them"),
        ("one tensor twice in the index", t => { t.Shards("one.safetensors"); t.Text(Index, s => s.Replace("{\"weight_map\":{", $"{{\"weight_map\":{{\"{Norm}\":\"one.safetensors\",", StringComparison.Ordinal)); }, Index, "Duplicate property 'model.norm", "download it again"),
        ("NaN in a weight", t => t.DamageWeights(), Weights, $"'{Norm}' holds NaN or infinity at element 0", "download or save it again"),
        ("KV heads that do not divide heads", t => t.Set(Config, "num_key_value_heads", "3"), Config, "'num_key_value_heads' is 3", "does not divide the 4 query heads"),
        ("10^9 layers", t => t.Set(Config, "num_hidden_layers", "1000000000"), Config, "'num_hidden_layers' is 1,000,000,000", "correct the file"),
        ("1024 layers without weights", t => t.Set(Config, "num_hidden_layers", "1024"), Weights, "no tensor 'model.layers.2.input_layernorm.weight'", "incomplete"),
        ("a vocabulary of 10^7 without weights", t => t.Set(Config, "vocab_size", "10000000"), Weights, "shape [260, 8], config.json calls for [10000000, 8]", "different models"),
        ("unknown architecture", t => t.Set(Config, "architectures", "[\"MambaForCausalLM\"]"), Config, "'MambaForCausalLM'", "it reads LlamaForCausalLM"),
        ("unknown rope rule", t => t.Set(Config, "rope_scaling", """{"rope_type":"yarn","factor":4}"""), Config, "'rope_scaling.rope_type' is 'yarn'", "it knows default, linear and llama3"),
        ("rope rules that differ by layer", t => t.Set(Config, "rope_parameters", """{"full_attention":{"rope_theta":1e6},"rope_theta":1e4}"""), Config, "'rope_parameters.rope_theta' stands where rules for", "correct the file"),
        ("a size that is null", t => t.Set(Config, "rms_norm_eps", "null"), Config, "'rms_norm_eps' is null", "remove the key for the default"),
        ("beam search in generation_config.json", t => { t.DamageWeights(); t.files.Write("generation_config.json", """{"num_beams":4}"""); }, "generation_config.json", "'num_beams' is 4", "remove the key"),
        ("merges naming unknown tokens", t => t.Text(Tokenizer, s => s.Replace("\"h e\"", "\"h xyz\"", StringComparison.Ordinal)), Tokenizer, "'model.merges[0]' names the token 'xyz'", "download it again"),
        ("token id beyond the vocabulary", t => t.Text(Tokenizer, s => s.Replace("\"he\":256", "\"he\":2000000000", StringComparison.Ordinal)), Tokenizer, "'model.vocab[he]' is 2000000000", "download it again"),
        ("added token id beyond the vocabulary", t => t.Text(Tokenizer, s => s.Replace("\"id\":257", "\"id\":16000000", StringComparison.Ordinal)), Tokenizer, "'added_tokens[0].id' is 16000000", "download it again"),
        ("tokenizer with more ids than the model", t => { t.DamageWeights(); t.Text(Tokenizer, s => s.Replace("\"he\":256", "\"he\":261", StringComparison.Ordinal)); }, "prompt", "id 261 at token 0 is outside the vocabulary of 260", "belongs to another model"),
        ("unknown normalizer", t => t.Text(Tokenizer, s => s.Replace("\"normalizer\":null", "\"normalizer\":{\"type\":\"BertNormalizer\"}", StringComparison.Ordinal)), Tokenizer, "'normalizer' is a normalizer of type 'BertNormalizer'", "use a model with another tokenizer"),
        ("unknown pre-tokenizer", t => t.Text(Tokenizer, s => s.Replace("\"Sequence\"", "\"UnicodeScripts\"", StringComparison.Ordinal)), Tokenizer, "pre-tokenizer of type 'UnicodeScripts'", "use a model with another tokenizer"),
        ("unknown chat-template construct", t => t.files.Write("chat_template.jinja", "ok\n{% include 'x' %}"), "chat_template.jinja", "line 2: the statement 'include' is not supported", "Correct the template"),
        ("endless loop in a chat template", t => t.files.Write("chat_template.jinja", "{% for i in range(99999) %}\n{% for j in range(99999) %}{% endfor %}{% endfor %}"), "chat_template.jinja", "line 2: the template takes", "Correct the template"),
        ("endless macro in a chat template", t => t.files.Write("chat_template.jinja", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"), "chat_template.jinja", "line 1: macros call each other without end", "Correct the template"),
        ("prompt of 0 tokens", t => { t.DamageWeights(); t.prompt = ""; }, "prompt", "it is empty", "give at least one word"),
        ("prompt longer than the context", t => { t.DamageWeights(); t.prompt = new string('x', 33); }, "prompt", "33 tokens exceed the model's context of 32", "shorten the prompt"),
    ];

    private string prompt = "he";

    public static TheoryData<string> Names => [.. Cases.Select(c => c.Case)];

    [Theory]
    [MemberData(nameof(Names))]
    public void EndsWithTwoAndAMessage(string name)
    {
        Save(_ => null);
        var (_, damage, file, place, cure) = Cases.Single(c => c.Case == name);
        damage(this);
        string[] args = ["generate", "--model", files.Folder, "--prompt", prompt, "-n", "1", .. File.Exists(files.Path("chat_template.jinja")) ? ["--chat"] : Array.Empty<string>()];

        using var error = new StringWriter();
        var (before, tensors) = (GC.GetAllocatedBytesForCurrentThread(), DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        Assert.Equal(2, Program.Run(args, error));
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        var message = error.ToString();
        output.WriteLine($"{allocated:N0} bytes allocated; {message}");
        Assert.Contains(file, message);
        Assert.Contains(place, message);
        Assert.Contains(cure, message);
        Assert.Equal(1, message.AsSpan().Count('\n'));
        Assert.Equal(tensors, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        if (!name.StartsWith("endless", StringComparison.Ordinal)) Assert.True(allocated < Large, $"{allocated:N0} bytes allocated"); // a loop makes garbage until it is stopped
    }

    [Fact]
    public void TheSoundFolderGenerates()
    {
        Save(_ => null);
        using var error = new StringWriter();
        Assert.Equal(0, Program.Run(["generate", "--model", files.Folder, "--prompt", prompt, "-n", "1"], error));
        Assert.Equal("", error.ToString());
    }

    [Theory]
    [InlineData("", "--ids", "0 tokens")]
    [InlineData("1,260", "id 260 at token 1 is outside the vocabulary of 260", "another model")]
    [InlineData("1,-1", "'-1' is no token id", "whole numbers")]
    [InlineData("1,99999999999", "'99999999999' is no token id", "whole numbers")]
    [InlineData("long", "33 tokens exceed the model's context of 32", "shorten")]
    public void LogitsOfUnusableIds(string ids, string place, string cure)
    {
        DamageWeights();
        using var error = new StringWriter();
        Assert.Equal(2, Program.Run(["logits", "--model", files.Folder, "--ids", ids == "long" ? string.Join(',', new int[33]) : ids, "--out", files.Path("l")], error));
        if (ids.Length > 0) Assert.Contains(place, error.ToString());
        Assert.Contains(cure, error.ToString());
        Assert.False(File.Exists(files.Path("l")));
    }

    // ------------------------------------------------------------ a sound folder, and ways to damage it

    private void Save(Func<string, Tensor?> weight)
    {
        ModelFolder.Save(files.Folder, Sound, name => weight(name) ?? ones(ModelTensors.Of(Sound).Single(t => t.Name == name).Shape));
        files.Write(Tokenizer, TinyTokenizer.ByteLevel(["h e"], "<|bos|>").ToJsonString());
    }

    /// <summary>A weight that is seen to be damaged only when weights are read: what is refused for another reason was refused before.</summary>
    private void DamageWeights() => Save(name => name == Norm ? full(8, float.NaN) : null);

    private void Text(string file, Func<string, string> change)
    {
        var text = File.ReadAllText(files.Path(file));
        Assert.NotEqual(text, change(text));
        files.Write(file, change(text));
    }

    private void Set(string file, string key, string json) => Text(file, text =>
    {
        var root = JsonNode.Parse(text)!;
        root[key] = JsonNode.Parse(json);
        return root.ToJsonString();
    });

    private void HeaderLength(Func<ulong, ulong> change)
    {
        var bytes = File.ReadAllBytes(files.Path(Weights));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, change((ulong)bytes.Length));
        files.Write(Weights, bytes);
    }

    private void Header(Func<string, string> change, Encoding? encoding = null)
    {
        var bytes = File.ReadAllBytes(files.Path(Weights));
        var length = BitConverter.ToInt32(bytes);
        var header = Encoding.UTF8.GetString(bytes, 8, length);
        Assert.NotEqual(header, change(header));
        var changed = (encoding ?? Encoding.UTF8).GetBytes(change(header));
        files.Write(Weights, [.. BitConverter.GetBytes((long)changed.Length), .. changed, .. bytes[(8 + length)..]]);
    }

    /// <summary>Changes the header's entry of one tensor, from brace to brace.</summary>
    private void Tensor(string name, Func<string, string> change) => Header(header =>
    {
        var begin = header.IndexOf('{', header.IndexOf($"\"{name}\"", StringComparison.Ordinal));
        var end = header.IndexOf('}', begin) + 1;
        return header[..begin] + change(header[begin..end]) + header[end..];
    });

    private void Offsets(string name, Func<long, long, (long, long)> change) => Tensor(name, entry =>
    {
        var node = JsonNode.Parse(entry)!;
        var (begin, end) = change((long)node["data_offsets"]![0]!, (long)node["data_offsets"]![1]!);
        node["data_offsets"] = new JsonArray(begin, end);
        return node.ToJsonString();
    });

    /// <summary>The weights as one shard, with an index that puts the final norm elsewhere.</summary>
    private void Shards(string normAt)
    {
        File.Move(files.Path(Weights), files.Path("one.safetensors"));
        var map = new JsonObject(ModelTensors.Of(Sound).Select(t => KeyValuePair.Create(t.Name, (JsonNode?)(t.Name == Norm ? normAt : "one.safetensors"))));
        files.Write(Index, new JsonObject { ["weight_map"] = map }.ToJsonString());
    }

    private void Entry(string name, string shard) => Text(Index, text =>
    {
        var root = JsonNode.Parse(text)!;
        root["weight_map"]![name] = shard;
        return root.ToJsonString();
    });
}
