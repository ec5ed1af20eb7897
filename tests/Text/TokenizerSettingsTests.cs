using HeadKvLab.Text;

namespace HeadKvLab.Tests.Text;

/// <summary>What stands beside tokenizer.json, on a small Llama-2 tokenizer: &lt;s&gt; 1, &lt;/s&gt; 2, [INST] 527 only among its added tokens.</summary>
public sealed class TokenizerSettingsTests
{
    private const string Ends = """ "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>" """;

    private static TempFolder Folder(params (string Name, string Text)[] files)
    {
        var folder = new TempFolder();
        File.Copy(Repository.Path("tests", "fixtures", "tokenizers", "llama2.json"), folder.File("tokenizer.json"));
        foreach ((string name, string text) in files) File.WriteAllText(folder.File(name), text);
        return folder;
    }

    private static TextTokenizer Load(params (string Name, string Text)[] files)
    {
        using TempFolder folder = Folder(files);
        return TextTokenizer.Load(folder.Path);
    }

    private static string Refusal(params (string Name, string Text)[] files) => Assert.Throws<LabException>(() => Load(files)).Message;

    [Theory]
    [InlineData("LlamaTokenizer", """ "add_bos_token": false, "add_eos_token": false """, false, false)]
    [InlineData("LlamaTokenizerFast", """ "add_bos_token": true, "add_eos_token": true """, true, true)]
    [InlineData("PreTrainedTokenizerFast", """ "add_bos_token": true, "add_eos_token": true """, true, true)]
    [InlineData("LlamaTokenizer", """ "add_bos_token": true """, true, false)]
    [InlineData("LlamaTokenizer", """ "add_eos_token": true """, false, true)]       // one of the two replaces the file's post-processor
    [InlineData("LlamaTokenizer", """ "add_bos_token": null """, false, false)]      // null is false, and said
    [InlineData("LlamaTokenizer", """ "legacy": false """, true, false)]             // said nothing: the file's post-processor stands
    public void BeginAndEndAreWhatTheSettingsSay(string type, string settings, bool begins, bool ends)
    {
        TextTokenizer tokenizer = Load(("tokenizer_config.json", $$"""{ "tokenizer_class": "{{type}}", {{Ends}}, {{settings}} }"""));
        int[] plain = tokenizer.Encode("hello world", addSpecial: false);
        Assert.Equal([.. begins ? (int[])[1] : [], .. plain, .. ends ? (int[])[2] : []], tokenizer.Encode("hello world"));
        Assert.Equal([509, 303, 309, 353, 401], plain);
        Assert.Equal((1, 2), (tokenizer.BosId, tokenizer.EosId));
    }

    [Fact]
    public void ATokenOfTheSettingsAloneIsAToken()
    {
        TextTokenizer tokenizer = Load(("tokenizer_config.json", $$$"""{ {{{Ends}}}, "added_tokens_decoder": { "528": { "content": "<|im_start|>", "special": true, "normalized": false, "rstrip": true } } }"""));
        Assert.Equal([1, 528, 1, 527], tokenizer.Encode("<|im_start|> \n<s>[INST]"));
        Assert.Equal(529, tokenizer.VocabSize);
        Assert.True(tokenizer.IsSpecial(528));
        Assert.Equal("", tokenizer.Decode([528]));
    }

    [Fact]
    public void TheSettingsFlagsStandAndAnotherIdIsRefused()
    {
        string Token(int id, string flags) => $$$"""{ {{{Ends}}}, "added_tokens_decoder": { "{{{id}}}": { "content": "[INST]", "normalized": false, {{{flags}}} } } }""";
        Assert.Equal([527], Load(("tokenizer_config.json", Token(527, """ "special": true, "lstrip": true """))).Encode("  [INST]", addSpecial: false));
        Assert.Contains("id 600", Refusal(("tokenizer_config.json", Token(600, """ "special": true """))));
        Assert.Contains("added_tokens_decoder", Refusal(("tokenizer_config.json", """{ "added_tokens_decoder": { "x": { "content": "a" } } }""")));
    }

