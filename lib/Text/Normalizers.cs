using System.Text;

namespace HeadKvLab.Text;

/// <summary>Runs several normalizers in order.</summary>
internal sealed class SequenceNormalizer(IReadOnlyList<INormalizer> steps) : INormalizer
{
    public string Normalize(string text)
    {
        foreach (INormalizer step in steps) text = step.Normalize(text);
        return text;
    }
}

/// <summary>Puts a string in front of a text that is not empty.</summary>
internal sealed class PrependNormalizer(string prefix) : INormalizer
{
    public string Normalize(string text) => text.Length == 0 ? text : prefix + text;
}

/// <summary>Replaces every occurrence of a fixed string.</summary>
internal sealed class ReplaceNormalizer(string wanted, string replacement) : INormalizer
{
    public string Normalize(string text) => text.Replace(wanted, replacement, StringComparison.Ordinal);
}

/// <summary>Replaces every match of a pattern by a fixed string.</summary>
internal sealed class ReplacePatternNormalizer(CodePointRegex pattern, string replacement) : INormalizer
{
    public string Normalize(string text)
    {
        var matches = new List<(int Start, int Length)>();
        pattern.Matches(text, matches);
        if (matches.Count == 0) return text;
        var result = new StringBuilder();
        int done = 0;
        foreach ((int start, int length) in matches)
        {
            result.Append(text, done, start - done).Append(replacement);
            done = start + length;
        }
        return result.Append(text, done, text.Length - done).ToString();
    }
}
