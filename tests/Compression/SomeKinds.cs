using HeadKvLab.Cache;

namespace HeadKvLab.Tests.Compression;

/// <summary>Token kinds for prompts without a tokenizer: the first is special, every seventh punctuation.</summary>
internal static class SomeKinds
{
    internal static TokenKind[] Of(int n) => [.. Enumerable.Range(0, n).Select(j => j == 0 ? TokenKind.Special : j % 7 == 3 ? TokenKind.Punctuation : TokenKind.Ordinary)];
}
