using System.Text;

namespace HeadKvLab.Text;

/// <summary>
/// GPT-2's byte alphabet: every byte has one printable character, so that a byte-level vocabulary can be written as text.
/// Printable Latin-1 bytes stand for themselves, the 68 others for U+0100, U+0101, ... in order (a blank is 'Ġ').
/// </summary>
public static class ByteAlphabet
{
    private static readonly char[] OfByte = Make();
    private static readonly short[] OfChar = Invert();

    /// <summary>The character of a byte.</summary>
    public static char CharOf(byte value) => OfByte[value];

    /// <summary>The byte of a character, or null when the character is not in the alphabet.</summary>
    public static byte? ByteOf(char value) => value < OfChar.Length && OfChar[value] >= 0 ? (byte)OfChar[value] : null;

    /// <summary>Writes the UTF-8 bytes of a text in the alphabet, one character a byte; a lone surrogate counts as U+FFFD.</summary>
    public static string Write(ReadOnlySpan<char> text)
    {
        byte[] bytes = new byte[Encoding.UTF8.GetByteCount(text)];
        Encoding.UTF8.GetBytes(text, bytes);
        return Write(bytes);
    }

    /// <summary>Writes bytes in the alphabet, one character a byte.</summary>
    public static string Write(byte[] bytes) => string.Create(bytes.Length, bytes, static (chars, source) =>
    {
        for (int i = 0; i < chars.Length; i++) chars[i] = OfByte[source[i]];
    });

    /// <summary>The bytes a token stands for: read in the alphabet, or its plain UTF-8 when a character is outside it.</summary>
    public static byte[] Read(string token)
    {
        byte[] bytes = new byte[token.Length];
        for (int i = 0; i < token.Length; i++)
        {
            if (ByteOf(token[i]) is not byte b) return Encoding.UTF8.GetBytes(token);
            bytes[i] = b;
        }
        return bytes;
    }

    private static char[] Make()
    {
        var alphabet = new char[256];
        int next = 256;
        for (int b = 0; b < 256; b++)
            alphabet[b] = b is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE ? (char)b : (char)next++;
        return alphabet;
    }

    private static short[] Invert()
    {
        var bytes = new short[256 + 68];
        Array.Fill(bytes, (short)-1);
        for (int b = 0; b < 256; b++) bytes[OfByte[b]] = (short)b;
        return bytes;
    }
}
