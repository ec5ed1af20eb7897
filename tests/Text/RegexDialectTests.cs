using HeadKvLab.Text;

namespace HeadKvLab.Tests.Text;

/// <summary>Tokenizers' patterns: what Oniguruma would match, by hand, and what is refused with its place because .NET reads it differently.</summary>
public sealed class RegexDialectTests
{
    [Theory]
    [InlineData("^a", "the anchor '^'", 0), InlineData("a$", "the anchor '$'", 1), InlineData("(a", "an unclosed group", 2), InlineData("a)", "a ')' without '('", 1)]
    [InlineData("[a", "an unclosed class", 2), InlineData("[", "an unclosed class", 1), InlineData("[^", "an unclosed class", 2), InlineData("[[a]]", "a class inside a class", 1), InlineData("[a&&b]", "an intersection of classes '&&'", 2)]
    [InlineData("*a", "the quantifier '*' with nothing before it", 0), InlineData("a|+", "the quantifier '+' with nothing before it", 2), InlineData("(?a)", "the group '(?a)'", 0), InlineData("(*a)", "the quantifier '*' with nothing before it", 1), InlineData("{2}", "the quantifier '{' with nothing before it", 0)]
    [InlineData("a**", "the quantifier '*' after a quantifier", 2), InlineData("a{2}+", "the quantifier '+' after a quantifier", 4), InlineData("a?*", "the quantifier '*' after a quantifier", 2)]
    [InlineData("a{x}", "a '{' that is no interval", 1), InlineData("a{", "a '{' that is no interval", 1), InlineData("a{}", "a '{' that is no interval", 1)]
    [InlineData("\\", "a lone backslash at the end", 0), InlineData("\\b", "the escape '\\b'", 0), InlineData("a\\é", "the escape '\\é'", 1), InlineData("\\x4", "the escape '\\x'", 0), InlineData("\\xg1", "the escape '\\x'", 0), InlineData("\\u00g9", "the escape '\\u'", 0), InlineData("\\u00e", "the escape '\\u'", 0)]
    [InlineData("\\p{Han}", "the property '\\p{Han}'", 0), InlineData("\\pL", "the property '\\p{}'", 0), InlineData("\\pL}", "the property '\\p{}'", 0), InlineData("\\p{L", "the property '\\p{}'", 0), InlineData("\\p{}", "the property '\\p{}'", 0), InlineData("a\\P{Foo}", "the property '\\P{Foo}'", 1)]
    [InlineData("[a-\\s]", "a range that ends in a set", 3), InlineData("[a-[b]]", "a range that ends in a set", 3), InlineData("[b-a]", "a range whose end is before its beginning", 4)]
    [InlineData("(?i:😀)", "a character beyond U+FFFF in any case", 6), InlineData("(?i:[a-\\uffff]\U00010000)", "a character beyond U+FFFF in any case", 16), InlineData("(?<n>a)", "the group '(?<n'", 0), InlineData("(?", "the group '(?'", 0)]
    public void What_NET_reads_differently_is_refused(string pattern, string what, int at) =>
        Assert.Equal($"p: the pattern '{pattern}' uses {what} at character {at}, which .NET reads differently or not at all: this tokenizer is not supported.", Assert.Throws<LabException>(() => new CodePointRegex("p", pattern)).Message);

    [Fact]
    public void What_NET_cannot_read_is_refused() => Assert.StartsWith("p: the pattern 'a{3,2}' cannot be read: ", Assert.Throws<LabException>(() => new CodePointRegex("p", "a{3,2}")).Message);

    /// <summary>There are placeholders for some two hundred stretches; each single character beyond U+FFFF begins one and ends one.</summary>
    [Fact]
    public void Too_many_ranges_are_refused()
    {
        static string Class(int characters) => "[" + string.Concat(Enumerable.Range(0, characters).Select(i => char.ConvertFromUtf32(0x10400 + 2 * i))) + "]";
        Assert.Contains("uses more ranges of characters beyond U+FFFF than are supported", Assert.Throws<LabException>(() => new CodePointRegex("p", Class(150))).Message);
        Assert.Equal("𐐀|𐐄", Matches(Class(50), "𐐀𐐁𐐄𐐅"));
    }

    private static string Matches(string pattern, string text)
    {
        var matches = new List<(int Start, int Length)>();
        new CodePointRegex("p", pattern).Matches(text, matches);
        return string.Join('|', matches.Select(match => text.Substring(match.Start, match.Length)));
    }

