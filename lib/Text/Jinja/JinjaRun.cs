using System.Diagnostics;

namespace HeadKvLab.Text.Jinja;

/// <summary>How much one rendering may cost.</summary>
internal sealed record JinjaLimits(long Steps = 2_000_000, long Characters = 32_000_000, int Depth = 60, double Seconds = 10);

/// <summary>One rendering: counts its steps, characters and depth, and makes its errors.</summary>
internal sealed class JinjaRun(string source, JinjaLimits limits, TimeProvider clock)
{
    private readonly long _began = Stopwatch.GetTimestamp();
    private long _steps;
    private long _characters;
    private int _depth;

    public TimeProvider Clock => clock;

    /// <summary>Counts one step; stops an endless rendering.</summary>
    public void Step(int line)
    {
        if (++_steps > limits.Steps) throw Bad(line, $"the template takes more than {limits.Steps:N0} steps: it loops without end or its input is far too large");
        if ((_steps & 1023) == 0 && Stopwatch.GetElapsedTime(_began).TotalSeconds > limits.Seconds)
            throw Bad(line, $"the template takes longer than {limits.Seconds:N0} s: it loops without end or its input is far too large");
    }

    /// <summary>Counts characters or items about to be made, before they are.</summary>
    public void Make(int line, long count)
    {
        _characters += count;
        if (_characters > limits.Characters) throw Bad(line, $"the template makes more than {limits.Characters:N0} characters");
    }

    /// <summary>Goes one macro or expression deeper.</summary>
    public void Enter(int line)
    {
        if (++_depth > limits.Depth * 10) throw Bad(line, "macros call each other without end");
        System.Runtime.CompilerServices.RuntimeHelpers.EnsureSufficientExecutionStack();
    }

    public void Exit() => _depth--;

    public LabException Bad(int line, string what) => Bad(source, line, what);

    /// <summary>The error of a template at a line: lexer, parser and renderer say it alike.</summary>
    public static LabException Bad(string source, int line, string what) => new($"{source}: line {line}: {what}. Correct the template, or do without it.");

    public LabException Refused(string message) => new($"{source}: the chat template refuses these messages: {message}");
}

/// <summary>The value of a name or member that is not there: prints as nothing, counts as false, cannot be used.</summary>
internal sealed record JinjaUndefined(string Name);

/// <summary>A tuple: a list that is written with parentheses and equals no list.</summary>
internal sealed class JinjaTuple(IEnumerable<object?> items) : List<object?>(items);

/// <summary>A value with members that templates may set: namespace(...).</summary>
internal sealed record JinjaNamespace(Dictionary<string, object?> Members);

/// <summary>Something a template can call.</summary>
internal delegate object? JinjaFunction(JinjaCallArguments arguments);

/// <summary>The arguments of one call of a function, filter, test or method.</summary>
internal sealed class JinjaCallArguments(JinjaRun run, int line, string callee, IReadOnlyList<object?> places, IReadOnlyDictionary<string, object?> names)
{
    public JinjaRun Run => run;

    public int Line => line;

    public IReadOnlyList<object?> Places => places;

    public IReadOnlyDictionary<string, object?> Names => names;

    public LabException Bad(string what) => run.Bad(line, $"'{callee}' {what}");

    /// <summary>Refuses arguments that the callee does not know.</summary>
    public JinjaCallArguments Allow(int most, params string[] known)
    {
        if (places.Count > most) throw Bad($"takes at most {most} arguments, not {places.Count}");
        foreach (string name in names.Keys)
            if (!known.Contains(name)) throw Bad($"with an argument '{name}' is not supported");
        return this;
    }

    public object? Value(int place, string name, object? otherwise) =>
        place < places.Count ? places[place] : names.TryGetValue(name, out object? value) ? value : otherwise;

    public object? Needed(int place, string name) =>
        place < places.Count ? places[place] : names.TryGetValue(name, out object? value) ? value : throw Bad($"needs its argument '{name}'");

    public string Text(int place, string name, string? otherwise = null) =>
        Value(place, name, otherwise) as string ?? throw Bad($"needs a string as '{name}'");

    public long Integer(int place, string name, long otherwise) => Value(place, name, otherwise) switch
    {
        long number => number,
        bool flag => flag ? 1 : 0,
        _ => throw Bad($"needs a whole number as '{name}'"),
    };
}
