namespace HeadKvLab.Text.Jinja;

/// <summary>An expression of a template, with the line it begins on.</summary>
internal abstract record JinjaExpression(int Line);

internal sealed record JinjaConstant(int Line, object? Value) : JinjaExpression(Line);
internal sealed record JinjaName(int Line, string Name) : JinjaExpression(Line);
internal sealed record JinjaList(int Line, IReadOnlyList<JinjaExpression> Items, bool Fixed = false) : JinjaExpression(Line);
internal sealed record JinjaMap(int Line, IReadOnlyList<(JinjaExpression Key, JinjaExpression Value)> Members) : JinjaExpression(Line);
internal sealed record JinjaAttribute(int Line, JinjaExpression Owner, string Name) : JinjaExpression(Line);
internal sealed record JinjaItem(int Line, JinjaExpression Owner, JinjaExpression Key) : JinjaExpression(Line);
internal sealed record JinjaSlice(int Line, JinjaExpression Owner, JinjaExpression? Start, JinjaExpression? Stop, JinjaExpression? Step) : JinjaExpression(Line);
internal sealed record JinjaCall(int Line, JinjaExpression Callee, JinjaArguments Arguments) : JinjaExpression(Line);
internal sealed record JinjaFilter(int Line, JinjaExpression Input, string Name, JinjaArguments Arguments) : JinjaExpression(Line);
internal sealed record JinjaTest(int Line, JinjaExpression Input, string Name, JinjaArguments Arguments, bool Negated) : JinjaExpression(Line);
internal sealed record JinjaUnary(int Line, string Operator, JinjaExpression Operand) : JinjaExpression(Line);
internal sealed record JinjaBinary(int Line, string Operator, JinjaExpression Left, JinjaExpression Right) : JinjaExpression(Line);
internal sealed record JinjaComparison(int Line, JinjaExpression First, IReadOnlyList<(string Operator, JinjaExpression Operand)> Rest) : JinjaExpression(Line);
internal sealed record JinjaChoice(int Line, JinjaExpression Condition, JinjaExpression Then, JinjaExpression? Else) : JinjaExpression(Line);

/// <summary>Arguments as written: by place, then by name.</summary>
internal sealed record JinjaArguments(IReadOnlyList<JinjaExpression> Places, IReadOnlyList<(string Name, JinjaExpression Value)> Names)
{
    public static JinjaArguments None { get; } = new([], []);
}

/// <summary>A statement of a template, with the line it begins on.</summary>
internal abstract record JinjaStatement(int Line);

internal sealed record JinjaData(int Line, string Text) : JinjaStatement(Line);
internal sealed record JinjaPrint(int Line, JinjaExpression Value) : JinjaStatement(Line);
internal sealed record JinjaIf(int Line, IReadOnlyList<(JinjaExpression Condition, IReadOnlyList<JinjaStatement> Body)> Branches, IReadOnlyList<JinjaStatement> Else) : JinjaStatement(Line);
internal sealed record JinjaFor(int Line, IReadOnlyList<string> Targets, JinjaExpression Over, JinjaExpression? Where, IReadOnlyList<JinjaStatement> Body, IReadOnlyList<JinjaStatement> Else) : JinjaStatement(Line);
internal sealed record JinjaSet(int Line, IReadOnlyList<string> Targets, string? Member, JinjaExpression Value) : JinjaStatement(Line);
internal sealed record JinjaSetBlock(int Line, string Target, IReadOnlyList<JinjaStatement> Body) : JinjaStatement(Line);
internal sealed record JinjaMacro(int Line, string Name, IReadOnlyList<(string Name, JinjaExpression? Default)> Parameters, IReadOnlyList<JinjaStatement> Body) : JinjaStatement(Line);
internal sealed record JinjaGroup(int Line, IReadOnlyList<JinjaStatement> Body) : JinjaStatement(Line);
internal sealed record JinjaLeave(int Line, bool Again) : JinjaStatement(Line);