    [Fact]
    public void AddedTokensJsonAndSpecialTokensMapAreReadWhereTheSettingsDeclareNoTokens()
    {
        (string, string)[] old = [("added_tokens.json", """{ "<pad>": 528, "hello": 529 }"""), ("special_tokens_map.json", """{ "pad_token": "<pad>", "eos_token": { "content": "[INST]", "lstrip": false, "normalized": false, "rstrip": false, "single_word": false } }""")];
        TextTokenizer tokenizer = Load([("tokenizer_config.json", "{ " + Ends + " }"), .. old]);
        Assert.Equal([528, 529], tokenizer.Encode("<pad>hello", addSpecial: false)[..1].Append(tokenizer.IdOf("hello")));
        Assert.True(tokenizer.IsSpecial(528));
        Assert.False(tokenizer.IsSpecial(529));
        Assert.Equal(527, tokenizer.EosId);                     // the map's name wins over the settings'
        tokenizer = Load([("tokenizer_config.json", "{ " + Ends + """, "added_tokens_decoder": {} }"""), .. old]);
        Assert.Equal(2, tokenizer.EosId);                       // declared tokens, none here, switch both files off
        Assert.Null(tokenizer.TryIdOf("<pad>"));
        Assert.Contains("id 700", Refusal(("added_tokens.json", """{ "<pad>": 700 }""")));
    }

    /// <summary>A token of the file that the settings only name: it keeps its flags in an older folder, and loses them where the settings declare tokens.</summary>
    [Fact]
    public void NamedTokensKeepTheFilesFlagsInOlderFolders()
    {
        using TempFolder folder = Folder();
        string file = File.ReadAllText(folder.File("tokenizer.json")).Replace("""{"id": 527, "content": "[INST]", "single_word": false, "lstrip": false""", """{"id": 527, "content": "[INST]", "single_word": false, "lstrip": true""");
        File.WriteAllText(folder.File("tokenizer.json"), file);
        File.WriteAllText(folder.File("tokenizer_config.json"), """{ "mask_token": "[INST]" }""");
        Assert.Equal([527], TextTokenizer.Load(folder.Path).Encode("  [INST]", addSpecial: false));
        File.WriteAllText(folder.File("tokenizer_config.json"), """{ "mask_token": "[INST]", "added_tokens_decoder": {} }""");
        Assert.NotEqual([527], TextTokenizer.Load(folder.Path).Encode("  [INST]", addSpecial: false));
    }

    [Fact]
    public void SpecialTokensWithoutAnIdAreAdded()
    {
        TextTokenizer tokenizer = Load(("tokenizer_config.json", "{ " + Ends + """, "added_tokens_decoder": {}, "pad_token": "<pad>", "additional_special_tokens": ["<a>", { "content": "<b>", "rstrip": true, "special": true }] }"""));
        Assert.Equal([528, 529, 530], tokenizer.Encode("<pad><a><b>  ", addSpecial: false));
        Assert.Equal(["<pad>", "<a>", "<b>"], new[] { 528, 529, 530 }.Select(tokenizer.TokenText));
    }

    [Fact]
    public void ChatTemplatesKnowTheNamesOfTheMap()
    {
        using TempFolder folder = Folder(("chat_template.jinja", "{{ bos_token }}{{ eos_token }}{{ image_token }}"), ("special_tokens_map.json", """{ "bos_token": "<begin>", "eos_token": { "content": "<end>" } }"""),
            ("tokenizer_config.json", """{ "bos_token": "<s>", "extra_special_tokens": { "image_token": "<image>" } }"""));
        Assert.Equal("<begin><end><image>", ChatTemplate.Load(folder.Path).Render([]));
    }

