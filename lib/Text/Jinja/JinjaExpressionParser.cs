using System.Globalization;

namespace HeadKvLab.Text.Jinja;

/// <summary>Parses expressions with Jinja's precedence: choice, or, and, not, comparisons, + -, ~, * / // %, **, sign, postfix.</summary>
internal sealed class JinjaExpressionParser(JinjaTokens tokens)
{
    /// <summary>Parses one expression; "a if b else c" included.</summary>
    public JinjaExpression Expression() => tokens.Nested(() =>
    {
        int line = tokens.Line;
        JinjaExpression value = Or();
        while (tokens.TryName("if"))
        {
            JinjaExpression condition = Or();
            value = new JinjaChoice(line, condition, value, tokens.TryName("else") ? Expression() : null);
        }
        return value;
    });

    /// <summary>Parses one expression that no "if" follows as its own (a loop's iterable).</summary>
    public JinjaExpression WithoutChoice() => tokens.Nested(Or);

    /// <summary>Parses an expression, or several with commas between them as a list.</summary>
    public JinjaExpression ExpressionOrTuple()
    {
        JinjaExpression first = Expression();
        if (!tokens.IsSign(",")) return first;
        var items = new List<JinjaExpression> { first };
        while (tokens.TrySign(",")) items.Add(Expression());
        return new JinjaList(first.Line, items, Fixed: true);
    }

    private JinjaExpression Or()
    {
        JinjaExpression left = And();
        while (tokens.IsName("or")) left = new JinjaBinary(tokens.Next().Line, "or", left, And());
        return left;
    }

    private JinjaExpression And()
    {
        JinjaExpression left = Not();
        while (tokens.IsName("and")) left = new JinjaBinary(tokens.Next().Line, "and", left, Not());
        return left;
    }

    private JinjaExpression Not() => tokens.IsName("not") ? tokens.Nested(() => new JinjaUnary(tokens.Next().Line, "not", Not())) : Comparison();

    private JinjaExpression Comparison()
    {
        JinjaExpression first = Sum();
        var rest = new List<(string, JinjaExpression)>();
        while (true)
        {
            if (tokens.Current is { Kind: JinjaTokenKind.Sign, Text: "==" or "!=" or "<" or ">" or "<=" or ">=" } or { Kind: JinjaTokenKind.Name, Text: "in" })
                rest.Add((tokens.Next().Text, Sum()));
            else if (tokens.IsName("not") && tokens.FollowedByName("in"))
            {
                tokens.Next();
                tokens.Next();
                rest.Add(("not in", Sum()));
            }
            else break;
        }
        return rest.Count == 0 ? first : new JinjaComparison(first.Line, first, rest);
    }

    private JinjaExpression Sum() => LeftToRight(Concatenation, "+", "-");

    private JinjaExpression Concatenation() => LeftToRight(Product, "~");

    private JinjaExpression Product() => LeftToRight(Power, "*", "/", "//", "%");

    private JinjaExpression Power() => LeftToRight(() => Signed(true), "**");

    private JinjaExpression LeftToRight(Func<JinjaExpression> operand, params string[] signs)
    {
        JinjaExpression left = operand();
        while (tokens.Current.Kind == JinjaTokenKind.Sign && signs.Contains(tokens.Current.Text))
        {
            JinjaToken sign = tokens.Next();
            left = new JinjaBinary(sign.Line, sign.Text, left, operand());
        }
        return left;
    }

    private JinjaExpression Signed(bool filters)
    {
        JinjaExpression value = tokens.IsSign("-") || tokens.IsSign("+")
            ? tokens.Nested(() =>
            {
                JinjaToken sign = tokens.Next();
                return new JinjaUnary(sign.Line, sign.Text, Signed(false));
            })
            : Postfix(Primary());
        value = Postfix(value);
        return filters ? Filters(value) : value;
    }

    private JinjaExpression Primary()
    {
        JinjaToken token = tokens.Next();
        switch (token.Kind)
        {
            case JinjaTokenKind.Name:
                return token.Text switch
                {
                    "true" or "True" => new JinjaConstant(token.Line, true),
                    "false" or "False" => new JinjaConstant(token.Line, false),
                    "none" or "None" => new JinjaConstant(token.Line, null),
                    _ => new JinjaName(token.Line, token.Text),
                };
            case JinjaTokenKind.String:
                string text = token.Text;
                while (tokens.Current.Kind == JinjaTokenKind.String) text += tokens.Next().Text;
                return new JinjaConstant(token.Line, text);
            case JinjaTokenKind.Integer:
                return new JinjaConstant(token.Line, long.Parse(token.Text, CultureInfo.InvariantCulture));
            case JinjaTokenKind.Real:
                return new JinjaConstant(token.Line, double.Parse(token.Text, CultureInfo.InvariantCulture));
            case JinjaTokenKind.Sign when token.Text == "(":
                return Parenthesis(token.Line);
            case JinjaTokenKind.Sign when token.Text == "[":
                return new JinjaList(token.Line, Items("]"));
            case JinjaTokenKind.Sign when token.Text == "{":
                return Map(token.Line);
            default:
                throw tokens.Bad($"an expression expected instead of '{token.Text}'");
        }
    }

