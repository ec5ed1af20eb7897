using System.Globalization;

namespace HeadKvLab.Compression;

/// <summary>A setting that a method takes: its name, its default, and which values it can have. A value has one text, however it was written.</summary>
public sealed class Setting
{
    private readonly Func<string, string?> _read;

    private Setting(string name, string standard, string range, Func<string, string?> read) => (Name, Default, Range, _read) = (name, standard, range, read);

    /// <summary>Its name on the command line, in sweep files and in rows.</summary>
    public string Name { get; }

    /// <summary>Its value where none is given.</summary>
    public string Default { get; }

    /// <summary>Its possible values in words.</summary>
    public string Range { get; }

    /// <summary>A setting that is a number.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="standard">The default.</param>
    /// <param name="range">Possible values in words.</param>
    /// <param name="within">Whether a finite number is possible.</param>
    public static Setting Number(string name, double standard, string range, Func<double, bool> within) =>
        new(name, Settings.Text(standard), range, text => Parse(text) is { } number && within(number) ? Settings.Text(number) : null);

    /// <summary>A setting that is a whole number.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="standard">The default.</param>
    /// <param name="range">Possible values in words.</param>
    /// <param name="within">Whether a whole number is possible.</param>
    public static Setting Whole(string name, int standard, string range, Func<int, bool> within) =>
        new(name, Settings.Text(standard), range, text => Parse(text) is { } number && number == (int)number && within((int)number) ? Settings.Text((int)number) : null);

    /// <summary>A setting that is one of several words.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="meaning">What it decides.</param>
    /// <param name="words">The words, the default first.</param>
    public static Setting Word(string name, string meaning, params string[] words) =>
        new(name, words[0], $"{string.Join(" or ", words)}, {meaning}", text => Array.Find(words, word => word.Equals(text, StringComparison.OrdinalIgnoreCase)));

    /// <summary>This setting with one more possible value, a word, as its default.</summary>
    public Setting Or(string word) => new(Name, word, $"{Range}, or {word}", text => text.Equals(word, StringComparison.OrdinalIgnoreCase) ? word : _read(text));

    /// <summary>The effective settings: every one that is taken, given or by default.</summary>
    /// <param name="owner">What takes them.</param>
    /// <param name="taken">The settings it takes.</param>
    /// <param name="given">Settings given; null for none.</param>
    /// <exception cref="LabException">One of them is not taken, or a value is out of range.</exception>
    public static Settings Resolve(string owner, IReadOnlyList<Setting> taken, Settings? given)
    {
        given ??= Settings.None;
        if (given.FirstOrDefault(one => taken.All(setting => setting.Name != one.Key)).Key is { } unknown) throw new LabException($"{owner} takes no setting '{unknown}'; it takes {InWords(taken)}");
        return new([.. taken.Select(setting => (setting.Name, (object)(given.Has(setting.Name) ? setting.Read(given[setting.Name]) : setting.Default)))]);
    }

    /// <summary>Settings from words such as <c>budget=64</c>.</summary>
    internal static Settings Given(IEnumerable<string> words) => new([.. words.Select(word => word.Split('=', 2) is [var name, var value] ? (name, (object)value) : default)]);

    /// <summary>The names of settings.</summary>
    internal static string InWords(IReadOnlyList<Setting> taken) => taken.Count == 0 ? "none" : string.Join(", ", taken.Select(setting => setting.Name));

    /// <summary>The one text of a value.</summary>
    /// <exception cref="LabException">The value is not possible.</exception>
    public string Read(string text) => _read(text) ?? throw new LabException($"{Name} {text}: give {Range}; {Default} is the default");

    /// <summary>A finite number; minus zero is zero.</summary>
    private static double? Parse(string text) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number + 0.0 : null;
}
