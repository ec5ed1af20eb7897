using System.Globalization;
using System.Text;

namespace HeadKvLab.Text.Jinja;

/// <summary>Functions every template may call: range, namespace, dict, raise_exception, strftime_now.</summary>
internal static class JinjaFunctions
{
    private const int LongestRange = 100_000;   // as Jinja's own sandbox

    public static IReadOnlyDictionary<string, JinjaFunction> All { get; } = new Dictionary<string, JinjaFunction>(StringComparer.Ordinal)
    {
        ["range"] = Range,
        ["namespace"] = call => new JinjaNamespace(Members(call)),
        ["dict"] = call => Members(call),
        ["raise_exception"] = call => throw call.Run.Refused(JinjaValues.Text(call.Needed(0, "message"))),
        ["strftime_now"] = call => Time(call, call.Text(0, "format")),
    };

    private static object Range(JinjaCallArguments call)
    {
        call.Allow(3);
        if (call.Places.Count == 0) throw call.Bad("needs a stop");
        long start = call.Places.Count > 1 ? call.Integer(0, "start", 0) : 0;
        long stop = call.Integer(call.Places.Count > 1 ? 1 : 0, "stop", 0), step = call.Integer(2, "step", 1);
        if (step == 0) throw call.Bad("has a step of 0");
        decimal count = Math.Max(0, Math.Ceiling(((decimal)stop - start) / step));
        if (count > LongestRange) throw call.Bad($"would have {count:N0} items, at most {LongestRange:N0} are allowed");
        call.Run.Make(call.Line, (long)count);
        var items = new List<object?>((int)count);
        for (long i = 0; i < count; i++) items.Add(start + i * step);
        return new JinjaRange(start, stop, step, items);
    }

    private static Dictionary<string, object?> Members(JinjaCallArguments call)
    {
        var members = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (object? place in call.Places)
        {
            if (place is not Dictionary<string, object?> from) throw call.Bad($"cannot take members from {JinjaValues.Kind(place)}");
            foreach ((string name, object? value) in from) members[name] = value;
        }
        foreach ((string name, object? value) in call.Names) members[name] = value;
        return members;
    }

    // Python's strftime in the C locale, as far as dates go.
    private static string Time(JinjaCallArguments call, string format)
    {
        DateTimeOffset now = call.Run.Clock.GetLocalNow();
        var result = new StringBuilder();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                result.Append(format[i]);
                continue;
            }
            string? net = format[++i] switch
            {
                'd' => "dd", 'm' => "MM", 'Y' => "yyyy", 'y' => "yy", 'B' => "MMMM", 'b' or 'h' => "MMM", 'A' => "dddd", 'a' => "ddd",
                'H' => "HH", 'I' => "hh", 'M' => "mm", 'S' => "ss", 'p' => "tt", 'F' => "yyyy-MM-dd", 'T' => "HH:mm:ss", 'D' => "MM/dd/yy",
                'j' or '%' => "", _ => null,
            };
            if (net is null) throw call.Bad($"with '%{format[i]}' is not supported");
            if (format[i] == '%') result.Append('%');
            else if (format[i] == 'j') result.Append(now.DayOfYear.ToString("000", CultureInfo.InvariantCulture));
            else result.Append(now.ToString(net, CultureInfo.InvariantCulture));
        }
        return result.ToString();
    }
}
