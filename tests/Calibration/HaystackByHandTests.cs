using HeadKvLab.Calibration;
using HeadKvLab.Tests.Text;
using HeadKvLab.Text;

namespace HeadKvLab.Tests.Calibration;

/// <summary>Both protocols' prompts with a tokenizer whose tokens are bytes, so that lengths and places are counted in letters; the begin-of-text mark is <c>●</c>.</summary>
public sealed class HaystackByHandTests
{
    private const string Question = "Based on the content of the book, Question: Q?\nAnswer:";
    private static readonly TextTokenizer Bytes = Tokenizer("●", "▁.");
    private static readonly Needle Hidden = new(" Hid it.", "Q?", "it");

    private static TextTokenizer Tokenizer(params string[] special)
    {
        var json = TinyTokenizer.ByteLevel([], special);
        if (special.Length > 0) json["post_processor"] = TinyTokenizer.Template("●", 256);
        return TinyTokenizer.Load(json);
    }

    private static string Reference(int longest, int length, int depth, string haystack = "One two. Three four. ")
    {
        var text = Bytes.Decode(new ReferenceHaystack(Bytes, longest).Build(haystack, Hidden, length, depth), skipSpecial: false);
        Assert.EndsWith(Question, text, StringComparison.Ordinal);
        return text[..^Question.Length];
    }

    /// <summary>40 words are ten copies, 210 letters and the mark. 200 tokens stay free and the needle takes 9 with its mark: of 230 tokens 21 are left for the context.</summary>
    [Theory]
    [InlineData(230, 100, "●●One two. Three four.● Hid it.")]
    [InlineData(230, 50, "●●One two.● Hid it. Three four.")]       // token 10 of 21 is the T; behind the full stop before it
    [InlineData(230, 43, "●●One two.● Hid it. Three four.")]       // token 9 stands right behind the full stop
    [InlineData(230, 42, "●● Hid it.●One two. Three four.")]       // no full stop in the first 8
    [InlineData(230, 0, "●● Hid it.●One two. Three four.")]
    [InlineData(210, 100, "●●● Hid it.")]                          // cut to 210 tokens, so with another mark; room for one token
    [InlineData(211, 100, "●●O● Hid it.")]                         // all 211 fit: nothing is cut first
    [InlineData(209, 100, "●● Hid it.")]                           // room for none
    [InlineData(0, 50, "●● Hid it.")]
    public void The_published_protocol_cuts_marks_and_hides(int length, int depth, string expected) => Assert.Equal(expected, Reference(40, length, depth));

    /// <summary>5 tokens and a needle of 9: Python's slice to -4 leaves out the last 4 of 206 (two marks and 204 letters).</summary>
    [Fact]
    public void A_length_below_the_needle_counts_from_the_end()
    {
        var copies = string.Concat(Enumerable.Repeat("One two. Three four. ", 10));
        Assert.Equal("●●●" + copies[..200] + "● Hid it.", Reference(40, 205, 100));
    }

    /// <summary>22 tokens and the needle's 9 are more than 25: 16 are left.</summary>
    [Fact]
    public void A_haystack_that_leaves_no_room_for_the_needle_is_cut() => Assert.Equal("●●One two. Three ● Hid it.", Reference(4, 225, 100));

    [Theory]
    [InlineData("One two. Three four. ", 4, 1), InlineData("One two. Three four. ", 5, 2), InlineData(" One two. Three four.", 8, 2), InlineData("One two. Three four. ", 0, 0)]
    [InlineData("One two. Three four.", 7, 2), InlineData("One two. Three four.", 8, 3)]     // copies meet without a blank: 4n - (n - 1) words
    public void The_haystack_repeats_until_it_has_the_words_of_the_longest_length(string haystack, int longest, int copies) =>
        Assert.Equal("●●" + string.Concat(Enumerable.Repeat(haystack, copies)) + "● Hid it.", Reference(longest, 1000, 100, haystack));

    [Fact]
    public void A_full_stop_behind_a_blank_ends_a_sentence_too() => Assert.Equal("●●One two▁.● Hid it. Three four ", Reference(4, 1000, 60, "One two▁. Three four "));

    [Fact]
    public void An_empty_haystack_is_refused() =>
        Assert.Equal("the haystack is empty: give it some text", Assert.Throws<LabException>(() => Reference(40, 230, 50, " \n")).Message);

