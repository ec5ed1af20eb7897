namespace HeadKvLab.Text.Jinja;

/// <summary>Jinja's tests ("is defined", "is string", ...) and the operator "in".</summary>
internal static class JinjaTests
{
    public static bool Holds(string name, object? value, JinjaCallArguments call) => name switch
    {
        "defined" => value is not JinjaUndefined,
        "undefined" => value is JinjaUndefined,
        "none" => value is null,
        "true" => value is true,
        "false" => value is false,
        "boolean" => value is bool,
        "string" => value is string,
        "integer" => value is long,
        "float" => value is double,
        "number" => JinjaValues.IsNumber(value),
        "mapping" => value is Dictionary<string, object?>,
        "sequence" => value is string or List<object?> or Dictionary<string, object?> or JinjaUndefined,
        "iterable" => JinjaValues.IsIterable(value),
        "callable" => value is JinjaFunction or JinjaUndefined,
        "odd" => Rest(value, 2L, call) == 1,
        "even" => Rest(value, 2L, call) == 0,
        "divisibleby" => Rest(value, call.Needed(0, "num"), call) == 0,
        "lower" => PythonCase.IsLower(JinjaValues.Text(value)),
        "upper" => PythonCase.IsUpper(JinjaValues.Text(value)),
        "eq" or "equalto" => JinjaValues.Equals(value, call.Needed(0, "other")),
        "ne" => !JinjaValues.Equals(value, call.Needed(0, "other")),
        "sameas" => Same(value, call.Needed(0, "other")),
        "lt" or "lessthan" => Order(value, "<", call),
        "le" => Order(value, "<=", call),
        "gt" or "greaterthan" => Order(value, ">", call),
        "ge" => Order(value, ">=", call),
        "in" => Contains(call.Run, call.Line, call.Needed(0, "seq"), value),
        _ => throw call.Run.Bad(call.Line, $"the test '{name}' is not supported"),
    };

    public static bool Contains(JinjaRun run, int line, object? container, object? value) => container switch
    {
        string text => value is string part ? text.Contains(part, StringComparison.Ordinal) : throw run.Bad(line, $"a string cannot contain {JinjaValues.Kind(value)}"),
        Dictionary<string, object?> map => value is string key && map.ContainsKey(key),
        List<object?> list => list.Exists(item => JinjaValues.Equals(item, value)),
        JinjaView view => view.Items.Exists(item => JinjaValues.Equals(item, value)),
        JinjaGenerator generator => Find(generator, value),
        JinjaUndefined => false,
        _ => throw run.Bad(line, $"'in' cannot look into {JinjaValues.Kind(container)}"),
    };

    // Takes items until it is found, as Python does.
    private static bool Find(JinjaGenerator generator, object? value)
    {
        while (generator.TryTake(out object? item))
            if (JinjaValues.Equals(item, value)) return true;
        return false;
    }

    private static bool Same(object? left, object? right) =>
        left is null ? right is null : left.GetType() == right?.GetType() && JinjaValues.Equals(left, right);

    private static double Rest(object? value, object? divisor, JinjaCallArguments call)
    {
        if (!JinjaValues.IsNumber(value) || !JinjaValues.IsNumber(divisor)) throw call.Bad($"needs a number, not {JinjaValues.Kind(JinjaValues.IsNumber(value) ? divisor : value)}");
        if (JinjaValues.Double(divisor) == 0) throw call.Bad("needs a number other than 0");
        return value is double || divisor is double ? JinjaNumbers.Modulo(JinjaValues.Double(value), JinjaValues.Double(divisor))
            : (long)(((Int128)JinjaValues.Long(value) % JinjaValues.Long(divisor) + JinjaValues.Long(divisor)) % JinjaValues.Long(divisor));
    }

    private static bool Order(object? value, string sign, JinjaCallArguments call) => JinjaValues.Ordered(sign, value, call.Needed(0, "other"))
        ?? throw call.Bad($"cannot compare {JinjaValues.Kind(value)} and {JinjaValues.Kind(call.Needed(0, "other"))}");
}
