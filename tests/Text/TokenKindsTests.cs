using System.Text.RegularExpressions;
using HeadKvLab.Cache;
using HeadKvLab.Text;

namespace HeadKvLab.Tests.Text;

/// <summary>Kinds of tokens over byte-level and SentencePiece vocabularies, by each token's text; chat marks by hand.</summary>
public sealed partial class TokenKindsTests
{
    private const TokenKind O = TokenKind.Ordinary, S = TokenKind.Special, P = TokenKind.Punctuation;

    /// <summary>256 " ,", 257 ".\n", 258 two blanks, 259 "a.", 260 "]\n"; special: 261.</summary>
    private static TextTokenizer Bytes() => TinyTokenizer.Load(TinyTokenizer.ByteLevel(["Ġ ,", ". Ċ", "Ġ Ġ", "a .", "] Ċ"], "<|bos|>"));

    [Fact]
    public void Bytes_and_what_is_merged_of_them()
    {
        var kinds = new TokenKinds(Bytes());
        Assert.Equal([P, P, O, O, P, S], kinds.Of([256, 257, 258, 259, 260, 261]));
        Assert.Equal([P, P, O, O, O, O, O, P], kinds.Of([',', '~', 'A', '7', ' ', '\n', 0xC3, '$']));
        Assert.Equal([O, O, O], kinds.Of([262, 99_999, -1]));   // rows that only pad an embedding
        Assert.Equal([], kinds.Of([]));
        Assert.Equal([P, P, P, O, P], new TokenKinds(Bytes(), blanks: true).Of([256, 258, '\n', 'A', ' ']));
    }

    /// <summary>Every token of the fixtures, against what its text looks like.</summary>
    [Theory]
    [InlineData("gpt2.json"), InlineData("llama3.json"), InlineData("qwen.json"), InlineData("llama2.json"), InlineData("metaspace.json"), InlineData("digits.json")]
    public void Every_token_is_what_its_text_is(string file) => Check(TextTokenizer.Load(Repository.Path("tests", "fixtures", "tokenizers", file)));

    [Fact]
    public void So_is_every_token_of_the_bundled_model()
    {
        Check(Repository.Model.Tokenizer);
        var (ids, kinds) = (Repository.Model.Tokenizer.Encode("The old town, she said."), Repository.Model.Kinds.Value);
        var found = kinds.Of(ids);
        Assert.Equal((S, P), (found[0], found[^1]));
        Assert.Equal(1, found.Count(k => k == S));
        Assert.Equal(2, found.Count(k => k == P));
    }

    private static void Check(TextTokenizer tokenizer)
    {
        int[] ids = [.. Enumerable.Range(0, tokenizer.VocabSize).Where(tokenizer.HasToken)];
        var (kinds, seen) = (new TokenKinds(tokenizer).Of(ids), new HashSet<TokenKind>());
        for (var i = 0; i < ids.Length; i++)
        {
            var text = tokenizer.Decode([ids[i]], skipSpecial: false);
            var expected = tokenizer.IsSpecial(ids[i]) ? S : Signs().IsMatch(text) ? P : O;
            Assert.True(expected == kinds[i], $"{ids[i]} '{text}' is {kinds[i]}");
            seen.Add(expected);
        }
        Assert.Superset(new HashSet<TokenKind> { O, P }, seen);
    }

    [GeneratedRegex(@"^[ \t-\r]*[!-/:-@\[-`{-~][ \t-\r!-/:-@\[-`{-~]*\z")]
    private static partial Regex Signs();

    private const string Llama2 =
        "{% for m in messages %}{% if m.role == 'system' %}[INST] <<SYS>>\n{{ m.content }}\n<</SYS>>\n\n{% elif m.role == 'user' %}{{ m.content }} [/INST]{% else %} {{ m.content }} </s><s>[INST] {% endif %}{% endfor %}";

    [Fact]
    public void Marks_are_the_templates_words_in_brackets()
    {
        Assert.Equal(["[INST]", "<<SYS>>", "<</SYS>>", "[/INST]", "</s>", "<s>"], ChatMarks.Of(ChatTemplate.Parse(Llama2)));
        Assert.Equal(["<|user|>", "<|assistant|>"], ChatMarks.Of(ChatTemplate.Parse("{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}<|{{ m.role }}|>\n{{ m.content }}{% endfor %}")));
        Assert.Empty(ChatMarks.Of(ChatTemplate.Parse("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}")));
        Assert.Throws<LabException>(() => ChatMarks.Of(ChatTemplate.Parse("{{ raise_exception('never') }}")));
    }

    /// <summary>A mark that the tokenizer spells out, one of whose tokens holds the line's end, too; twice the same; one that is cut off; brackets of the text.</summary>
    [Theory]
    [InlineData("[INST]\nHi", "SSSSSSOO")]
    [InlineData("a[INST][INST]b", "OSSSSSSSSSSSSO")]
    [InlineData("[INS", "POOO")]
    [InlineData("[x]", "POP")]
    [InlineData("x[/INST] [INST", "OSSSSSSSOPOOOO")]
    public void A_mark_in_ordinary_tokens_is_special(string text, string expected)
    {
        var ids = Bytes().Encode(text);
        Assert.Equal(expected, string.Concat(new TokenKinds(Bytes(), ["[INST]", "[/INST]"]).Of(ids).Select(k => "OSP"[(int)k])));
        Assert.DoesNotContain(S, new TokenKinds(Bytes()).Of(ids));
    }

    /// <summary>With the template its marks are special, without it they are punctuation and words.</summary>
    [Fact]
    public void A_folder_gives_its_templates_marks()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("tokenizer.json"), TinyTokenizer.ByteLevel([], "<|bos|>").ToJsonString());
        File.WriteAllText(folder.File("chat_template.jinja"), Llama2);
        var tokenizer = TextTokenizer.Load(folder.Path);
        Assert.Equal([S, S, S, S, S, S, S, O, O, O], TokenKinds.Load(folder.Path, tokenizer).Of(tokenizer.Encode("<|bos|>[INST] Hi")));
        File.Delete(folder.File("chat_template.jinja"));
        Assert.Equal([S, P, O, O, O, O, P, O, O, O], TokenKinds.Load(folder.Path, tokenizer).Of(tokenizer.Encode("<|bos|>[INST] Hi")));
    }

    /// <summary>Whatever pieces spell the mark, they are special, and the words beside them are not.</summary>
    [Fact]
    public void A_SentencePiece_vocabulary_too()
    {
        var tokenizer = TextTokenizer.Load(Repository.Path("tests", "fixtures", "tokenizers", "metaspace.json"));
        var ids = tokenizer.Encode("in <<SYS>> in", addSpecial: false);
        var kinds = new TokenKinds(tokenizer, ["<<SYS>>"]).Of(ids);
        var (first, last) = (Array.IndexOf(kinds, S), Array.LastIndexOf(kinds, S));
        Assert.InRange(first, 1, ids.Length - 2);
        Assert.InRange(last, first + 1, ids.Length - 2);
        Assert.All(kinds[first..last], k => Assert.Equal(S, k));
        Assert.Equal("<<SYS>>", tokenizer.Decode(ids.AsSpan(first, last - first + 1)).Trim());
    }
}
