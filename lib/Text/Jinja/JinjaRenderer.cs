using System.Text;

namespace HeadKvLab.Text.Jinja;

/// <summary>Runs a template's statements and collects its text.</summary>
internal sealed class JinjaRenderer(JinjaRun run)
{
    private enum Flow { On, Break, Continue }

    private readonly JinjaEvaluator _evaluator = new(run);

    /// <summary>Renders a template over names.</summary>
    public string Render(IReadOnlyList<JinjaStatement> template, IReadOnlyDictionary<string, object?> names)
    {
        var globals = new JinjaScope(null);
        foreach ((string name, JinjaFunction function) in JinjaFunctions.All) globals[name] = function;
        foreach ((string name, object? value) in names) globals[name] = value;
        var output = new StringBuilder();
        Run(template, new JinjaScope(globals), output);
        return output.ToString();
    }

    private Flow Run(IReadOnlyList<JinjaStatement> body, JinjaScope scope, StringBuilder output)
    {
        foreach (JinjaStatement statement in body)
        {
            run.Step(statement.Line);
            Flow flow = Run(statement, scope, output);
            if (flow != Flow.On) return flow;
        }
        return Flow.On;
    }

    private Flow Run(JinjaStatement statement, JinjaScope scope, StringBuilder output)
    {
        switch (statement)
        {
            case JinjaData data:
                Write(data.Line, data.Text, output);
                return Flow.On;
            case JinjaPrint print:
                Write(print.Line, JinjaValues.Text(_evaluator.Evaluate(print.Value, scope)), output);
                return Flow.On;
            case JinjaIf branch:
                foreach ((JinjaExpression condition, IReadOnlyList<JinjaStatement> body) in branch.Branches)
                    if (JinjaValues.Truth(_evaluator.Evaluate(condition, scope))) return Run(body, scope, output);
                return Run(branch.Else, scope, output);
            case JinjaFor loop:
                return Loop(loop, scope, output);
            case JinjaSet set:
                Set(set, scope);
                return Flow.On;
            case JinjaSetBlock block:
                scope[block.Target] = Captured(block.Body, scope);
                return Flow.On;
            case JinjaMacro macro:
                scope[macro.Name] = Callable(macro, scope);
                return Flow.On;
            case JinjaGroup group:
                return Run(group.Body, scope, output);
            case JinjaLeave leave:
                return leave.Again ? Flow.Continue : Flow.Break;
            default:
                throw new InvalidOperationException(statement.GetType().Name);
        }
    }

    private void Write(int line, string text, StringBuilder output)
    {
        run.Make(line, text.Length);
        output.Append(text);
    }

    private string Captured(IReadOnlyList<JinjaStatement> body, JinjaScope scope)
    {
        var output = new StringBuilder();
        Run(body, new JinjaScope(scope), output);
        return output.ToString();
    }

    private Flow Loop(JinjaFor loop, JinjaScope scope, StringBuilder output)
    {
        object? over = _evaluator.Evaluate(loop.Over, scope);
        List<object?> items = JinjaValues.Items(over) ?? throw run.Bad(loop.Line, $"cannot loop over {JinjaValues.Kind(over)}");
        items = loop.Where is null ? items.ToList() : items.FindAll(item =>
        {
            var inner = new JinjaScope(scope);
            Bind(loop.Line, loop.Targets, item, inner);
            return JinjaValues.Truth(_evaluator.Evaluate(loop.Where, inner));
        });
        object?[]? lastChanged = null;
        for (int i = 0; i < items.Count; i++)
        {
            run.Step(loop.Line);
            var inner = new JinjaScope(scope);
            Bind(loop.Line, loop.Targets, items[i], inner);
            int at = i;
            inner["loop"] = new Dictionary<string, object?>(StringComparer.Ordinal)
            {
                ["index"] = i + 1L,
                ["index0"] = (long)i,
                ["revindex"] = (long)(items.Count - i),
                ["revindex0"] = items.Count - i - 1L,
                ["first"] = i == 0,
                ["last"] = i == items.Count - 1,
                ["length"] = (long)items.Count,
                ["depth"] = 1L,
                ["depth0"] = 0L,
                ["previtem"] = i > 0 ? items[i - 1] : new JinjaUndefined("loop.previtem"),
                ["nextitem"] = i + 1 < items.Count ? items[i + 1] : new JinjaUndefined("loop.nextitem"),
                ["cycle"] = (JinjaFunction)(call => call.Places.Count > 0 ? call.Places[at % call.Places.Count] : throw call.Bad("needs arguments")),
                ["changed"] = (JinjaFunction)(call =>
                {
                    bool same = lastChanged is not null && JinjaValues.Equals(lastChanged.ToList(), call.Places.ToList());
                    lastChanged = call.Places.ToArray();
                    return !same;
                }),
            };
            if (Run(loop.Body, inner, output) == Flow.Break) return Flow.On;
        }
        return items.Count == 0 ? Run(loop.Else, scope, output) : Flow.On;
    }

    private void Set(JinjaSet set, JinjaScope scope)
    {
        object? value = _evaluator.Evaluate(set.Value, scope);
        if (set.Member is null)
        {
            Bind(set.Line, set.Targets, value, scope);
            return;
        }
        if (scope[set.Targets[0]] is not JinjaNamespace space)
            throw run.Bad(set.Line, $"only members of a namespace can be set, '{set.Targets[0]}' is {JinjaValues.Kind(scope[set.Targets[0]])}");
        space.Members[set.Member] = value;
    }

    private void Bind(int line, IReadOnlyList<string> targets, object? value, JinjaScope scope)
    {
        if (targets.Count == 1)
        {
            scope[targets[0]] = value;
            return;
        }
        List<object?>? items = JinjaValues.Items(value);
        if (items is null || items.Count != targets.Count)
            throw run.Bad(line, $"cannot unpack {JinjaValues.Kind(value)} into {targets.Count} names");
        for (int i = 0; i < targets.Count; i++) scope[targets[i]] = items[i];
    }

    private JinjaFunction Callable(JinjaMacro macro, JinjaScope scope) => call =>
    {
        string[] known = macro.Parameters.Select(p => p.Name).ToArray();
        call.Allow(known.Length, known);
        var inner = new JinjaScope(scope);
        for (int i = 0; i < known.Length; i++)
        {
            object? otherwise = i < call.Places.Count || call.Names.ContainsKey(known[i]) ? null
                : macro.Parameters[i].Default is JinjaExpression expression ? _evaluator.Evaluate(expression, inner) : new JinjaUndefined(known[i]);
            inner[known[i]] = call.Value(i, known[i], otherwise);
        }
        var output = new StringBuilder();
        run.Enter(macro.Line);
        Run(macro.Body, inner, output);
        run.Exit();
        return output.ToString();
    };
}
