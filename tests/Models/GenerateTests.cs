using System.Diagnostics;
using System.Text.Json.Nodes;
using HeadKvLab.Models;
using HeadKvLab.Tests.Text;
using HeadKvLab.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Models;

/// <summary>Text from a whole model folder (config, random weights, tokenizer, chat template, generation settings): what is asked, when it stops, what is streamed.</summary>
public sealed class GenerateTests : IDisposable
{
    private readonly TestFiles files = new();
    private readonly DisposeScope scope = NewDisposeScope();

    private static readonly ModelConfig Config = new()
    {
        Architecture = "LlamaForCausalLM", VocabSize = 272, HiddenSize = 16, IntermediateSize = 24, Layers = 2, QueryHeads = 4, KvHeads = 2, HeadDim = 4, MaxPositions = 512,
        TieEmbeddings = true, EosIds = [0],
    };

    public void Dispose()
    {
        scope.Dispose();
        files.Dispose();
    }

    /// <summary>Writes the folder. Special tokens take the ids from 257 on, in order; 256 is "he".</summary>
    private void Save(string template, params string[] special)
    {
        var random = new Random(3);
        ModelFolder.Save(files.Folder, Config, name =>
        {
            var shape = ModelTensors.Of(Config).Single(t => t.Name == name).Shape;
            return tensor(Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ => (float)(random.NextDouble() - 0.5) * 2).ToArray(), shape);
        });
        files.Write("tokenizer.json", TinyTokenizer.ByteLevel(["h e"], special).ToJsonString());
        files.Write("tokenizer_config.json", new JsonObject { ["chat_template"] = template, ["bos_token"] = special[0], ["eos_token"] = special[^1] }.ToJsonString());
    }

    private static string Template(string name) => File.ReadAllText(Path.Combine(TestFiles.Repository, "tests", "reference", "chat", name));

    /// <summary>Ids of a text in which a part such as <c>[3]</c> stands for special token 257 + 3, "he" for 256, and every other character for its byte.</summary>
    private static int[] Ids(params object[] parts) => [.. parts.SelectMany(part => part is int special ? [257 + special] : ((string)part).Replace("he", "\u0100").Select(c => (int)c))];

    [Fact]
    public void Llama3Chat()
    {
        Save(Template("llama3.jinja").Replace("is not defined", "is defined").Replace("date_string + ", "'now' + "), "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>");
        using var writer = new TextGenerator(files.Folder);
        Assert.Equal(Ids(0, 1, "system", 2, "\n\nToday Date: now\n\n", 3, 1, "user", 2, "\n\nhey he", 3, 1, "assistant", 2, "\n\n"), writer.Chat(" hey he\n"));
    }

    [Fact]
    public void MistralChat()
    {
        Save(Template("mistral.jinja"), "<s>", "[INST]", "[/INST]", "</s>");
        using var writer = new TextGenerator(files.Folder);
        Assert.Equal(Ids(0, 1, " say he", 2), writer.Chat("say he"));
    }

    [Fact]
    public void ChatMl()
    {
        Save(Template("chatml.jinja"), "<|endoftext|>", "<|im_start|>", "<|im_end|>");
        using var writer = new TextGenerator(files.Folder);
        Assert.Equal(Ids(1, "system\nYou are a helpful assistant.", 2, "\n", 1, "user\nhe", 2, "\n", 1, "assistant\n"), writer.Chat("he"));
    }

    /// <summary>The program's answer to <c>--chat</c> is the library's, and what the program prints is what the library streams.</summary>
    [Fact]
    public void TheProgramChats()
    {
        Save(Template("chatml.jinja"), "<|endoftext|>", "<|im_start|>", "<|im_end|>");
        using var writer = new TextGenerator(files.Folder);
        var prompt = writer.Chat("tell he");
        var expected = writer.Write(prompt, writer.Settings with { MaxNewTokens = 24 });
        var (exit, text, figures) = Lab("--prompt", "tell he", "--chat", "-n", "24");
        Assert.Equal((0, expected.Text.ReplaceLineEndings("\n") + "\n"), (exit, text.ReplaceLineEndings("\n")));
        Assert.Contains($"{prompt.Length} prompt tokens", figures);
        Assert.Contains($"{expected.Ids.Length} new", figures);

        files.Write("prompt.txt", "<|im_start|>he");
        var drawn = Enumerable.Range(0, 3).Select(i => Lab("--prompt-file", files.Path("prompt.txt"), "-n", "20", "--temperature", "1.5", "--top-k", "40", "--top-p", "0.95", "--repetition-penalty", "1.2", "--seed", i == 2 ? "8" : "7").Output).ToArray();
        Assert.Equal(drawn[0], drawn[1]);
        Assert.NotEqual(drawn[0], drawn[2]);
    }

    private (int Exit, string Output, string Error) Lab(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])[Path.Combine(TestFiles.Repository, "bin", "HeadKvLab.dll"), "generate", "--model", files.Folder, .. arguments]) start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }

    [Fact]
    public void StopsAtAnyStopIdAtTheLimitAndAtTheEndOfTheContext()
    {
        Save("{{ 'x' }}", "<s>", "</s>");
        using var writer = new TextGenerator(files.Folder);
        var free = writer.Settings with { Sample = true, Temperature = 3, TopK = 0, Seed = 1, StopIds = [], MaxNewTokens = 40 };   // hot: tokens of many kinds
        var ids = writer.Write([1], free).Ids;
        Assert.Equal(40, ids.Length);
        var (third, seventh) = (ids[3], ids[7]);
        Assert.DoesNotContain(third, ids[..3]);
        Assert.Equal(ids[..3], writer.Write([1], free with { StopIds = [271, seventh, third] }).Ids);
        Assert.Equal(ids[..5], writer.Write([1], free with { MaxNewTokens = 5 }).Ids);
        Assert.Equal(ids[..Array.IndexOf(ids, seventh)], writer.Write([1], free with { StopIds = [seventh] }).Ids);
        Assert.Equal(512 - 500 + 1, writer.Write(new int[500], free with { MaxNewTokens = int.MaxValue }).Ids.Length);   // the last one needs no position

        files.Write("generation_config.json", new JsonObject { ["eos_token_id"] = new JsonArray(271, third), ["max_new_tokens"] = 9 }.ToJsonString());
        using var configured = new TextGenerator(files.Folder);
        Assert.Equal([271, third], configured.Settings.StopIds);
        Assert.Equal(9, configured.Settings.MaxNewTokens);

        files.Write("generation_config.json", """{"max_length":12,"eos_token_id":[],"no_repeat_ngram_size":1}""");   // prompt and text together
        using var limited = new TextGenerator(files.Folder);
        var rest = limited.Write([1, 2, 3], limited.Settings).Ids;
        Assert.Equal(9, rest.Length);
        Assert.Equal(12, rest.Concat([1, 2, 3]).Distinct().Count());
        Assert.Contains("leave no room below the max_length of 12", Lab("--prompt", new string('x', 12)).Error);
        Assert.Contains(" 2 new in ", Lab("--prompt", new string('x', 12), "-n", "2").Error);   // the option takes the place of max_length
    }

    [Fact]
    public void AnEmptyPromptIsTheBosWhereThereIsOne()
    {
        Save("{{ 'x' }}", "<s>", "</s>");
        using (var writer = new TextGenerator(files.Folder)) Assert.Equal([[257], Ids("he!")], [writer.Encode(""), writer.Encode("he!")]);
        files.Write("tokenizer_config.json", "{}");
        using (var without = new TextGenerator(files.Folder)) Assert.StartsWith("prompt: it is empty, and this model has no BOS", Assert.Throws<LabException>(() => without.Encode("")).Message);
        files.Write("tokenizer.json", "{}");
        Assert.Throws<LabException>(() => new TextGenerator(files.Folder));
    }

    /// <summary>A tokenizer that puts a BOS before every text: a template writes its own, and there is no second one.</summary>
    [Fact]
    public void AChatHasTheSpecialTokensOfItsTemplateAlone()
    {
        Save("{{ bos_token + messages[0]['content'] }}", "<s>", "</s>");
        var tokenizer = TinyTokenizer.ByteLevel(["h e"], "<s>", "</s>");
        tokenizer["post_processor"] = TinyTokenizer.Template("<s>", 257);
        files.Write("tokenizer.json", tokenizer.ToJsonString());
        using var writer = new TextGenerator(files.Folder);
        Assert.Equal([Ids(0, "he"), Ids(0, "he")], [writer.Encode("he"), writer.Chat("he")]);
    }

    /// <summary>A prompt that cannot be run is refused before the weights are read, one of which is damaged here; other prompts are told of it.</summary>
    [Fact]
    public void APromptIsCheckedBeforeTheWeightsAreRead()
    {
        Save("{{ 'x' }}", "<s>", "</s>");
        var bytes = File.ReadAllBytes(files.Path("model.safetensors"));
        BitConverter.TryWriteBytes(bytes.AsSpan(^4), float.NaN);
        files.Write("model.safetensors", bytes);
        using var writer = new TextGenerator(files.Folder);
        Assert.StartsWith("prompt: it holds 0 tokens", Assert.Throws<LabException>(() => writer.Write([], writer.Settings)).Message);
        Assert.Contains("holds NaN or infinity", Assert.Throws<LabException>(() => writer.Write([1], writer.Settings)).Message);
    }

    /// <summary>Two of three tokens are decoded, over 5 and 6 entries of each of 4 heads, which are 2 · 4 numbers of 4 bytes: 704 bytes for each on average; a single token comes from the prompt.</summary>
    [Fact]
    public void BytesAreThoseThatADecodedTokenReads()
    {
        Save("{{ 'x' }}", "<s>", "</s>");
        using var writer = new TextGenerator(files.Folder);
        var settings = writer.Settings with { StopIds = [], MaxNewTokens = 3 };
        var written = writer.Write([5, 6, 7, 8], settings);
        Assert.Equal((704, 16, 512, 24), (written.TouchedBytes, written.Entries, written.Bytes, written.EntriesAtEnd));
        Assert.Null(writer.Write([5, 6, 7, 8], settings with { MaxNewTokens = 1 }).TouchedBytes);
    }

    /// <summary>Streamed pieces joined are the text, and no piece ends within a character (random bytes make many broken ones: each comes out whole or as U+FFFD).</summary>
    [Fact]
    public void StreamsWholeCharactersAndStopsOnRequest()
    {
        Save("{{ 'x' }}", "<s>", "</s>");
        using var writer = new TextGenerator(files.Folder);
        var settings = writer.Settings with { Sample = true, Temperature = 5, TopK = 0, StopIds = [], MaxNewTokens = 200 };
        var pieces = new List<string>();
        var all = writer.Write([5, 6], settings, pieces.Add);
        Assert.Equal(all.Text, string.Concat(pieces));
        Assert.Contains(all.Ids, id => id > 258); // the embedding has 13 rows more than there are tokens: no text
        var tokenizer = TextTokenizer.Load(files.Folder);
        Assert.Equal(tokenizer.Decode(all.Ids.Where(id => id <= 258).ToArray()), all.Text);
        Assert.Equal(all.Text, tokenizer.DecodeGenerated(all.Ids));
        Assert.True(pieces.Count > 50);
        Assert.All(pieces, piece => Assert.False(char.IsHighSurrogate(piece[^1])));

        using var interrupt = new CancellationTokenSource();
        var shown = 0;
        Assert.InRange(writer.Write([5, 6], settings, _ => { if (++shown == 3) interrupt.Cancel(); }, interrupt.Token).Ids.Length, 3, 20);
    }
}
