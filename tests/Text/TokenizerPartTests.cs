using System.Text.Json.Nodes;
using HeadKvLab.Text;

namespace HeadKvLab.Tests.Text;

/// <summary>Parts of a tokenizer.json that contradict themselves or each other: refused with their place, word for word.</summary>
public sealed class TokenizerPartTests
{
    private const string ByteLevel = """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}""";
    private const string Dashes = """{"type":"Split","pattern":{"String":"-"},"behavior":"Isolated","invert":false}""";
    private const string First = """{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"}""";
    private const string A = """{"Sequence":{"id":"A","type_id":0}}""";

    private static void Refused(string message, params (string Part, string Json)[] parts)
    {
        var file = TinyTokenizer.ByteLevel(["h e", "l l", "he ll"], "<|bos|>");
        foreach (var (part, json) in parts)
        {
            JsonObject at = file;
            string[] names = part.Split('.');
            foreach (var name in names[..^1]) at = (JsonObject)at[name]!;
            at[names[^1]] = JsonNode.Parse(json);
        }
        Assert.EndsWith("tokenizer.json: " + message, Assert.Throws<LabException>(() => TinyTokenizer.Load(file)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("normalizer", """{"type":"Sequence","normalizers":[null]}""", "'normalizer.normalizers[0]' is null")]
    [InlineData("normalizer", """{"type":"Replace","pattern":{},"content":""}""", "'normalizer.pattern' should hold a String or a Regex")]
    [InlineData("normalizer", """{"type":"Replace","pattern":{"String":""},"content":""}""", "'normalizer.pattern' is empty")]
    [InlineData("normalizer", """{"type":"Lowercase"}""", "'normalizer' is a normalizer of type 'Lowercase'; known are NFC, NFKC, Prepend, Replace and Sequence: use a model with another tokenizer")]
    [InlineData("pre_tokenizer", """{"type":"Metaspace","replacement":"ab"}""", "'pre_tokenizer.replacement' is 'ab', not one character")]
    [InlineData("pre_tokenizer", """{"type":"Metaspace","replacement":"▁","prepend_scheme":"last"}""", "'pre_tokenizer.prepend_scheme' is 'last'; known are always, first and never")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"String":"a"},"behavior":"1","invert":false}""", "'pre_tokenizer' has the behaviour '1', which is not known")]
    [InlineData("pre_tokenizer", """{"type":"Sequence","pretokenizers":[""" + ByteLevel + "," + Dashes + "]}", "'pre_tokenizer.pretokenizers[1]' is a pre-tokenizer 'Split' after ByteLevel, which is not supported")]
    [InlineData("decoder", """{"type":"Fuse"}""", "'decoder' should be ByteLevel: the pre-tokenizer is, and nothing else can read its tokens")]
    [InlineData("decoder", "null", "'decoder' is missing: without it tokens cannot be joined to text")]
    [InlineData("decoder", """{"type":"Sequence","decoders":[{"type":"Strip","content":" ","start":1,"stop":0}]}""", "'decoder.decoders[0]' strips every token: only 'Strip' after 'Fuse' is supported")]
    [InlineData("decoder", """{"type":"Sequence","decoders":[{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true},{"type":"Fuse"}]}""", "'decoder.decoders[1]' is a decoder 'Fuse' where none can stand")]
    [InlineData("decoder", """{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"ByteFallback"}]}""", "'decoder.decoders[1]' is a decoder 'ByteFallback' where none can stand")]
    [InlineData("decoder", """{"type":"Strip","content":" ","start":2,"stop":0}""", "'decoder' is a decoder 'Strip' in a form that is not supported; known are ByteLevel, Metaspace and the sequence Replace, ByteFallback, Fuse, Strip")]
    [InlineData("model.merges", """["h e","l l","he ll",["","h"]]""", "'model.merges[3]' joins an empty token: the file is damaged: download it again")]
    [InlineData("model.merges", """["h e","h e"]""", "'model.merges[1]' repeats the rule 'h e': a rule has one rank")]
    [InlineData("model.merges", """["h e "]""", "'model.merges[0]' is 'h e ', not two tokens with one blank between them")]
    [InlineData("model.merges", """[["h","e","l"]]""", "'model.merges[0]' should be a pair")]
    [InlineData("model.dropout", "0.5", "'model.dropout' is 0.5, which is not supported")]
    [InlineData("truncation", """{"max_length":"x"}""", "'truncation.max_length' is \"x\" where a whole number below 2^31 is expected: correct the file, or take it from the model's own repository")]
    [InlineData("padding", """{"pad_id":"x"}""", "'padding.pad_id' is \"x\" where a whole number below 2^31 is expected: correct the file, or take it from the model's own repository")]
    [InlineData("model", """{"type":"WordPiece"}""", "'model' is of type 'WordPiece'; only BPE is supported: use a model with another tokenizer")]
    [InlineData("model", """{}""", "'model' is of type 'without a type'; only BPE is supported: use a model with another tokenizer")]
    public void A_part_is_refused_with_its_place(string part, string json, string message) => Refused(message, (part, json));

    [Theory]
    [InlineData(A + "," + A, "'post_processor.single[1]' should hold the text 'A' once")]
    [InlineData("""{"Sequence":{"id":"B","type_id":0}}""", "'post_processor.single[0]' should hold the text 'A' once")]
    [InlineData("""{"Foo":{"id":"A","type_id":0}}""", "'post_processor.single[0]' is neither a Sequence nor a SpecialToken")]
    [InlineData("""{"Sequence":{"id":"A","type_id":0},"SpecialToken":{"id":"A","type_id":0}}""", "'post_processor.single[0]' is neither a Sequence nor a SpecialToken")]
    [InlineData("""{"Sequence":{"id":"A","type_id":-1}}""", "'post_processor.single[0][Sequence].type_id' is below 0")]
    [InlineData("""{"Sequence":{"id":"C","type_id":0}}""", "'post_processor.single[0][Sequence].id' is neither 'A' nor 'B'")]
    [InlineData("""{"SpecialToken":{"id":"<|bos|>","type_id":0}}""", "'post_processor.single' does not hold the text 'A'")]
    [InlineData("""{"SpecialToken":{"id":"<x>","type_id":0}}""", "'post_processor.single[0].SpecialToken' names '<x>', which special_tokens does not list")]
    [InlineData("""{"SpecialToken":{"id":"<y>","type_id":0}},""" + A, "'post_processor.special_tokens.<y>.ids[0]' is 900, the id of no token: the file is damaged: download it again")]
    public void A_template_holds_the_text_once(string single, string message) => Refused(message,
        ("post_processor", """{"type":"TemplateProcessing","single":[""" + single + """],"pair":[],"special_tokens":{"<|bos|>":{"id":"<|bos|>","ids":[259],"tokens":["<|bos|>"]},"<y>":{"id":"<y>","ids":[900],"tokens":["<y>"]}}}"""));

    [Fact]
    public void Parts_that_contradict_each_other_are_refused()
    {
        foreach (var normalizer in (string[])["""{"type":"Prepend","prepend":"▁"}""", """{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Prepend","prepend":"▁"}]}"""])
            Refused("'pre_tokenizer' marks the beginning of a text after cutting it, while the normalizer writes something before it: the two are not supported together",
                ("normalizer", normalizer), ("pre_tokenizer", """{"type":"Sequence","pretokenizers":[""" + Dashes + "," + First + "]}"), ("decoder", """{"type":"Fuse"}"""));
        Refused("'model.unk_token' names '<none>', which is not in the vocabulary", ("pre_tokenizer", "null"), ("decoder", """{"type":"Fuse"}"""), ("model.unk_token", "\"<none>\""));
        Refused("'model.merges' joins 'x y' and 'h': no token of a byte-level vocabulary holds a blank", ("model.vocab.x y", "259"), ("model.vocab.x yh", "260"), ("added_tokens", "[]"), ("model.merges", """[["x y","h"]]"""));
        var lacking = TinyTokenizer.ByteLevel([]);
        ((JsonObject)lacking["model"]!["vocab"]!).Remove("b");
        lacking["model"]!["unk_token"] = "a";
        Assert.EndsWith("'model.vocab' lacks the byte 0x62 while 'unk_token' is set: a byte-level vocabulary holds all 256 bytes", Assert.Throws<LabException>(() => TinyTokenizer.Load(lacking)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, new int[] { '1', '2', '3', 'a' }), InlineData(false, new int[] { 256, '3', 'a' })]
    public void Digits_stand_alone_or_together(bool alone, int[] ids)
    {
        var file = TinyTokenizer.ByteLevel(["1 2", "3 a"]);
        file["pre_tokenizer"] = JsonNode.Parse($$"""{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":{{(alone ? "true" : "false")}}},{{ByteLevel}}]}""");
        Assert.Equal(ids, TinyTokenizer.Load(file).Encode("123a"));
    }

    [Theory]
    [InlineData("""{"type":"Metaspace","replacement":"_","prepend_scheme":"always"}""", "a b", 'a'), InlineData("""{"type":"Metaspace","replacement":"_","prepend_scheme":"never"}""", " a b", 'a'), InlineData("""{"type":"Metaspace","prepend_scheme":"never"}""", "_a_b", 'a')]
    public void A_metaspace_decoder_turns_its_mark_into_blanks(string decoder, string text, char letter)
    {
        var file = TinyTokenizer.ByteLevel([]);
        (file["pre_tokenizer"], file["decoder"]) = (null, JsonNode.Parse(decoder));
        Assert.Equal(text, TinyTokenizer.Load(file).Decode(['_', letter, '_', 'b']));
    }
}
