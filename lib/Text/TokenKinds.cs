using System.Runtime.InteropServices;
using System.Text;
using HeadKvLab.Cache;

namespace HeadKvLab.Text;

/// <summary>
/// Kinds of a prompt's tokens, for methods that keep special tokens and punctuation (FastGen, arXiv 2310.01801). Special is what the tokenizer marks so, and
/// every token that a chat mark lies in where the tokenizer spells the mark out: "[INST]" is "▁[", "INST", "]" in Llama 2. Punctuation is a token that decodes
/// to ASCII punctuation and white space only, with at least one sign. The tokens' bytes decide, so that byte-level and SentencePiece vocabularies agree.
/// Safe for concurrent use.
/// </summary>
public sealed class TokenKinds
{
    private readonly TextTokenizer _tokenizer;
    private readonly TokenKind[] _kinds; // [id]
    private readonly byte[][] _marks;

    /// <summary>Looks at every token of a vocabulary once.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="marks">Chat marks as they are written (<see cref="ChatMarks"/>); null: none.</param>
    /// <param name="blanks">Whether white space alone counts as punctuation, too: as in a published reproduction, which so keeps every indentation.</param>
    public TokenKinds(TextTokenizer tokenizer, IReadOnlyList<string>? marks = null, bool blanks = false)
    {
        _tokenizer = tokenizer;
        _marks = [.. (marks ?? []).Where(mark => mark.Length > 0).Select(Encoding.UTF8.GetBytes)];
        _kinds = new TokenKind[tokenizer.VocabSize];
        for (var id = 0; id < _kinds.Length; id++)
            if (tokenizer.HasToken(id))
                _kinds[id] = tokenizer.IsSpecial(id) ? TokenKind.Special : IsPunctuation(tokenizer.BytesOf(id), blanks) ? TokenKind.Punctuation : TokenKind.Ordinary;
    }

    /// <summary>Kinds by the tokenizer of a model folder and the marks of its chat template, where it has one.</summary>
    /// <param name="modelDirectory">A Hugging Face model folder.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <exception cref="LabException">The template is not supported.</exception>
    public static TokenKinds Load(string modelDirectory, TextTokenizer tokenizer) =>
        new(tokenizer, ChatTemplate.Exists(modelDirectory) ? ChatMarks.Of(ChatTemplate.Load(modelDirectory)) : null);

    /// <summary>The kind of each token.</summary>
    /// <param name="ids">A prompt; ids that only pad a model's embedding are ordinary.</param>
    public TokenKind[] Of(ReadOnlySpan<int> ids)
    {
        var kinds = new TokenKind[ids.Length];
        for (var i = 0; i < kinds.Length; i++) kinds[i] = (uint)ids[i] < (uint)_kinds.Length ? _kinds[ids[i]] : TokenKind.Ordinary;
        if (_marks.Length > 0) FindMarks(ids, kinds);
        return kinds;
    }

    /// <summary>Makes special every token that shares a byte with a mark.</summary>
    private void FindMarks(ReadOnlySpan<int> ids, TokenKind[] kinds)
    {
        var (bytes, ends) = (new List<byte>(4 * ids.Length), new int[ids.Length]);
        for (var i = 0; i < ids.Length; i++)
        {
            if (_tokenizer.HasToken(ids[i])) bytes.AddRange(_tokenizer.BytesOf(ids[i]));
            ends[i] = bytes.Count;
        }
        var text = CollectionsMarshal.AsSpan(bytes);
        foreach (var mark in _marks)
            for (int at = 0, found; (found = text[at..].IndexOf(mark)) >= 0; at += mark.Length)
            {
                at += found;
                var i = Array.BinarySearch(ends, at);
                for (i = i < 0 ? ~i : LastOf(ends, i) + 1; i < ids.Length && Start(i) < at + mark.Length; i++) kinds[i] = TokenKind.Special;
            }

        int Start(int i) => i == 0 ? 0 : ends[i - 1];

        static int LastOf(int[] ends, int i)   // tokens without bytes end where the one before them does
        {
            while (i + 1 < ends.Length && ends[i + 1] == ends[i]) i++;
            return i;
        }
    }

    private static bool IsPunctuation(ReadOnlySpan<byte> bytes, bool blanks)
    {
        var signs = 0;
        foreach (var b in bytes)
        {
            var c = (char)b;
            if (!char.IsAscii(c)) return false;
            if (char.IsPunctuation(c) || char.IsSymbol(c)) signs++;
            else if (!char.IsWhiteSpace(c)) return false;
        }
        return signs > 0 || (blanks && bytes.Length > 0);
    }
}
