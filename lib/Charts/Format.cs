using System.Globalization;

namespace HeadKvLab.Charts;

/// <summary>Numbers as figures and tables spell them, the same in every culture.</summary>
public static class Format
{
    /// <summary>A number with a fixed count of decimals, a true minus sign and thousands set off by commas.</summary>
    public static string Fixed(double value, int decimals)
    {
        if (double.IsNaN(value)) return "–";
        var words = Math.Abs(value).ToString("N" + decimals.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        return value < 0 && words.AsSpan().ContainsAnyInRange('1', '9') ? "−" + words : words;
    }

    /// <summary>A number with about three significant digits: 0.0123, 1.23, 12.3, 1,230.</summary>
    public static string Short(double value)
    {
        if (!double.IsFinite(value) || value == 0) return value == 0 ? "0" : double.IsNaN(value) ? "–" : value > 0 ? "∞" : "−∞";
        var digits = Math.Clamp(2 - (int)Math.Floor(Math.Log10(Math.Abs(value))), 0, 9);
        var words = Fixed(value, digits);
        return words.Contains('.') ? words.TrimEnd('0').TrimEnd('.') : words;
    }

    /// <summary>A setting as it was given, all its digits: 1.005, 20.</summary>
    public static string Exact(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    /// <summary>A share as a percentage: 0.03 is <c>3 %</c>, 0.125 is <c>12.5 %</c>.</summary>
    public static string Percent(double share) => Short(share * 100) + " %";

    /// <summary>A count of tokens: 512, 4k for 4,096, 128k for 131,072, 2,000 for 2,000.</summary>
    public static string Tokens(double count) =>
        count >= 1024 && count % 1024 == 0 ? Fixed(count / 1024, 0) + "k" : Fixed(count, 0);

    /// <summary>A number with its interval: <c>0.62 [0.55, 0.69]</c>; the number alone where the interval is not known.</summary>
    public static string Interval(double value, double low, double high, int decimals = 2) =>
        double.IsNaN(low) || double.IsNaN(high) ? Fixed(value, decimals) : $"{Fixed(value, decimals)} [{Fixed(low, decimals)}, {Fixed(high, decimals)}]";

    /// <summary>A whole number, spelled for every culture alike.</summary>
    internal static string Whole(long value) => value.ToString(CultureInfo.InvariantCulture);
}
