using System.Reflection;

namespace HeadKvLab;

/// <summary>
/// What the values of an enum are called in files, options and tables: their identifiers in kebab case (<c>KvHead</c> is <c>kv-head</c>,
/// <c>BFloat16</c> is <c>bfloat16</c>), or what <see cref="NamedAttribute"/> says.
/// </summary>
public static class Names<TEnum> where TEnum : struct, Enum
{
    private static readonly Dictionary<TEnum, string> Written = [];
    private static readonly Dictionary<string, TEnum> Read = new(StringComparer.Ordinal);

    static Names()
    {
        foreach (var field in typeof(TEnum).GetFields(BindingFlags.Public | BindingFlags.Static))
        {
            var (value, named) = ((TEnum)field.GetValue(null)!, field.GetCustomAttribute<NamedAttribute>());
            Written.Add(value, named?.Name ?? Kebab(field.Name));
            Read.Add(Written[value], value);
            foreach (var alias in named?.Aliases ?? []) Read.Add(alias, value);
        }
        All = [.. Written.Values];
    }

    /// <summary>All names, in the order of the enum.</summary>
    public static IReadOnlyList<string> All { get; }

    /// <summary>The name of a value.</summary>
    public static string Of(TEnum value) => Written[value];

    /// <summary>Names as a sentence lists them: <c>kv-head or query-head</c>.</summary>
    /// <param name="values">Which; none: all.</param>
    public static string InWords(params IReadOnlyList<TEnum> values)
    {
        var names = values.Count == 0 ? All : [.. values.Select(Of)];
        return names.Count == 1 ? names[0] : $"{string.Join(", ", names.SkipLast(1))} or {names[^1]}";
    }

    /// <summary>Finds the value of a name or an alias.</summary>
    public static bool TryParse(string? name, out TEnum value)
    {
        value = default;
        return name is not null && Read.TryGetValue(name, out value);
    }

    /// <summary>The value of a name or an alias.</summary>
    /// <param name="name">The name.</param>
    /// <param name="what">What it should be the name of, for the message; an option, or for instance "granularity".</param>
    /// <param name="among">The values that are allowed; none: all.</param>
    /// <exception cref="LabException">No allowed value is called so; the message lists those that are.</exception>
    public static TEnum Parse(string? name, string what, params IReadOnlyList<TEnum> among) => TryParse(name, out var value) && (among.Count == 0 || among.Contains(value))
        ? value : throw new LabException($"{what} '{name}' is unknown: use {InWords(among)}");

    private static string Kebab(string identifier) => string.Concat(identifier.Select((letter, at) =>
        at > 0 && char.IsUpper(letter) && char.IsLower(identifier[at - 1]) ? $"-{char.ToLowerInvariant(letter)}" : $"{char.ToLowerInvariant(letter)}"));
}
