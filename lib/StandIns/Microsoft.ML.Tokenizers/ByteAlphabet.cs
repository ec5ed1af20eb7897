using System.Text;

namespace Microsoft.ML.Tokenizers;

// GPT-2's alphabet: printable Latin-1 bytes stand for themselves, the 68 others for U+0100, U+0101, ... in order.
internal static class ByteAlphabet
{
    private static readonly char[] OfByte = Make();
    private static readonly Dictionary<char, byte> OfChar = OfByte.Select((c, b) => (c, b)).ToDictionary(p => p.c, p => (byte)p.b);

    public static string Write(ReadOnlySpan<char> text)
    {
        byte[] bytes = new byte[Encoding.UTF8.GetByteCount(text)];
        Encoding.UTF8.GetBytes(text, bytes);
        return string.Create(bytes.Length, bytes, static (chars, source) =>
        {
            for (int i = 0; i < chars.Length; i++) chars[i] = OfByte[source[i]];
        });
    }

    public static void Read(string token, List<byte> bytes)
    {
        foreach (char c in token)
            if (OfChar.TryGetValue(c, out byte b)) bytes.Add(b);
            else bytes.AddRange(Encoding.UTF8.GetBytes(c.ToString()));
    }

    private static char[] Make()
    {
        var alphabet = new char[256];
        int next = 256;
        for (int b = 0; b < 256; b++)
            alphabet[b] = b is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE ? (char)b : (char)next++;
        return alphabet;
    }
}
