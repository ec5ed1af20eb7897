namespace HeadKvLab.Text.Jinja;

/// <summary>Parses a template's statements: for, if, set, macro, generation, break, continue. Any other is refused by name.</summary>
internal sealed class JinjaParser
{
    private readonly JinjaTokens _tokens;
    private readonly JinjaExpressionParser _expressions;

    private JinjaParser(string source, List<JinjaToken> tokens)
    {
        _tokens = new JinjaTokens(source, tokens);
        _expressions = new JinjaExpressionParser(_tokens);
    }

    /// <summary>Parses a template.</summary>
    /// <param name="source">Where it comes from, named in errors.</param>
    /// <param name="template">The template.</param>
    public static IReadOnlyList<JinjaStatement> Parse(string source, string template)
    {
        var parser = new JinjaParser(source, JinjaLexer.Cut(source, template));
        List<JinjaStatement> body = parser.Body(out string? end);
        return end is null ? body : throw parser._tokens.Bad($"'{end}' without its beginning");
    }

    // Statements up to a tag that ends or divides a block; its name is consumed, the rest of the tag is not.
    private List<JinjaStatement> Body(out string? end, params string[] ends)
    {
        var body = new List<JinjaStatement>();
        while (true)
        {
            JinjaToken token = _tokens.Next();
            switch (token.Kind)
            {
                case JinjaTokenKind.Data:
                    body.Add(new JinjaData(token.Line, token.Text));
                    break;
                case JinjaTokenKind.PrintBegin:
                    body.Add(new JinjaPrint(token.Line, _expressions.ExpressionOrTuple()));
                    _tokens.Kind(JinjaTokenKind.PrintEnd);
                    break;
                case JinjaTokenKind.BlockBegin:
                    string name = _tokens.Name();
                    if (ends.Contains(name) || name.StartsWith("end", StringComparison.Ordinal) || name is "else" or "elif")
                    {
                        end = name;
                        if (ends.Length > 0 && !ends.Contains(name)) throw _tokens.Bad($"'{name}' where {string.Join(" or ", ends.Select(e => $"'{e}'"))} should stand");
                        return body;
                    }
                    body.Add(_tokens.Nested(() => Statement(name, token.Line)));
                    break;
                default:
                    if (ends.Length > 0) throw _tokens.Bad($"the template ends before '{ends[^1]}'");
                    end = null;
                    return body;
            }
        }
    }

    private JinjaStatement Statement(string name, int line)
    {
        switch (name)
        {
            case "if": return If(line);
            case "for": return For(line);
            case "set": return Set(line);
            case "macro": return Macro(line);
            case "generation":
                EndTag();
                return new JinjaGroup(line, Block("endgeneration"));
            case "break" or "continue":
                EndTag();
                return new JinjaLeave(line, name == "continue");
            default:
                throw _tokens.Bad($"the statement '{name}' is not supported");
        }
    }

    private void EndTag() => _tokens.Kind(JinjaTokenKind.BlockEnd);

    private List<JinjaStatement> Block(string end)
    {
        List<JinjaStatement> body = Body(out _, end);
        EndTag();
        return body;
    }

    private JinjaIf If(int line)
    {
        var branches = new List<(JinjaExpression, IReadOnlyList<JinjaStatement>)>();
        List<JinjaStatement> otherwise = [];
        string? end;
        do
        {
            JinjaExpression condition = _expressions.ExpressionOrTuple();
            EndTag();
            branches.Add((condition, Body(out end, "elif", "else", "endif")));
        }
        while (end == "elif");
        EndTag();
        if (end == "else") otherwise = Block("endif");
        return new JinjaIf(line, branches, otherwise);
    }

    private JinjaFor For(int line)
    {
        List<string> targets = Targets();
        _tokens.Word("in");
        JinjaExpression over = _expressions.WithoutChoice();
        JinjaExpression? where = _tokens.TryName("if") ? _expressions.Expression() : null;
        if (_tokens.IsName("recursive")) throw _tokens.Bad("'recursive' loops are not supported");
        EndTag();
        List<JinjaStatement> body = Body(out string? end, "else", "endfor"), otherwise = [];
        EndTag();
        if (end == "else") otherwise = Block("endfor");
        return new JinjaFor(line, targets, over, where, body, otherwise);
    }

    private List<string> Targets()
    {
        bool bracketed = _tokens.TrySign("(");
        var targets = new List<string> { _tokens.Name() };
        while (_tokens.TrySign(",")) targets.Add(_tokens.Name());
        if (bracketed) _tokens.Sign(")");
        return targets;
    }

    private JinjaStatement Set(int line)
    {
        List<string> targets = Targets();
        string? member = targets.Count == 1 && _tokens.TrySign(".") ? _tokens.Name() : null;
        if (_tokens.TrySign("="))
        {
            JinjaExpression value = _expressions.ExpressionOrTuple();
            EndTag();
            return new JinjaSet(line, targets, member, value);
        }
        if (targets.Count > 1 || member is not null || _tokens.Current.Kind != JinjaTokenKind.BlockEnd) throw _tokens.Bad("'=' expected after the target of 'set'");
        EndTag();
        return new JinjaSetBlock(line, targets[0], Block("endset"));
    }

    private JinjaMacro Macro(int line)
    {
        string name = _tokens.Name();
        _tokens.Sign("(");
        var parameters = new List<(string, JinjaExpression?)>();
        while (!_tokens.TrySign(")"))
        {
            string parameter = _tokens.Name();
            parameters.Add((parameter, _tokens.TrySign("=") ? _expressions.Expression() : null));
            if (!_tokens.IsSign(")")) _tokens.Sign(",");
        }
        EndTag();
        return new JinjaMacro(line, name, parameters, Block("endmacro"));
    }
}
