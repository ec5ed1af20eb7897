using System.Text;

namespace HeadKvLab.Text.Jinja;

/// <summary>Evaluates expressions as Python would; what it would raise is an error that names template and line.</summary>
internal sealed class JinjaEvaluator(JinjaRun run)
{
    public object? Evaluate(JinjaExpression expression, JinjaScope scope)
    {
        run.Step(expression.Line);
        run.Enter(expression.Line);
        object? value = expression switch
        {
            JinjaConstant constant => constant.Value,
            JinjaName name => scope[name.Name],
            JinjaList { Fixed: true } tuple => new JinjaTuple(tuple.Items.Select(item => Evaluate(item, scope))),
            JinjaList list => list.Items.Select(item => Evaluate(item, scope)).ToList(),
            JinjaMap map => Map(map, scope),
            JinjaAttribute attribute => JinjaMembers.Attribute(run, attribute.Line, Evaluate(attribute.Owner, scope), attribute.Name),
            JinjaItem item => JinjaMembers.Item(run, item.Line, Evaluate(item.Owner, scope), Evaluate(item.Key, scope)),
            JinjaSlice slice => Slice(slice, scope),
            JinjaCall call => Call(call, scope),
            JinjaFilter filter => JinjaFilters.Apply(filter.Name, Evaluate(filter.Input, scope), Arguments(filter.Line, filter.Name, filter.Arguments, scope)),
            JinjaTest test => JinjaTests.Holds(test.Name, Evaluate(test.Input, scope), Arguments(test.Line, test.Name, test.Arguments, scope)) != test.Negated,
            JinjaUnary unary => Unary(unary, Evaluate(unary.Operand, scope)),
            JinjaBinary { Operator: "and" } both => Evaluate(both.Left, scope) is var left && JinjaValues.Truth(left) ? Evaluate(both.Right, scope) : left,
            JinjaBinary { Operator: "or" } either => Evaluate(either.Left, scope) is var left && JinjaValues.Truth(left) ? left : Evaluate(either.Right, scope),
            JinjaBinary binary => Binary(binary, Evaluate(binary.Left, scope), Evaluate(binary.Right, scope)),
            JinjaComparison comparison => Comparison(comparison, scope),
            JinjaChoice choice => JinjaValues.Truth(Evaluate(choice.Condition, scope)) ? Evaluate(choice.Then, scope)
                : choice.Else is null ? new JinjaUndefined("the other branch of an inline if") : Evaluate(choice.Else, scope),
            _ => throw new InvalidOperationException(expression.GetType().Name),
        };
        run.Exit();
        return value;
    }

    private JinjaCallArguments Arguments(int line, string callee, JinjaArguments arguments, JinjaScope scope) => new(run, line, callee,
        arguments.Places.Select(p => Evaluate(p, scope)).ToArray(),
        arguments.Names.ToDictionary(n => n.Name, n => Evaluate(n.Value, scope), StringComparer.Ordinal));

    private Dictionary<string, object?> Map(JinjaMap map, JinjaScope scope)
    {
        var result = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach ((JinjaExpression key, JinjaExpression value) in map.Members)
            result[Evaluate(key, scope) as string ?? throw run.Bad(key.Line, "only strings are supported as keys of a mapping")] = Evaluate(value, scope);
        return result;
    }

    private object? Call(JinjaCall call, JinjaScope scope)
    {
        object? callee = Evaluate(call.Callee, scope);
        string name = call.Callee switch { JinjaName n => n.Name, JinjaAttribute a => a.Name, _ => "the called value" };
        if (callee is not JinjaFunction function) throw run.Bad(call.Line, $"'{name}' is not a function known here: it is {JinjaValues.Kind(callee)}");
        return function(Arguments(call.Line, name, call.Arguments, scope));
    }

    private object Unary(JinjaUnary unary, object? operand) => unary.Operator switch
    {
        "not" => !JinjaValues.Truth(operand),
        "-" when operand is double number => -number,
        "-" when JinjaValues.IsNumber(operand) => -JinjaValues.Long(operand),
        "+" when operand is double or long => operand,
        _ => throw run.Bad(unary.Line, $"'{unary.Operator}' cannot stand before {JinjaValues.Kind(operand)}"),
    };

    private object Binary(JinjaBinary binary, object? left, object? right)
    {
        int line = binary.Line;
        switch (binary.Operator)
        {
            case "~":
                return Join(line, JinjaValues.Text(left), JinjaValues.Text(right));
            case "+" when left is string a && right is string b:
                return Join(line, a, b);
            case "+" when left is List<object?> a and not JinjaRange && right is List<object?> b && JinjaValues.SameKind(a, b):
                run.Make(line, a.Count + b.Count);
                return JinjaValues.Joined(a, b);
            case "*" when left is string text && right is long times:
                return Repeat(line, text, times);
            case "*" when left is long times && right is string text:
                return Repeat(line, text, times);
        }
        if (!JinjaValues.IsNumber(left) || !JinjaValues.IsNumber(right))
            throw run.Bad(line, $"'{binary.Operator}' cannot join {JinjaValues.Kind(left)} and {JinjaValues.Kind(right)}");
        try
        {
            return left is double || right is double || binary.Operator == "/"
                ? Reals(line, binary.Operator, JinjaValues.Double(left), JinjaValues.Double(right))
                : Integers(line, binary.Operator, JinjaValues.Long(left), JinjaValues.Long(right));
        }
        catch (OverflowException error)
        {
            throw new LabException(run.Bad(line, $"the result of '{binary.Operator}' is beyond 64 bits").Message, error);
        }
    }

