using System.Text;
using HeadKvLab.Text;

namespace HeadKvLab.Tests.Text;

/// <summary>Rank files that their size tells, made up: the special tokens stand where Meta's and Qwen's own programs put them; and what rank files of a folder are refused for.</summary>
public sealed class KnownRankFilesTests : FolderTests
{
    /// <summary>All bytes, then all pairs, then as many triples as are wanted.</summary>
    private static string Lines(int count) => string.Join('\n', Enumerable.Range(0, count).Select(i =>
        $"{Convert.ToBase64String(i < 256 ? [(byte)i] : i < 65792 ? [(byte)((i - 256) >> 8), (byte)i] : [(byte)(1 + ((i - 65792) >> 16)), (byte)((i - 65792) >> 8), (byte)i])} {i}"));

    private TextTokenizer Load(string name, string lines)
    {
        File.WriteAllText(Inside(name), lines);
        return TextTokenizer.Load(Folder);
    }

    [Fact]
    public void Llama3s_special_tokens_follow_its_128000()
    {
        var tokenizer = Load("tokenizer.model", Lines(128_000) + "\n");
        Assert.Equal((128_256, 128_000, 128_001), (tokenizer.VocabSize, tokenizer.BosId, tokenizer.EosId));
        foreach (var (token, id) in ((string, int)[])[("<|begin_of_text|>", 128_000), ("<|end_of_text|>", 128_001), ("<|reserved_special_token_0|>", 128_002), ("<|reserved_special_token_3|>", 128_005), ("<|start_header_id|>", 128_006),
            ("<|end_header_id|>", 128_007), ("<|reserved_special_token_4|>", 128_008), ("<|eot_id|>", 128_009), ("<|reserved_special_token_5|>", 128_010), ("<|reserved_special_token_250|>", 128_255)])
        {
            Assert.Equal(id, tokenizer.IdOf(token));
            Assert.True(tokenizer.IsSpecial(id));
        }
        Assert.Equal([128_000, 'a', 128_009], tokenizer.Encode("a<|eot_id|>"));
        Assert.Equal([256 + ('1' << 8) + '2', '3', ' ', '4'], tokenizer.Encode("123 4", addSpecial: false));           // pairs join, the pattern takes up to three digits
    }

    [Fact]
    public void Qwens_special_tokens_follow_its_151643_and_text_is_composed()
    {
        var tokenizer = Load("qwen.tiktoken", Lines(151_643).Replace("\n", "\r\n"));                                  // a last line without its end
        Assert.Equal((151_851, null, 151_643), (tokenizer.VocabSize, tokenizer.BosId, tokenizer.EosId));
        foreach (var (token, id) in ((string, int)[])[("<|endoftext|>", 151_643), ("<|im_start|>", 151_644), ("<|im_end|>", 151_645), ("<|extra_0|>", 151_646), ("<|extra_204|>", 151_850)]) Assert.Equal(id, tokenizer.IdOf(token));
        Assert.Equal(['1', '2'], tokenizer.Encode("12"));                                                              // each digit on its own
        Assert.Equal(tokenizer.Encode("é"), tokenizer.Encode("e\u0301"));
    }

    [Fact]
    public void A_file_of_another_size_is_refused_with_the_way_out() =>
        Assert.Equal($"{Inside("tokenizer.model")}: a rank file of 300 lines is neither Llama-3's (128,000) nor Qwen's (151,643): its pattern and special tokens are not in the file; load it with TextTokenizer.LoadRanks, which takes them.",
            Assert.Throws<LabException>(() => Load("tokenizer.model", Lines(300))).Message);

    private string Refused(string lines, string? bos = null)
    {
        File.WriteAllText(Inside("x.tiktoken"), lines);
        return Assert.Throws<LabException>(() => TextTokenizer.LoadRanks(Inside("x.tiktoken"), @"\S+|\s+", new Dictionary<string, int> { ["<x>"] = 300 }, bos)).Message;
    }

