namespace HeadKvLab.Tests.Text;

/// <summary>Texts that break tokenizers.</summary>
internal static class TextCorpus
{
    public static readonly string[] All =
    [
        "Hello, world! It's 12345 o'clock; they'LL say we'Ve done.",
        "  two  blanks   three\ttab\r\n\r\n  line \n\n\n end   ",
        "for (int i = 0; i < n; i++) { a[i] += b[i] * 0x1F; } // ünïcödé\n\tif (!x) return;",
        "def f(x):\n    return {'a': [1, 2.5e-3], \"b\": None}\n",
        "😀👩‍👩‍👧‍👦🏳️‍🌈🇩🇪 flags and 👍🏽 tones",
        "e\u0301 a\u0308o\u0302\u0323 \u0301 combining",
        "中文分词测试，北京2008年。日本語テスト、한국어 시험입니다.",
        "𝐀𝐁𝐂 𝟏𝟐𝟑 𠀀𠀁 𐌰𐌱 ͏ \u00AD\u200B\uFEFF",
        "lone \uD800 high, \uDC00 low, swapped \uDC00\uD800 end \uD83D",
        "עברית العربية ไทย हिन्दी ελληνικά Кириллица",
        "<|bos|> <s> </s> [INST] not <|special|>",
        "▁lower one eighth block ▁▁ twice",
        "\0\u0001\u007F\u0080\u0085\u00A0\u2028\u3000",
        "'s 'S 'ſ ''t 'RE can'twon't",
        "https://example.org/a_b-c?d=e&f=%20#g  user@example.com",
        " ",
        "a",
        "\n",
        new string('x', 3000) + new string(' ', 300) + "y",
        string.Concat(Enumerable.Repeat("ab", 700)) + string.Concat(Enumerable.Repeat("字", 500)),
    ];
}
