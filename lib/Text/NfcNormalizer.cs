using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace HeadKvLab.Text;

/// <summary>
/// Unicode normalization form C (Qwen's normalizer) and KC, with its own tables: in .NET's invariant-globalization mode
/// <see cref="string.Normalize()"/> returns its input unchanged. Canonical decomposition, canonical ordering of marks,
/// canonical composition, Hangul by rule (Unicode Standard, section 3.11 and 3.12).
/// </summary>
internal sealed class NfcNormalizer : INormalizer
{
    private const int SBase = 0xAC00, LBase = 0x1100, VBase = 0x1161, TBase = 0x11A7, LCount = 19, VCount = 21, TCount = 28;

    private static readonly Lazy<NfcNormalizer> Shared = new(() => new NfcNormalizer(NfcTable.Data));

    private readonly Dictionary<int, byte> _class = [];
    private readonly Dictionary<int, (int First, int Second)> _decomposition = [];
    private readonly Dictionary<(int First, int Second), int> _composition = [];

    private static readonly Lazy<Dictionary<int, int[]>> CompatibleParts = new(() =>
        Lines(NfkcTable.Data).Select(line => Array.ConvertAll(line.Split(' '), Hex)).ToDictionary(codes => codes[0], codes => codes[1..]));

    private readonly Dictionary<int, int[]>? _compatible;

    /// <param name="compatible">Whether compatibility decompositions are applied too (form KC).</param>
    public NfcNormalizer(bool compatible = false)
    {
        if (compatible) _compatible = CompatibleParts.Value;
        (_class, _decomposition, _composition) = (Shared.Value._class, Shared.Value._decomposition, Shared.Value._composition);
    }

    private NfcNormalizer(string data)
    {
        using IEnumerator<string> lines = Lines(data).GetEnumerator();
        while (lines.MoveNext() && lines.Current != "-")
        {
            string[] run = lines.Current.Split(' ');
            for (int i = 0; i < Hex(run[2]); i++) _class[Hex(run[1]) + i] = (byte)Hex(run[0]);
        }
        while (lines.MoveNext())
        {
            string[] parts = lines.Current.Split(' ');
            bool excluded = parts[^1] == "x", pair = parts.Length - (excluded ? 1 : 0) == 3;
            _decomposition[Hex(parts[0])] = (Hex(parts[1]), pair ? Hex(parts[2]) : 0);
            if (pair && !excluded) _composition[(Hex(parts[1]), Hex(parts[2]))] = Hex(parts[0]);
        }
    }

    private static IEnumerable<string> Lines(string data)
    {
        using var inflated = new DeflateStream(new MemoryStream(Convert.FromBase64String(data)), CompressionMode.Decompress);
        using var reader = new StreamReader(inflated);
        while (reader.ReadLine() is string line) yield return line;
    }

    private static int Hex(string digits) => int.Parse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    public string Normalize(string text)
    {
        // Nothing below U+0300 composes or decomposes on its way to form C, nothing below U+00A0 on its way to form KC.
        if (text.AsSpan().IndexOfAnyInRange(_compatible is null ? '\u0300' : '\u00A0', '\uFFFF') < 0) return text;
        var codes = new List<int>(text.Length);
        foreach (Rune rune in text.EnumerateRunes()) Decompose(rune.Value, codes);
        Order(codes);
        Compose(codes);
        var result = new StringBuilder(codes.Count);
        foreach (int code in codes) result.Append(new Rune(code));
        return result.ToString();
    }

    private void Decompose(int code, List<int> codes)
    {
        if (code - SBase is >= 0 and < LCount * VCount * TCount and int syllable)
        {
            codes.Add(LBase + syllable / (VCount * TCount));
            codes.Add(VBase + syllable % (VCount * TCount) / TCount);
            if (syllable % TCount != 0) codes.Add(TBase + syllable % TCount);
        }
        else if (_decomposition.TryGetValue(code, out var parts))
        {
            Decompose(parts.First, codes);
            if (parts.Second != 0) codes.Add(parts.Second);
        }
        else if (_compatible is not null && _compatible.TryGetValue(code, out int[]? several))
            foreach (int part in several) Decompose(part, codes);
        else codes.Add(code);
    }

    // Each run of marks is sorted by class, stably: a long run costs n log n, not n².
    private void Order(List<int> codes)
    {
        for (int i = 0; i < codes.Count; i++)
        {
            int end = i;
            while (end < codes.Count && Class(codes[end]) != 0) end++;
            if (end - i > 1)
            {
                int[] sorted = codes.GetRange(i, end - i).OrderBy(Class).ToArray();
                for (int j = 0; j < sorted.Length; j++) codes[i + j] = sorted[j];
            }
            i = end;
        }
    }

    private void Compose(List<int> codes)
    {
        int starter = -1, last = 0, kept = 0;
        for (int i = 0; i < codes.Count; i++)
        {
            int code = codes[i], own = Class(code);
            bool blocked = starter < 0 || (kept - 1 > starter && (last == 0 || last >= own));
            if (!blocked && TryCompose(codes[starter], code, out int whole))
            {
                codes[starter] = whole;
                continue;
            }
            if (own == 0) starter = kept;
            last = own;
            codes[kept++] = code;
        }
        codes.RemoveRange(kept, codes.Count - kept);
    }

    private bool TryCompose(int first, int second, out int whole)
    {
        if (first - LBase is >= 0 and < LCount and int lead && second - VBase is >= 0 and < VCount and int vowel)
        {
            whole = SBase + (lead * VCount + vowel) * TCount;
            return true;
        }
        if (first - SBase is >= 0 and < LCount * VCount * TCount and int syllable && syllable % TCount == 0 && second - TBase is > 0 and < TCount and int tail)
        {
            whole = first + tail;
            return true;
        }
        return _composition.TryGetValue((first, second), out whole);
    }

    private int Class(int code) => _class.GetValueOrDefault(code);
}
