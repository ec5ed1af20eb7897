using HeadKvLab.Text;

namespace HeadKvLab.Tests.Text;

/// <summary>How a text is cut at what a pattern matched, by hand for each behaviour.</summary>
public sealed class PreTokenizerTests
{
    private static string Cut(IPreTokenizer cutter, string text, bool first = true)
    {
        List<ReadOnlyMemory<char>> words = ["before".AsMemory()];
        cutter.Cut(text.AsMemory(), first, words);
        Assert.Equal("before", words[0].ToString());
        return string.Join('|', words.Skip(1));
    }

    private static SplitPreTokenizer Dashes(SplitBehavior behavior, bool invert = false) => new(SplitPreTokenizer.Fixed("-"), behavior, invert);

    [Theory]
    [InlineData(nameof(SplitBehavior.Isolated), "a|-|-|b|-|c", "-|a", "a|-"), InlineData(nameof(SplitBehavior.Removed), "a|b|c", "a", "a"), InlineData(nameof(SplitBehavior.Contiguous), "a|--|b|-|c", "-|a", "a|-")]
    [InlineData(nameof(SplitBehavior.MergedWithPrevious), "a-|-|b-|c", "-|a", "a-"), InlineData(nameof(SplitBehavior.MergedWithNext), "a|-|-b|-c", "-a", "a|-")]
    public void What_becomes_of_a_match(string behavior, string inside, string begins, string ends)
    {
        var cutter = Dashes(Enum.Parse<SplitBehavior>(behavior));
        Assert.Equal((inside, begins, ends, "", "abc"), (Cut(cutter, "a--b-c"), Cut(cutter, "-a"), Cut(cutter, "a-"), Cut(cutter, ""), Cut(cutter, "abc")));
    }

    [Theory]
    [InlineData(nameof(SplitBehavior.Isolated), "a|-|-|b"), InlineData(nameof(SplitBehavior.Removed), "-|-"), InlineData(nameof(SplitBehavior.Contiguous), "a|--|b")]
    [InlineData(nameof(SplitBehavior.MergedWithPrevious), "a|-|-b"), InlineData(nameof(SplitBehavior.MergedWithNext), "a-|-|b")]
    public void Inverted_the_stretches_between_count_as_matches(string behavior, string expected) => Assert.Equal(expected, Cut(Dashes(Enum.Parse<SplitBehavior>(behavior), invert: true), "a--b"));

    [Fact]
    public void A_fixed_text_is_found_without_overlap() => Assert.Equal("aa|aa|a", Cut(new SplitPreTokenizer(SplitPreTokenizer.Fixed("aa"), SplitBehavior.Isolated, false), "aaaaa"));

    [Fact]
    public void A_blank_is_put_before_what_begins_with_none() => Assert.Equal((" a", " a"), (Cut(new PrefixSpacePreTokenizer(), "a"), Cut(new PrefixSpacePreTokenizer(), " a")));

    [Fact]
    public void Blanks_become_marks_and_words_begin_at_each()
    {
        static MetaspacePreTokenizer Marks(MetaspacePreTokenizer.Prepend scheme, bool split = true, bool blanks = false) => new('▁', scheme, split) { PrependsToBlanks = blanks };
        Assert.Equal(("▁a|▁b", "▁a|▁b", "▁a|▁b"), (Cut(Marks(MetaspacePreTokenizer.Prepend.Always), "a b"), Cut(Marks(MetaspacePreTokenizer.Prepend.Always), " a b"), Cut(Marks(MetaspacePreTokenizer.Prepend.Always), "a b", first: false)));
        Assert.Equal(("▁a|▁b", "a|▁b"), (Cut(Marks(MetaspacePreTokenizer.Prepend.First), "a b"), Cut(Marks(MetaspacePreTokenizer.Prepend.First), "a b", first: false)));
        Assert.Equal(("a|▁b", "a▁b"), (Cut(Marks(MetaspacePreTokenizer.Prepend.Never), "a b"), Cut(Marks(MetaspacePreTokenizer.Prepend.Never, split: false), "a b")));
        Assert.Equal("▁▁a", Cut(Marks(MetaspacePreTokenizer.Prepend.First, split: false, blanks: true), " a"));
        Assert.Equal((true, false, false), (Marks(MetaspacePreTokenizer.Prepend.First).OnlyFirst, Marks(MetaspacePreTokenizer.Prepend.Always).OnlyFirst, Marks(MetaspacePreTokenizer.Prepend.Never).OnlyFirst));
    }

    /// <summary>Each step cuts the words of the one before; the mark of the text's beginning is put in front of its first word only, and of none when that was removed.</summary>
    [Fact]
    public void Steps_follow_each_other()
    {
        var first = new MetaspacePreTokenizer('▁', MetaspacePreTokenizer.Prepend.First, split: false);
        Assert.Equal("▁a|-|b", Cut(new SequencePreTokenizer([Dashes(SplitBehavior.Isolated), first]), "a-b"));
        Assert.Equal("a|-|b", Cut(new SequencePreTokenizer([Dashes(SplitBehavior.Isolated), first]), "a-b", first: false));
        Assert.Equal("a|b", Cut(new SequencePreTokenizer([Dashes(SplitBehavior.Removed), first]), "-a-b"));
        Assert.Equal("▁▁a|-|b", Cut(new SequencePreTokenizer([first, Dashes(SplitBehavior.Isolated), new MetaspacePreTokenizer('▁', MetaspacePreTokenizer.Prepend.First, split: false) { PrependsToBlanks = true }]), "a-b"));
        Assert.Equal((true, false), (new SequencePreTokenizer([Dashes(SplitBehavior.Removed), first]).MarksBeginnings, new SequencePreTokenizer([Dashes(SplitBehavior.Removed)]).MarksBeginnings));
        Assert.Equal("", Cut(new SequencePreTokenizer([Dashes(SplitBehavior.Removed), first]), "-"));
    }

    /// <summary>The 188 printable bytes stand for themselves, the 68 others follow in order from U+0100.</summary>
    [Fact]
    public void The_byte_alphabet_by_hand()
    {
        foreach (var (value, letter) in ((byte, char)[])[(0, 'Ā'), (32, 'Ġ'), (33, '!'), (126, '~'), (127, '\u0121'), (0xA0, '\u0142'), (0xA1, '¡'), (0xAC, '¬'), (0xAD, '\u0143'), (0xAE, '®'), (0xFF, 'ÿ')])
        {
            Assert.Equal(letter, ByteAlphabet.CharOf(value));
            Assert.Equal(value, ByteAlphabet.ByteOf(letter));
        }
        foreach (var outside in " \u007F\u00A0\u00AD\u0144\uFFFF") Assert.Null(ByteAlphabet.ByteOf(outside));
        Assert.Equal("ĠÃ©", ByteAlphabet.Write(" é"));
        Assert.Equal(" é"u8.ToArray(), ByteAlphabet.Read("ĠÃ©"));
        Assert.Equal("Ġ€"u8.ToArray(), ByteAlphabet.Read("Ġ€"));     // a letter outside the alphabet: the text's own bytes
    }
}