    private object Reals(int line, string sign, double left, double right) => sign switch
    {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "**" when left == 0 && right < 0 => throw run.Bad(line, "division by zero"),
        "**" => Math.Pow(left, right) is var power && double.IsFinite(power) == (double.IsFinite(left) && double.IsFinite(right)) ? power : throw run.Bad(line, "the result of '**' is no number a float can hold"),
        _ when right == 0 => throw run.Bad(line, "division by zero"),
        "/" => left / right,
        "//" => Math.Round((left - JinjaNumbers.Modulo(left, right)) / right, MidpointRounding.ToEven),
        _ => JinjaNumbers.Modulo(left, right),
    };

    private object Integers(int line, string sign, long left, long right)
    {
        checked
        {
            switch (sign)
            {
                case "+": return left + right;
                case "-": return left - right;
                case "*": return left * right;
                case "**" when right < 0: return left == 0 ? throw run.Bad(line, "division by zero") : Math.Pow(left, right);
                case "**":
                    long power = 1;
                    for (long i = 0; i < right && power != 0 && (left is not (1 or -1) || i < right % 2); i++) power *= left;
                    return power;
            }
            if (right == 0) throw run.Bad(line, "division by zero");
            long quotient = left / right, rest = left % right;
            if (rest != 0 && rest < 0 != right < 0) (quotient, rest) = (quotient - 1, rest + right);
            return sign == "//" ? quotient : rest;
        }
    }

    private string Join(int line, string left, string right)
    {
        run.Make(line, left.Length + (long)right.Length);
        return left + right;
    }

    private string Repeat(int line, string text, long times)
    {
        if (times <= 0) return "";
        run.Make(line, times > int.MaxValue ? long.MaxValue / 2 : text.Length * times);
        return new StringBuilder().Insert(0, text, (int)times).ToString();
    }

    private bool Comparison(JinjaComparison comparison, JinjaScope scope)
    {
        object? left = Evaluate(comparison.First, scope);
        foreach ((string sign, JinjaExpression operand) in comparison.Rest)
        {
            object? right = Evaluate(operand, scope);
            bool holds = sign switch
            {
                "==" => JinjaValues.Equals(left, right),
                "!=" => !JinjaValues.Equals(left, right),
                "in" => JinjaTests.Contains(run, comparison.Line, right, left),
                "not in" => !JinjaTests.Contains(run, comparison.Line, right, left),
                _ => Ordered(comparison.Line, sign, left, right),
            };
            if (!holds) return false;
            left = right;
        }
        return true;
    }

    private bool Ordered(int line, string sign, object? left, object? right) => JinjaValues.Ordered(sign, left, right)
        ?? throw run.Bad(line, $"'{sign}' cannot compare {JinjaValues.Kind(left)} and {JinjaValues.Kind(right)}");

    private object Slice(JinjaSlice slice, JinjaScope scope)
    {
        object? owner = Evaluate(slice.Owner, scope);
        if (owner is not (string or List<object?>) or JinjaRange) throw run.Bad(slice.Line, $"{JinjaValues.Kind(owner)} cannot be sliced");
        List<object?> items = JinjaValues.Items(owner)!;
        long step = Bound(slice.Step) ?? 1, count = items.Count;
        if (step == 0) throw run.Bad(slice.Line, "the step of a slice is 0");
        long first = Clamp(Bound(slice.Start), step > 0 ? 0 : count - 1), last = Clamp(Bound(slice.Stop), step > 0 ? count : -1, stop: true);
        var taken = new List<object?>();
        for (long i = first; step > 0 ? i < last : i > last; i += step) taken.Add(items[(int)i]);
        run.Make(slice.Line, taken.Count);
        return owner is string ? string.Concat(taken) : owner is JinjaTuple ? new JinjaTuple(taken) : taken;

        long? Bound(JinjaExpression? bound) => bound is null ? null : Evaluate(bound, scope) switch
        {
            null => null,
            long number => number,
            var other => throw run.Bad(slice.Line, $"a slice cannot be bounded by {JinjaValues.Kind(other)}"),
        };

        long Clamp(long? bound, long otherwise, bool stop = false)
        {
            if (bound is not long at) return otherwise;
            if (at < 0) at += count;
            return step > 0 ? Math.Clamp(at, 0, count) : Math.Clamp(at, -1, count - 1);
        }
    }
}
