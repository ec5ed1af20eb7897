namespace HeadKvLab.Text.Jinja;

/// <summary>Names and their values; a loop or macro has a scope of its own inside the one around it.</summary>
internal sealed class JinjaScope(JinjaScope? outer)
{
    private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal);

    public object? this[string name]
    {
        get
        {
            for (JinjaScope? scope = this; scope is not null; scope = scope.Outer)
                if (scope._values.TryGetValue(name, out object? value)) return value;
            return new JinjaUndefined(name);
        }
        set => _values[name] = value;
    }

    private JinjaScope? Outer => outer;
}
