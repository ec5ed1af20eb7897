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
        "sequence" => value is string or List<object?> or Dictionary<string, object?>,
        "iterable" => JinjaValues.Items(value) is not null,
        "callable" => value is JinjaFunction,
        "odd" => Whole(value, call) % 2 != 0,
        "even" => Whole(value, call) % 2 == 0,
        "divisibleby" => Whole(value, call) % NotZero(Whole(call.Needed(0, "num"), call), call) == 0,
        "lower" => JinjaValues.Text(value) is var text && text.Any(char.IsLower) && !text.Any(char.IsUpper),
        "upper" => JinjaValues.Text(value) is var text && text.Any(char.IsUpper) && !text.Any(char.IsLower),
        "eq" or "equalto" => JinjaValues.Equals(value, call.Needed(0, "other")),
        "ne" => !JinjaValues.Equals(value, call.Needed(0, "other")),
        "sameas" => Same(value, call.Needed(0, "other")),
        "lt" or "lessthan" => Order(value, call) < 0,
        "le" => Order(value, call) <= 0,
        "gt" or "greaterthan" => Order(value, call) > 0,
        "ge" => Order(value, call) >= 0,
        "in" => Contains(call.Run, call.Line, call.Needed(0, "seq"), value),
        _ => throw call.Run.Bad(call.Line, $"the test '{name}' is not supported"),
    };

    public static bool Contains(JinjaRun run, int line, object? container, object? value) => container switch
    {
        string text => value is string part ? text.Contains(part, StringComparison.Ordinal) : throw run.Bad(line, $"a string cannot contain {JinjaValues.Kind(value)}"),
        Dictionary<string, object?> map => value is string key && map.ContainsKey(key),
        List<object?> list => list.Exists(item => JinjaValues.Equals(item, value)),
        JinjaUndefined => false,
        _ => throw run.Bad(line, $"'in' cannot look into {JinjaValues.Kind(container)}"),
    };

    private static bool Same(object? left, object? right) =>
        left is null ? right is null : left.GetType() == right?.GetType() && JinjaValues.Equals(left, right);

    private static long Whole(object? value, JinjaCallArguments call) => value is long number ? number : throw call.Bad($"needs a whole number, not {JinjaValues.Kind(value)}");

    private static long NotZero(long number, JinjaCallArguments call) => number != 0 ? number : throw call.Bad("needs a number other than 0");

    private static int Order(object? value, JinjaCallArguments call)
    {
        object? other = call.Needed(0, "other");
        return JinjaValues.Compare(value, other) ?? throw call.Bad($"cannot compare {JinjaValues.Kind(value)} and {JinjaValues.Kind(other)}");
    }
}