    [Fact]
    public void Broken_lines_and_missing_bytes_are_told()
    {
        foreach (var line in (string[])["YQ==", " 300", "YQ== x", "YQ== -1", "YQ 300", "? 300"])
            Assert.Equal($"{Inside("x.tiktoken")}: line 257 is not 'base64 rank': the file is damaged: download it again.", Refused(Lines(256) + "\n" + line));
        Assert.Equal($"{Inside("x.tiktoken")}: no token for the byte 0xFF: the file is incomplete: download it again.", Refused(Lines(255)));
        Assert.Equal($"{Inside("x.tiktoken")}: '<y>' is not among its special tokens.", Refused(Lines(256), "<y>"));
    }

    [Fact]
    public void Empty_lines_are_passed_over_and_special_text_is_skipped_when_decoding()
    {
        File.WriteAllText(Inside("x.tiktoken"), Lines(257) + "\n\n\r\n");
        var tokenizer = TextTokenizer.LoadRanks(Inside("x.tiktoken"), @"\S+|\s+", new Dictionary<string, int> { ["<x>"] = 300 }, "<x>");
        Assert.Equal([300, 'a', 300, ' ', 256], tokenizer.Encode("a<x> \0\0"));
        Assert.Equal("a \0\0", tokenizer.Decode([300, 'a', 300, ' ', 256]));
        Assert.Equal("<x>a", tokenizer.Decode([300, 'a'], skipSpecial: false));
        Assert.Equal((301, 300, null), (tokenizer.VocabSize, tokenizer.BosId, tokenizer.EosId));
        Assert.False(tokenizer.HasToken(280));
        Assert.Equal("a", tokenizer.DecodeGenerated(['a', 280, 5000]));
    }

    [Fact]
    public void Settings_beside_a_rank_file_must_fit_it()
    {
        string Said(string config)
        {
            File.WriteAllText(Inside("tokenizer_config.json"), config);
            return Refused(Lines(256));
        }
        Assert.EndsWith("adds '<x>' with id 301, which the rank file beside it does not have: use a folder with a tokenizer.json", Said("""{"added_tokens_decoder":{"301":{"content":"<x>"}}}"""));
        Assert.EndsWith("adds '<y>' with id 300, which the rank file beside it does not have: use a folder with a tokenizer.json", Said("""{"added_tokens_decoder":{"300":{"content":"<y>"}}}"""));
        Assert.EndsWith("names the special token '<y>', which the rank file beside it does not have: use a folder with a tokenizer.json", Said("""{"pad_token":"<y>"}"""));
        File.WriteAllText(Inside("tokenizer_config.json"), """{"added_tokens_decoder":{"300":{"content":"<x>"}},"eos_token":"<x>","add_eos_token":true}""");
        Assert.Equal(['a', 300], TextTokenizer.LoadRanks(Inside("x.tiktoken"), @"\S+|\s+", new Dictionary<string, int> { ["<x>"] = 300 }).Encode("a"));
    }

    [Fact]
    public void What_is_no_tokenizers_file_is_refused_by_name()
    {
        File.WriteAllText(Inside("x.bin"), "nothing");
        Assert.Equal($"{Inside("x.bin")}: not a tokenizer file known here: give a tokenizer.json, a SentencePiece .model or a .tiktoken rank file.", Assert.Throws<LabException>(() => TextTokenizer.Load(Inside("x.bin"))).Message);
        Assert.Equal($"{Folder}: no tokenizer.json, tokenizer.model or qwen.tiktoken: copy the tokenizer of the model into its folder.", Assert.Throws<LabException>(() => TextTokenizer.Load(Folder)).Message);
        Assert.Equal($"{Inside("none")}: no such folder: give the folder of a Hugging Face model.", Assert.Throws<LabException>(() => TextTokenizer.Load(Inside("none"))).Message);
        Assert.StartsWith($"{Inside("none")}: cannot be read: ", Assert.Throws<LabException>(() => TextTokenizer.LoadRanks(Inside("none"), "a", new Dictionary<string, int>())).Message);
    }

    [Fact]
    public void Which_data_look_like_ranks()
    {
        foreach (var yes in (string[])["YQ== 0\nYg== 1", "YQ== 0", "YQ== 0\r\nx"]) Assert.True(RankFile.Looks(Encoding.ASCII.GetBytes(yes)), yes);
        foreach (var no in (string[])["", "\nYQ== 0", "YQ==", " 0", "YQ== 0x", "YQ== ", "Y?== 0", "\u000A\u0005"]) Assert.False(RankFile.Looks(Encoding.ASCII.GetBytes(no)), no);
    }
}