    [Theory]
    [InlineData("\\x41", "ABA", "A|A"), InlineData("\\u00e9+", "éée", "éé"), InlineData("[\\x41-\\x43]+", "ABCD", "ABC"), InlineData("[\\u0041]x", "Ax", "Ax"), InlineData("\\n|\\r|\\t|\\f|\\v", "a\n\r\t\f\vb", "\n|\r|\t|\f|\v"), InlineData("\\.\\-\\[", "a.-[", ".-[")]
    [InlineData("a{,2}", "aaa", "aa|a"), InlineData("a{2}", "aaaaa", "aa|aa"), InlineData("a{2,}", "aaaaa", "aaaaa"), InlineData("a{1,2}?", "aaa", "a|a|a"), InlineData("a+?", "aa", "a|a"), InlineData("ba*", "baab", "baa|b"), InlineData("b?a", "bab", "ba")]
    [InlineData("a++a", "aaa", ""), InlineData("a+a", "aaa", "aaa"), InlineData("ba*+", "baa", "baa"), InlineData("a?+a", "aa", "aa"), InlineData("a?+a", "a", ""), InlineData("(?:ab)++", "ababa", "abab"), InlineData("[ab]++b", "abab", ""), InlineData("x(?:a|b)*+b", "xab", "")]
    [InlineData("(?i:s)", "sSſt", "s|S|ſ"), InlineData("(?i:k)", "kK\u212Aj", "k|K|\u212A"), InlineData("(?i:[r-t])+", "rSſT", "rSſT"), InlineData("(?i:[a-j])+", "aJk\u212A", "aJ"), InlineData("(?i:[t-z])", "sſ", "")]
    [InlineData("(?i:[k-m])", "\u212A", "\u212A"), InlineData("(?i:[i-k])", "\u212A", "\u212A"), InlineData("(?i:[K-M])", "\u212A", "\u212A"), InlineData("(?i:[I-K])", "\u212A", "\u212A"), InlineData("(?i:[s-u])", "ſ", "ſ"), InlineData("(?i:[q-s])", "ſ", "ſ"), InlineData("(?i:[S-U])", "ſ", "ſ"), InlineData("(?i:[Q-S])", "ſ", "ſ")]
    [InlineData("(?i:[l-r])", "\u212Aſ", ""), InlineData("(?i:a)k", "AK", ""), InlineData("(?i:a)k", "Ak\u212A", "Ak"), InlineData("k", "\u212AK", ""), InlineData("[r-t]", "ſ", ""), InlineData("(?i:(a)b)(c)", "ABc", "ABc"), InlineData("(?i:(a)b)(c)", "ABC", "")]
    [InlineData("\\p{L}+", "aé𝒳1", "aé𝒳"), InlineData("\\P{L}+", "a1😀b", "1😀"), InlineData("\\p{Lu}+", "aÀ𝒳b", "À𝒳"), InlineData("[\\p{L}\\p{N}]+", "a1𝟙-", "a1𝟙"), InlineData("[^\\p{L}]+", "a-😀b", "-😀"), InlineData("\\d+", "1٣a𝟙", "1٣|𝟙"), InlineData("\\D+", "1ab2", "ab"), InlineData("\\s+\\S", "a \tb", " \tb")]
    [InlineData("\\p{S}+", "a😀+b", "😀+"), InlineData("\\p{P}+", "a,!b", ",!"), InlineData("\\p{M}+", "e\u0301x", "\u0301"), InlineData("\\p{Z}+", "a \u00A0b", " \u00A0"), InlineData("\\p{Co}+", "a\uE000\U000F0000b", "\uE000\U000F0000"), InlineData("\\p{C}+", "a\u0001\uE000b", "\u0001\uE000")]
    [InlineData("[😀-😃]+", "a😀😃😄", "😀😃"), InlineData("[^😀]+", "a😀b😁", "a|b😁"), InlineData("😀", "a😀😁", "😀"), InlineData("\uE000", "\uE000\uE001", "\uE000"), InlineData("[\uF8FF-\uF901]+", "\uF8FE\uF8FF\uF900\uF901\uF902", "\uF8FF\uF900\uF901"), InlineData("[\\uD7FF-\\uE000]+", "\uD7FE\uD7FF\uE000\uE001", "\uD7FF\uE000"), InlineData("[\uFFFF-\U00010000]+", "\uFFFE\uFFFF\U00010000\U00010001", "\uFFFF\U00010000")]
    [InlineData("[a-]+", "a-b", "a-"), InlineData("[&a]+", "&ab", "&a"), InlineData("[a&]+", "a&", "a&")]
    [InlineData("a(?=b)", "abac", "a"), InlineData("a(?!b)", "abac", "a"), InlineData("(?<=b)a", "aba", "a"), InlineData("(?<!b)a", "aba", "a"), InlineData("(?>a+)b", "aab", "aab"), InlineData("(a|b)c", "acbcc", "ac|bc"), InlineData("x*", "axxb", "xx"), InlineData("x*", "😀xx", "xx")]
    public void Patterns_match_what_Oniguruma_matches(string pattern, string text, string matches) => Assert.Equal(matches, Matches(pattern, text));

    [Theory]
    [InlineData(".", "a.\n\r😀", "a|.|\r|😀"), InlineData("a.+b", "ac\n-a😀bb", "a😀bb"), InlineData("[.]", "a.", "."), InlineData("\\.", "a.", ".")]
    public void A_full_stop_matches_any_character_but_a_newline(string pattern, string text, string matches) => Assert.Equal(matches, Matches(pattern, text));
}
