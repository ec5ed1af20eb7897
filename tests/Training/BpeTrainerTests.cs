using System.Text.Json.Nodes;
using HeadKvLab.Text;
using HeadKvLab.Training;
using HeadKvLab.World;

namespace HeadKvLab.Tests.Training;

public class BpeTrainerTests
{
    [Fact]
    public void MergesTheMostFrequentPairFirst()
    {
        // "ab" and "abc": a b stands in both (2), b c in one (1); then ab c.
        var vocabulary = BpeTrainer.Train([new("ab", 1), new("abc", 1)]);
        Assert.Equal([("a", "b"), ("ab", "c")], vocabulary.Merges);
        Assert.Equal(258, vocabulary.Texts.Count);
    }

    [Fact]
    public void EqualCountsGoToThePairThatSortsFirstWhateverTheOrderOfTheList()
    {
        var one = BpeTrainer.Train([new("xy", 1), new("cd", 1)]);
        var two = BpeTrainer.Train([new("cd", 1), new("xy", 1)]);
        Assert.Equal([("c", "d"), ("x", "y")], one.Merges);
        Assert.Equal(one.Merges, two.Merges);
    }

    [Fact]
    public void RepeatedPairsInsideAWordAreMergedFromTheLeft()
    {
        var vocabulary = BpeTrainer.Train([new("aaa", 1)]);
        Assert.Equal([("a", "a"), ("aa", "a")], vocabulary.Merges);
    }

    [Fact]
    public void WeightsDecideWhichPairIsFrequent()
    {
        var vocabulary = BpeTrainer.Train([new("ab", 1), new("cd", 5)]);
        Assert.Equal(("c", "d"), vocabulary.Merges[0]);
    }

    [Fact]
    public void ByteAlphabetCoversEveryByteOnce()
    {
        Assert.Equal(256, Enumerable.Range(0, 256).Select(b => ByteAlphabet.CharOf((byte)b)).Distinct().Count());
        Assert.Equal("ĠEva", ByteAlphabet.Write(" Eva"));
        Assert.Equal("é\n "u8.ToArray(), ByteAlphabet.Read(ByteAlphabet.Write("é\n ")));
    }

    [Fact]
    public void AnyTextSurvivesTheWrittenTokenizer()
    {
        var naive = NaiveBpe.World;
        const string text = "Zürich's 12345 kites,\n\n  unseen WORDS ☃ and\ttabs!";
        Assert.Equal(text, naive.Decode(naive.Encode(text)));
    }

    [Fact]
    public void WrittenFilesHaveTheFormOfTheHub()
    {
        var folder = Directory.CreateTempSubdirectory("tokenizer").FullName;
        HuggingFaceTokenizerFiles.Write(folder, WorldTokenizer.Shared.Vocabulary, WorldTokenizer.Specials, WorldTokenizer.SplitPattern, 8192);
        var json = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "tokenizer.json")))!.AsObject();
        Assert.Equal(["version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model"], json.Select(p => p.Key));
        Assert.Equal("BPE", (string)json["model"]!["type"]!);
        Assert.Equal(WorldTokenizer.Shared.BeginOfText, (int)json["added_tokens"]![0]!["id"]!);
        Assert.Equal(WorldTokenizer.Shared.BeginOfText, (int)json["post_processor"]!["processors"]![1]!["special_tokens"]!["<|begin_of_text|>"]!["ids"]![0]!);
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "tokenizer_config.json")))!;
        Assert.Equal("<|begin_of_text|>", (string)config["bos_token"]!);
        var generation = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "generation_config.json")))!;
        Assert.Equal(WorldTokenizer.Shared.EndOfText, (int)generation["eos_token_id"]!);
        Directory.Delete(folder, true);
    }
}
