using System.Globalization;
using System.Numerics;
using System.Text;

namespace HeadKvLab;

/// <summary>Numbers as Python reads, writes and rounds them.</summary>
internal static class PythonNumbers
{
    /// <summary><c>repr()</c> of a float: the shortest digits that read back the same, with an exponent below 1e-4 and from 1e16 on.</summary>
    internal static string Write(double number)
    {
        if (double.IsNaN(number)) return "nan";
        if (double.IsInfinity(number)) return number > 0 ? "inf" : "-inf";
        var shortest = number.ToString("R", CultureInfo.InvariantCulture);
        var e = shortest.IndexOf('E');
        if (e < 0 && shortest.TrimStart('-').Length == 17 && !shortest.Contains('.')) shortest = number.ToString("0.################E+0", CultureInfo.InvariantCulture);
        else if (e < 0) return shortest.Contains('.') ? shortest : shortest + ".0";
        e = shortest.IndexOf('E');
        var exponent = int.Parse(shortest.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        if (exponent is not (>= 0 and < 16)) return shortest.Replace('E', 'e');
        var digits = shortest[..e].Replace(".", "", StringComparison.Ordinal);   // 1.5E+15: the point moves behind sixteen digits
        var whole = exponent + (digits[0] == '-' ? 2 : 1);
        return digits.Length > whole ? $"{digits[..whole]}.{digits[whole..]}" : digits.PadRight(whole, '0') + ".0";
    }

    /// <summary><c>round(x, digits)</c> of a float: the nearest of the exact value, ties to even.</summary>
    internal static double Round(double value, int digits)
    {
        if (!double.IsFinite(value) || value == 0 || digits > 340) return value;
        if (digits < -340) return 0 * value;
        var bits = BitConverter.DoubleToInt64Bits(value);
        var exponent = (int)((bits >> 52) & 0x7FF);
        BigInteger numerator = bits & 0xFFFFFFFFFFFFF, denominator = BigInteger.One;
        if (exponent == 0) exponent = 1;
        else numerator += BigInteger.One << 52;
        exponent -= 1075;
        if (exponent > 0) numerator <<= exponent;
        else denominator <<= -exponent;
        if (digits > 0) numerator *= BigInteger.Pow(10, digits);
        else denominator *= BigInteger.Pow(10, -digits);
        var nearest = double.Parse($"{ToEven(numerator, denominator)}e{-digits}", NumberStyles.Float, CultureInfo.InvariantCulture);
        return value < 0 ? -nearest : nearest;
    }

    /// <summary><c>round(n, digits)</c> of a whole number: itself, or a multiple of a power of ten, ties to even.</summary>
    internal static BigInteger Round(long value, int digits)
    {
        if (digits >= 0) return value;
        var power = BigInteger.Pow(10, Math.Min(-digits, 40));
        return value < 0 ? -ToEven(-(BigInteger)value, power) * power : ToEven(value, power) * power;
    }

    /// <summary><c>int(text, numberBase)</c>; null when Python raises a ValueError.</summary>
    internal static BigInteger? Integer(string text, int numberBase = 10)
    {
        if (Digits(text) is not string digits) return null;
        var negative = digits.StartsWith('-');
        digits = digits.StartsWith('-') || digits.StartsWith('+') ? digits[1..] : digits;
        var marked = digits.Length > 2 && digits[0] == '0' ? char.ToLowerInvariant(digits[1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 0 } : 0;
        if (marked != 0 && (numberBase == 0 || numberBase == marked)) (digits, numberBase) = (digits[2..].TrimStart('_'), marked);
        else if (numberBase == 0) numberBase = digits.TrimStart('0', '_').Length == 0 || digits[0] != '0' ? 10 : -1;
        if (numberBase is < 2 or > 36 || Ungrouped(digits, char.IsAsciiLetterOrDigit) is not { Length: > 0 } plain) return null;
        var value = BigInteger.Zero;
        foreach (var c in plain)
        {
            var digit = char.IsAsciiDigit(c) ? c - '0' : char.IsAsciiLetter(c) ? char.ToLowerInvariant(c) - 'a' + 10 : 99;
            if (digit >= numberBase) return null;
            value = value * numberBase + digit;
        }
        return negative ? -value : value;
    }

    /// <summary><c>float(text)</c>; null when Python raises a ValueError.</summary>
    internal static double? Real(string text)
    {
        if (Digits(text) is not string digits || Ungrouped(digits, char.IsAsciiDigit) is not string plain) return null;
        var bare = plain.TrimStart('+', '-').ToLowerInvariant();
        if (plain.Length - bare.Length > 1) return null;
        if (bare is "inf" or "infinity" or "nan") return bare == "nan" ? double.NaN : plain[0] == '-' ? double.NegativeInfinity : double.PositiveInfinity;
        return bare.Length > 0 && (char.IsAsciiDigit(bare[0]) || bare[0] == '.')
            && double.TryParse(plain, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out var number) ? number : null;
    }

    // White space goes, decimal digits of any script become ASCII; any other character beyond ASCII is no number.
    private static string? Digits(string text)
    {
        var result = new StringBuilder(text.Length);
        foreach (var rune in PythonText.Strip(text).EnumerateRunes())
        {
            if (Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber) result.Append((int)Rune.GetNumericValue(rune));
            else if (rune.IsAscii) result.Append(rune.ToString());
            else return null;
        }
        return result.ToString();
    }

    // An underscore may stand between two digits.
    private static string? Ungrouped(string digits, Func<char, bool> isDigit)
    {
        for (var i = 0; i < digits.Length; i++)
            if (digits[i] == '_' && !(i > 0 && i + 1 < digits.Length && isDigit(digits[i - 1]) && isDigit(digits[i + 1]))) return null;
        return digits.Replace("_", "", StringComparison.Ordinal);
    }

    private static BigInteger ToEven(BigInteger numerator, BigInteger denominator)
    {
        var quotient = BigInteger.DivRem(numerator, denominator, out var rest);
        var order = (2 * rest).CompareTo(denominator);
        return order > 0 || (order == 0 && !quotient.IsEven) ? quotient + 1 : quotient;
    }
}
