using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using HeadKvLab.Models;
using HeadKvLab.Text;
using HeadKvLab.Tests.Models.Llama2c;

namespace HeadKvLab.Tests.Text;

/// <summary>Exact ids on the published tokenizer files of the validation data.</summary>
public sealed class RealTokenizerTests(ITestOutputHelper output)
{
    private static JsonElement SentencePieceIds(string model)
    {
        string file = Path.Combine(Repository.Root, "tests", "reference", "sentencepiece-ids.json");
        return JsonDocument.Parse(File.ReadAllBytes(file)).RootElement.GetProperty(model);
    }

    private static string Sha256(int[] ids) => Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(ids.AsSpan())));

    [Theory]
    [InlineData("llama2-sentencepiece.model")]
    [InlineData("mistral-v0.3-sentencepiece.model")]
    public void SentencePieceModelsGiveTheOriginalLibrarysIds(string name)
    {
        string file = SharedData.At($"tokenizers/{name}");
        TextTokenizer tokenizer = TextTokenizer.Load(file);
        JsonElement expected = SentencePieceIds(name);
        foreach (JsonElement sample in expected.GetProperty("texts").EnumerateArray())
        {
            string text = sample.GetProperty("text").GetString()!;
            int[] ids = tokenizer.Encode(text, addSpecial: false);
            Assert.Equal(sample.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()), ids);
            Assert.Equal(sample.GetProperty("decoded").GetString(), tokenizer.Decode(ids));
            Assert.Equal([1, .. ids], tokenizer.Encode(text));
        }
        foreach (JsonElement sample in expected.GetProperty("files").EnumerateArray())
        {
            string text = File.ReadAllText(SharedData.At(sample.GetProperty("file").GetString()!), Encoding.UTF8);
            int[] ids = Timed(tokenizer, sample.GetProperty("file").GetString()!, text)[1..];
            Assert.Equal(sample.GetProperty("count").GetInt32(), ids.Length);
            Assert.Equal(sample.GetProperty("sha256").GetString(), Sha256(ids));
        }
    }

    [Fact]
    public void MistralsJsonAndProtobufAgree()
    {
        string json = SharedData.At("tokenizers/mistral-v0.3-tokenizer.json");
        TextTokenizer fromJson = TextTokenizer.Load(json);
        TextTokenizer fromModel = TextTokenizer.Load(SharedData.At("tokenizers/mistral-v0.3-sentencepiece.model"));
        Assert.Equal(32768, fromJson.VocabSize);
        Assert.Equal(fromModel.VocabSize, fromJson.VocabSize);
        Assert.Equal(1, fromJson.BosId);
        for (int id = 0; id < 32768; id++) Assert.Equal(fromModel.TokenText(id), fromJson.TokenText(id));
        foreach (string text in TextCorpus.All)
        {
            if (text.StartsWith(' ') || text.StartsWith('▁')) continue;   // SentencePiece adds its blank there too, the json does not
            Assert.Equal(fromModel.Encode(text), fromJson.Encode(text));
            Assert.Equal(fromModel.Decode(fromModel.Encode(text)), fromJson.Decode(fromJson.Encode(text)));
        }
        foreach (string name in (string[])["haystack/r2-part0.txt", "longbench/passage_retrieval_zh.jsonl"])
        {
            string text = File.ReadAllText(SharedData.At(name));
            Assert.Equal(fromModel.Encode(text), fromJson.Encode(text));
        }
        Assert.Equal([1, 3, fromJson.IdOf("▁Hi"), 4], fromJson.Encode("[INST] Hi[/INST]"));
    }

    [Fact]
    public void Llama2FromTheLlama2cFileEqualsTheProtobuf()
    {
        string bin = SharedData.At("tokenizers/llama2-llama2c.bin");
        using var folder = new TempFolder();
        Llama2cTokenizer.Read(bin, 32000).Save(folder.Path);
        TextTokenizer converted = TextTokenizer.Load(folder.Path);
        Assert.Equal((1, 2), (converted.BosId, converted.EosId));
        foreach (JsonElement sample in SentencePieceIds("llama2-sentencepiece.model").GetProperty("texts").EnumerateArray())
            Assert.Equal(sample.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()),
                converted.Encode(sample.GetProperty("text").GetString()!, addSpecial: false));
        JsonElement file = SentencePieceIds("llama2-sentencepiece.model").GetProperty("files")[0];
        Assert.Equal(file.GetProperty("sha256").GetString(),
            Sha256(converted.Encode(File.ReadAllText(SharedData.At("haystack/r2-part0.txt")), addSpecial: false)));
    }

    [Theory]
    [InlineData(0)] // stories260K
    [InlineData(1)] // aidreams260K
    public void TinyModelsTokenizersDecodeTheirGoldenTexts(int index)
    {
        JsonElement model = JsonDocument.Parse(File.ReadAllBytes(Repository.Path("tests", "fixtures", "golden", "greedy-tiny-models.json"))).RootElement[index];
        using var folder = new TempFolder();
        Llama2cTokenizer.Read(SharedData.FixtureOr(model.GetProperty("tokenizer").GetString()!), 512).Save(folder.Path);
        TextTokenizer tokenizer = TextTokenizer.Load(folder.Path);
        int[] ids = model.GetProperty("greedyIds").EnumerateArray().Select(id => id.GetInt32()).ToArray();
        string text = model.GetProperty("text").GetString()!;
        Assert.Equal(text.TrimStart(' '), tokenizer.Decode(ids));
        Assert.Equal(ids, tokenizer.Encode(text.TrimStart(' '), addSpecial: false));
    }

    [Theory]
    [InlineData("llama3-tiktoken.model", 128256, 3)]
    [InlineData("qwen.tiktoken", 151851, 1)]
    public void RankFilesGiveTheIdsOfANaiveMerger(string name, int size, int digits)
    {
        string file = SharedData.At($"tokenizers/{name}");
        TextTokenizer tokenizer = TextTokenizer.Load(file);
        Assert.Equal(size, tokenizer.VocabSize);
        var naive = new NaiveRanks(File.ReadAllLines(file), digits);
        IEnumerable<string> texts = TextCorpus.All.Where(t => !t.Contains("<|", StringComparison.Ordinal));
        string chinese = File.ReadAllText(SharedData.At("longbench/multifieldqa_zh.jsonl"));
        string english = File.ReadAllText(SharedData.At("haystack/r2-part0.txt"));
        foreach (string text in texts.Append(chinese[..100_000]).Append(english))
        {
            string plain = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
            int[] ids = tokenizer.Encode(text, addSpecial: false);
            if (name.StartsWith('q') && text.Contains("combining", StringComparison.Ordinal)) plain = tokenizer.Decode(ids);   // Qwen: form C
            Assert.Equal(naive.Encode(plain), ids);
            Assert.Equal(plain, tokenizer.Decode(ids));
        }
    }

    [Fact]
    public void Llama3AsTokenizerJsonGivesTheRankFilesIds()
    {
        string file = SharedData.At("tokenizers/llama3-tiktoken.model");
        TextTokenizer ranks = TextTokenizer.Load(file);
        JsonObject json = TinyTokenizer.ByteLevel([], []);
        var vocab = new JsonObject();
        var merges = new JsonArray();
        for (int id = 0; id < 128_000; id++)
        {
            string token = ranks.TokenText(id);
            vocab[token] = id;
            IEnumerable<(int, int)> cuts = Enumerable.Range(1, token.Length - 1)
                .Select(cut => (ranks.TryIdOf(token[..cut]), ranks.TryIdOf(token[cut..])))
                .Where(pair => pair.Item1 < 128_000 && pair.Item2 < 128_000).Select(pair => (pair.Item1!.Value, pair.Item2!.Value)).Order();
            foreach ((int left, int right) in cuts) merges.Add($"{ranks.TokenText(left)} {ranks.TokenText(right)}");
        }
        json["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = vocab, ["merges"] = merges, ["ignore_merges"] = true };
        json["added_tokens"] = new JsonArray(TinyTokenizer.Added(128000, "<|begin_of_text|>"));
        json["post_processor"] = TinyTokenizer.Template("<|begin_of_text|>", 128000);
        string text = json.ToJsonString();
        var watch = Stopwatch.StartNew();
        TextTokenizer tokenizer = TinyTokenizer.LoadText(text);
        output.WriteLine($"tokenizer.json of {text.Length / 1e6:F1} MB, {merges.Count:N0} merges: loaded in {watch.Elapsed.TotalSeconds:F2} s");
        foreach (string sample in TextCorpus.All.Where(t => !t.Contains("<|", StringComparison.Ordinal))) Assert.Equal(ranks.Encode(sample), tokenizer.Encode(sample));
        foreach (string name in (string[])["haystack/r2-part0.txt", "longbench/multifieldqa_zh.jsonl"])
        {
            string sample = File.ReadAllText(SharedData.At(name));
            sample = sample[..Math.Min(sample.Length, 400_000)];
            int[] ids = Timed(tokenizer, name, sample);
            Assert.Equal(Timed(ranks, name, sample), ids);
            Assert.Equal(sample, tokenizer.Decode(ids));
        }
    }

    private int[] Timed(TextTokenizer tokenizer, string name, string text)
    {
        TimeSpan before = Environment.CpuUsage.TotalTime;
        int[] ids = tokenizer.Encode(text);
        double seconds = (Environment.CpuUsage.TotalTime - before).TotalSeconds;
        output.WriteLine($"{Path.GetFileName(tokenizer.Source)}, {name}: {ids.Length:N0} tokens, {ids.Length / seconds:N0} tokens per CPU second");
        return ids;
    }

    [Fact]
    public void Llama3SpecialTokensStandWhereMetaPutThem()
    {
        string file = SharedData.At("tokenizers/llama3-tiktoken.model");
        TextTokenizer tokenizer = TextTokenizer.Load(file);
        Assert.Equal((128000, 128001, 128009), (tokenizer.BosId, tokenizer.EosId, tokenizer.IdOf("<|eot_id|>")));
        Assert.Equal([128000, 128006, 9125, 128007, 271, 6151, 128009],
            tokenizer.Encode("<|start_header_id|>system<|end_header_id|>\n\nhi<|eot_id|>"));
        Assert.Equal("system\n\nhi", tokenizer.Decode([128000, 128006, 9125, 128007, 271, 6151, 128009]));
    }

    [Fact]
    public void AMegabyteWordIsNotQuadraticInAnyForm()
    {
        string ranks = SharedData.At("tokenizers/llama3-tiktoken.model");
        string word = string.Concat(Enumerable.Range(0, 1 << 18).Select(i => $"{(char)('a' + i * 7 % 26)}{(char)('a' + i * i % 26)}{(char)('a' + i % 5)}x"));
        foreach (string file in (string[])[ranks, SharedData.At("tokenizers/mistral-v0.3-tokenizer.json")])
        {
            TextTokenizer tokenizer = TextTokenizer.Load(file);
            var watch = System.Diagnostics.Stopwatch.StartNew();
            int[] ids = tokenizer.Encode(word);
            output.WriteLine($"{Path.GetFileName(file)}: {word.Length:N0} letters, {ids.Length:N0} tokens in {watch.Elapsed.TotalSeconds:F2} s");
            Assert.True(watch.Elapsed.TotalSeconds < 120);
            Assert.Equal(word, tokenizer.Decode(ids));
        }
    }
}
