using System.Numerics;

namespace HeadKvLab.Text.Jinja;

/// <summary>Jinja's filters on numbers.</summary>
internal static class JinjaNumbers
{
    /// <summary>int(default=0, base=10).</summary>
    public static object? Integer(object? input, JinjaCallArguments call)
    {
        object? otherwise = call.Value(0, "default", 0L);
        switch (input)
        {
            case long or bool:
                return JinjaValues.Long(input);
            case double.NaN:
                return otherwise;
            case double number:
                return double.IsFinite(number) ? Whole(new BigInteger(number), call) : throw call.Bad("cannot make a whole number of infinity");
            case string text when PythonNumbers.Integer(text, (int)Math.Clamp(call.Integer(1, "base", 10), -1, 99)) is BigInteger whole:
                return Whole(whole, call);
            case string text:
                return PythonNumbers.Real(text) is double real && double.IsFinite(real) ? Whole(new BigInteger(real), call) : otherwise;
            case JinjaUndefined:
                throw call.Bad($"needs a number, not {JinjaValues.Kind(input)}");
            default:
                return otherwise;
        }
    }

    /// <summary>float(default=0.0).</summary>
    public static object? Real(object? input, JinjaCallArguments call) => input switch
    {
        _ when JinjaValues.IsNumber(input) => JinjaValues.Double(input),
        string text when PythonNumbers.Real(text) is double number => number,
        JinjaUndefined => throw call.Bad($"needs a number, not {JinjaValues.Kind(input)}"),
        _ => call.Value(0, "default", 0.0),
    };

    /// <summary>abs.</summary>
    public static object Absolute(object? input, JinjaCallArguments call) => input switch
    {
        double number => (object)Math.Abs(number),
        long.MinValue => throw call.Bad("has a result beyond 64 bits"),
        long or bool => Math.Abs(JinjaValues.Long(input)),
        _ => throw call.Bad($"needs a number, not {JinjaValues.Kind(input)}"),
    };

    /// <summary>round(precision=0, method="common"): whole numbers stay whole.</summary>
    public static object Round(object? input, JinjaCallArguments call)
    {
        if (!JinjaValues.IsNumber(input)) throw call.Bad($"needs a number, not {JinjaValues.Kind(input)}");
        int digits = (int)Math.Clamp(call.Integer(0, "precision", 0), -400, 400);
        string method = call.Text(1, "method", "common");
        if (method == "common")
            return input is double number ? (object)PythonNumbers.Round(number, digits) : Whole(PythonNumbers.Round(JinjaValues.Long(input), digits), call);
        double power = Math.Pow(10, digits), scaled = JinjaValues.Double(input) * power;
        if (!double.IsFinite(scaled)) throw call.Bad("cannot make a whole number of infinity or NaN");
        return method switch
        {
            "ceil" => (Math.Ceiling(scaled) + 0.0) / power, // no -0.0: Python has a whole number here
            "floor" => (Math.Floor(scaled) + 0.0) / power,
            _ => throw call.Bad($"does not know the method '{method}'; there are common, ceil and floor"),
        };
    }

    /// <summary>Python's <c>%</c>: the rest has the sign of the divisor.</summary>
    public static double Modulo(double left, double right)
    {
        double rest = left % right;
        return rest == 0 ? Math.CopySign(0, right) : rest < 0 != right < 0 ? rest + right : rest;
    }

    private static long Whole(BigInteger value, JinjaCallArguments call) =>
        value >= long.MinValue && value <= long.MaxValue ? (long)value : throw call.Bad("has a result beyond 64 bits");
}