    [Fact]
    public void Places_at_the_ends_of_prompts()
    {
        var (marked, plain) = (new ReferenceHaystack(Bytes, 10), new ReferenceHaystack(Tokenizer(), 10));
        int[] Ids(string text) => Bytes.Encode(text, addSpecial: false);
        Assert.Equal((1, 10), marked.FindNeedle(Ids("xabcdefghij"), "abcdefghij"));
        Assert.Equal((-1, 0), marked.FindNeedle(Ids("xabcdefghiX"), "abcdefghij"));    // nine tenths are not more than nine tenths
        Assert.Equal((-1, 0), marked.FindAnswer(Ids("abc●"), "abc"));                   // nothing stands behind the mark
        Assert.Equal((1, 0), marked.FindAnswer(Ids("●a"), ""));
        Assert.Equal((0, 3), plain.FindAnswer(Ids("abcxyz"), "abc"));                   // without marks any window counts
    }

    private static HaystackPrompt Clean(int length, double depth, Needle needle, string haystack = "Aa. Bb. Cc.", ChatTemplate? chat = null) =>
        HaystackPrompt.Build(Bytes, new NeedleSet([], [], haystack, "{context}|{question}"), needle, length, depth, chat);

    private static string Text(HaystackPrompt prompt) => Bytes.Decode(prompt.Ids, skipSpecial: false);

    /// <summary>The mark, the needle's 15 letters and <c>|Q</c> take 18 tokens, each sentence 4 more.</summary>
    [Theory]
    [InlineData(18, 0.5, "●Hid it. It hid.|Q"), InlineData(21, 0.5, "●Hid it. It hid.|Q"), InlineData(22, 0, "●Hid it. It hid. Aa.|Q"), InlineData(22, 1, "●Aa. Hid it. It hid.|Q")]
    [InlineData(34, 0.5, "●Aa. Bb. Hid it. It hid. Cc. Aa.|Q"), InlineData(34, 0.25, "●Aa. Hid it. It hid. Bb. Cc. Aa.|Q")]
    public void The_clean_protocol_fills_with_whole_sentences(int length, double depth, string expected)
    {
        var prompt = Clean(length, depth, new Needle("Hid it. It hid.", "Q", "it"));
        Assert.Equal(expected, Text(prompt));
        Assert.Equal((expected.IndexOf(" it", StringComparison.Ordinal), 3), prompt.Answer);     // the blank before a word is the word's
        Assert.Equal(prompt.Answer, prompt.Needle);
    }

    [Fact]
    public void A_needle_brings_its_own_haystack_and_blanks_make_no_sentence()
    {
        Assert.Equal("●Aa. Bb. Hid.|Q", Text(Clean(15, 1, new Needle("Hid.", "Q", "Hid"), "Aa.   . Bb.")));
        Assert.Equal("●Zz. Hid.|Q", Text(Clean(11, 1, new Needle("Hid.", "Q", "hid") { Haystack = "Zz." })));
    }

    [Fact]
    public void A_prompt_without_room_or_place_is_refused_with_the_needle()
    {
        Assert.Equal("a prompt of 17 tokens has no room for the needle 'Hid it. It hid....': it alone takes 18; use longer lengths.",
            Assert.Throws<LabException>(() => Clean(17, 0, new Needle("Hid it. It hid.", "Q", "it"))).Message);
        Assert.Contains($"'{new string('x', 40)}...'", Assert.Throws<LabException>(() => Clean(17, 0, new Needle(new string('x', 41), "Q", "x"))).Message);
        Assert.Equal("the needle 'Hid.' does not contain its answer 'seek', so that its place is unknown; write the answer as it stands in the needle.",
            Assert.Throws<LabException>(() => Clean(50, 0, new Needle("Hid.", "Q", "seek"))).Message);
    }

    [Fact]
    public void A_chat_template_writes_the_marks_itself()
    {
        var chat = ChatTemplate.Parse("{% for m in messages %}{{ m.role }}:{{ m.content }}{% endfor %}●");
        Assert.Equal("user:Hid.|Q●", Text(Clean(15, 0, new Needle("Hid.", "Q", "Hid"), chat: chat)));
    }

    [Theory]
    [InlineData(0, 0, 1, 1), InlineData(5, 4, 1, 1), InlineData(-1, 4, 1, 1), InlineData(0, 4, 0, 1), InlineData(0, 4, 1, 0)]
    public void What_makes_no_grid_is_refused(int shortest, int longest, int lengths, int depths) =>
        Assert.Equal($"haystack grid: {lengths} lengths from {shortest} to {longest} tokens and {depths} depths make no grid.", Assert.Throws<LabException>(() => HaystackGrid.Even(shortest, longest, lengths, depths)).Message);

    [Fact]
    public void Grids_by_hand()
    {
        var grid = HaystackGrid.Even(100, 400, 3, 2);
        Assert.Equal([100, 250, 400], grid.Lengths);
        Assert.Equal([0.0, 1], grid.Depths);
        grid = HaystackGrid.Even(7, 7, 1, 1);
        Assert.Equal((7, 0.0), (Assert.Single(grid.Lengths), Assert.Single(grid.Depths)));
    }
}