    private JinjaExpression Parenthesis(int line)
    {
        if (tokens.TrySign(")")) return new JinjaList(line, [], Fixed: true);
        JinjaExpression first = Expression();
        if (tokens.TrySign(")")) return first;
        tokens.Sign(",");
        return new JinjaList(line, [first, .. Items(")")], Fixed: true);
    }

    private List<JinjaExpression> Items(string closer)
    {
        var items = new List<JinjaExpression>();
        while (!tokens.TrySign(closer))
        {
            items.Add(Expression());
            if (!tokens.IsSign(closer)) tokens.Sign(",");
        }
        return items;
    }

    private JinjaMap Map(int line)
    {
        var members = new List<(JinjaExpression, JinjaExpression)>();
        while (!tokens.TrySign("}"))
        {
            JinjaExpression key = Expression();
            tokens.Sign(":");
            members.Add((key, Expression()));
            if (!tokens.IsSign("}")) tokens.Sign(",");
        }
        return new JinjaMap(line, members);
    }

    private JinjaExpression Postfix(JinjaExpression value)
    {
        while (true)
        {
            int line = tokens.Line;
            if (tokens.TrySign("."))
                value = tokens.Current.Kind == JinjaTokenKind.Integer
                    ? new JinjaItem(line, value, new JinjaConstant(line, long.Parse(tokens.Next().Text, CultureInfo.InvariantCulture)))
                    : new JinjaAttribute(line, value, tokens.Name());
            else if (tokens.TrySign("[")) value = Subscript(line, value);
            else if (tokens.TrySign("(")) value = new JinjaCall(line, value, Arguments());
            else return value;
        }
    }

    private JinjaExpression Subscript(int line, JinjaExpression owner)
    {
        JinjaExpression? start = tokens.IsSign(":") ? null : Expression();
        if (start is not null && tokens.TrySign("]")) return new JinjaItem(line, owner, start);
        tokens.Sign(":");
        JinjaExpression? stop = tokens.IsSign(":") || tokens.IsSign("]") ? null : Expression();
        JinjaExpression? step = tokens.TrySign(":") && !tokens.IsSign("]") ? Expression() : null;
        tokens.Sign("]");
        return new JinjaSlice(line, owner, start, stop, step);
    }

    private JinjaArguments Arguments()
    {
        var places = new List<JinjaExpression>();
        var names = new List<(string, JinjaExpression)>();
        while (!tokens.TrySign(")"))
        {
            if (tokens.IsSign("*") || tokens.IsSign("**")) throw tokens.Bad("unpacking arguments with '*' is not supported");
            if (tokens.Current.Kind == JinjaTokenKind.Name && tokens.FollowedBySign("="))
            {
                string name = tokens.Name();
                tokens.Sign("=");
                names.Add((name, Expression()));
            }
            else if (names.Count > 0) throw tokens.Bad("an argument by place follows one by name");
            else places.Add(Expression());
            if (!tokens.IsSign(")")) tokens.Sign(",");
        }
        return new JinjaArguments(places, names);
    }

    private JinjaExpression Filters(JinjaExpression value)
    {
        while (true)
        {
            int line = tokens.Line;
            if (tokens.TrySign("|"))
                value = new JinjaFilter(line, value, tokens.Name(), tokens.TrySign("(") ? Arguments() : JinjaArguments.None);
            else if (tokens.TryName("is"))
            {
                bool negated = tokens.TryName("not");
                value = new JinjaTest(line, value, tokens.Name(), TestArguments(), negated);
            }
            else if (tokens.TrySign("(")) value = new JinjaCall(line, value, Arguments());
            else return value;
        }
    }

    private JinjaArguments TestArguments()
    {
        if (tokens.TrySign("(")) return Arguments();
        bool argument = tokens.Current.Kind is JinjaTokenKind.String or JinjaTokenKind.Integer or JinjaTokenKind.Real
            || tokens.IsSign("[") || tokens.IsSign("{")
            || (tokens.Current.Kind == JinjaTokenKind.Name && tokens.Current.Text is not ("else" or "or" or "and" or "is" or "if" or "in" or "not"));
        return argument ? new JinjaArguments([Postfix(Primary())], []) : JinjaArguments.None;
    }
}
