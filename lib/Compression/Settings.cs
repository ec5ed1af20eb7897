using System.Collections;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace HeadKvLab.Compression;

/// <summary>
/// Named values in order: <c>kernel=7 pooling=max beta=1.01</c>. A number is the shortest text that reads back as the same number, in the invariant culture;
/// no name or value holds white space or an equals sign. So equal settings are equal texts, and different ones different texts.
/// </summary>
[JsonConverter(typeof(SettingsJson))]
public sealed class Settings : IEquatable<Settings>, IEnumerable<KeyValuePair<string, string>>
{
    private readonly KeyValuePair<string, string>[] _all;

    /// <summary>Names values.</summary>
    /// <param name="all">Names and values, in order: <c>new Settings(("beta", 1.01), ("pooling", "max"))</c>.</param>
    /// <exception cref="LabException">A name stands twice, or a name or value is empty or holds white space or an equals sign.</exception>
    public Settings(params (string Name, object Value)[] all)
    {
        _all = [.. all.Select(one => new KeyValuePair<string, string>(Plain(one.Name, one.Name), Plain(one.Name, Text(one.Value))))];
        if (_all.GroupBy(one => one.Key).FirstOrDefault(g => g.Count() > 1) is { } twice) throw new LabException($"setting '{twice.Key}' is given twice");
    }

    /// <summary>No settings.</summary>
    public static Settings None { get; } = new();

    /// <summary>The value of a setting, as text.</summary>
    /// <exception cref="LabException">There is none of that name.</exception>
    public string this[string name] => Find(name) ?? throw new LabException($"there is no setting '{name}': there are {(_all.Length == 0 ? "none" : string.Join(", ", _all.Select(one => one.Key)))}");

    /// <summary>Whether a setting is there.</summary>
    public bool Has(string name) => Find(name) is not null;

    /// <summary>The value of a setting, as a number.</summary>
    public double Number(string name) => double.Parse(this[name], CultureInfo.InvariantCulture);

    /// <summary>The value of a setting, as a whole number.</summary>
    public int Whole(string name) => int.Parse(this[name], CultureInfo.InvariantCulture);

    /// <summary>These settings with one more, or with another value of one.</summary>
    public Settings With(string name, object value) => Has(name)
        ? new([.. _all.Select(one => (one.Key, one.Key == name ? value : one.Value))]) : new([.. _all.Select(one => (one.Key, (object)one.Value)), (name, value)]);

    /// <summary>A value as text: numbers in the invariant culture.</summary>
    internal static string Text(object? value) => value switch
    {
        null => "null",
        bool flag => flag ? "true" : "false",
        JsonElement { ValueKind: not JsonValueKind.String } json => json.GetRawText(),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    private static string Plain(string name, string text) => text.Length > 0 && !text.Any(c => char.IsWhiteSpace(c) || c == '=') ? text
        : throw new LabException($"setting '{name}': '{text}' is empty or holds white space or an equals sign");

    private string? Find(string name) => Array.Find(_all, one => one.Key == name).Value;

    /// <inheritdoc/>
    public bool Equals(Settings? other) => other is not null && _all.AsSpan().SequenceEqual(other._all);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Settings);

    /// <inheritdoc/>
    public override int GetHashCode() => ToString().GetHashCode(StringComparison.Ordinal);

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, string>> GetEnumerator() => _all.AsEnumerable().GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>All of them in a line: <c>kernel=7 pooling=max</c>.</summary>
    public override string ToString() => string.Join(' ', _all.Select(one => $"{one.Key}={one.Value}"));
}