    /// <summary>transformers 5 makes the class LlamaTokenizer's pipeline itself: the blank mark stands before the text's beginning only, and never twice.</summary>
    [Fact]
    public void TheClassLlamaTokenizerHasItsOwnPipeline()
    {
        TextTokenizer Of(string settings) => Load(("tokenizer_config.json", "{ " + Ends + settings + " }"));
        TextTokenizer file = Of(""), own = Of(""", "tokenizer_class": "LlamaTokenizer" """), legacy = Of(""", "tokenizer_class": "LlamaTokenizer", "legacy": true """), bare = Of(""", "tokenizer_class": "LlamaTokenizer", "add_prefix_space": false """);
        int mark = file.IdOf("▁");
        string Spelled(TextTokenizer tokenizer, string text) => string.Join(' ', tokenizer.Encode(text, addSpecial: false).Select(tokenizer.TokenText));
        foreach (TextTokenizer tokenizer in (TextTokenizer[])[file, own, legacy]) Assert.Equal("▁ k", Spelled(tokenizer, "k"));
        Assert.Equal("k", Spelled(bare, "k"));
        Assert.Equal("</s> ▁ k", Spelled(file, "</s>k"));
        Assert.Equal("</s> k", Spelled(own, "</s>k"));
        Assert.Equal("</s> ▁ k", Spelled(legacy, "</s>k"));
        Assert.Equal("▁ k", Spelled(own, " k"));
        Assert.NotEqual("▁ k", Spelled(file, " k"));
        Assert.NotEqual(0, mark);
    }

    [Fact]
    public void SplitSpecialTokensIsRefused() => Assert.Contains("split_special_tokens", Refusal(("tokenizer_config.json", """{ "split_special_tokens": true }""")));

    /// <summary>The class counts where config.json names Llama or Mistral, or is not there.</summary>
    [Theory]
    [InlineData(null, true), InlineData("llama", true), InlineData("mistral", true), InlineData("qwen2", false)]
    public void TheClassCountsForLlamasModels(string? model, bool own)
    {
        (string, string)[] config = model is null ? [] : [("config.json", $$"""{ "model_type": "{{model}}" }""")];
        TextTokenizer tokenizer = Load([("tokenizer_config.json", "{ " + Ends + """, "tokenizer_class": "LlamaTokenizer" }"""), .. config]);
        Assert.Equal(own ? "</s> k" : "</s> ▁ k", string.Join(' ', tokenizer.Encode("</s>k", addSpecial: false).Select(tokenizer.TokenText)));
    }

    [Fact]
    public void TheClassHasNamesOfItsOwnThatTheSettingsMayChange()
    {
        string Names(string settings)
        {
            using TempFolder folder = Folder(("chat_template.jinja", "{{ bos_token }}{{ eos_token }}{{ unk_token }}"), ("tokenizer_config.json", settings));
            return ChatTemplate.Load(folder.Path).Render([]);
        }
        Assert.Equal("<s></s><unk>", Names("""{ "tokenizer_class": "LlamaTokenizer" }"""));
        Assert.Equal("", Names("""{ "tokenizer_class": "Other" }"""));
        Assert.Equal("<x></s><unk>", Names("""{ "tokenizer_class": "LlamaTokenizer", "bos_token": "<x>" }"""));
    }

    [Fact]
    public void TokensAreTakenInTheOrderOfTheirIds()
    {
        TextTokenizer declared = Load(("tokenizer_config.json", "{ " + Ends + """, "added_tokens_decoder": { "529": { "content": "<b>", "special": true }, "528": { "content": "<a>" } } }"""));
        Assert.Equal((528, 529, false, true), (declared.IdOf("<a>"), declared.IdOf("<b>"), declared.IsSpecial(528), declared.IsSpecial(529)));
        TextTokenizer old = Load(("tokenizer_config.json", "{ " + Ends + """, "additional_special_tokens": null, "extra_special_tokens": ["<b>"] }"""), ("added_tokens.json", """{ "<b>": 529, "<a>": 528 }"""));
        Assert.Equal((528, 529, false, true), (old.IdOf("<a>"), old.IdOf("<b>"), old.IsSpecial(528), old.IsSpecial(529)));
    }

    [Fact]
    public void WhatIsWrongIsToldWordForWord()
    {
        Assert.EndsWith("tokenizer_config.json: 'split_special_tokens' is true: special tokens in a text would be spelled out, which is not supported", Refusal(("tokenizer_config.json", """{ "split_special_tokens": true }""")), StringComparison.Ordinal);
        foreach (string id in (string[])["x", "-1", "1.5", ""])
            Assert.EndsWith($"tokenizer_config.json: 'added_tokens_decoder[{id}]' is no id: '{id}' is not a whole number", Refusal(("tokenizer_config.json", $$"""{ "added_tokens_decoder": { "{{id}}": { "content": "a" } } }""")), StringComparison.Ordinal);
    }
}
