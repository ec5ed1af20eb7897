namespace HeadKvLab.Compression;

/// <summary>A part of policies that stands in a catalogue of its own: a recall, a format.</summary>
/// <param name="Name">Its name on the command line, in tables and in results.</param>
/// <param name="Does">What it does, in a sentence.</param>
/// <param name="Takes">The settings it takes.</param>
/// <param name="Paper">Where it is from.</param>
public sealed record PartEntry<TPart>(string Name, string Does, IReadOnlyList<Setting> Takes, string Paper) where TPart : class
{
    /// <summary>Makes it; all of <see cref="Takes"/> is set.</summary>
    public required Func<Settings, TPart> Build { get; init; }

    /// <summary>How near it is to what its authors compute.</summary>
    public Fidelity Fidelity { get; init; }

    /// <summary>Its settings by default, in words.</summary>
    public string Defaults => Takes.Count == 0 ? "none" : string.Join(", ", Takes.Select(setting => $"{setting.Name} {setting.Default}"));

    /// <summary>Creates the part.</summary>
    /// <param name="given">Settings that differ from the defaults.</param>
    /// <exception cref="LabException">It does not take a setting, or a value is out of range.</exception>
    public TPart Create(Settings? given = null) => Build(Setting.Resolve(Name, Takes, given));
}

/// <summary>The parts of one kind.</summary>
/// <param name="kind">What they are, for messages: <c>recall</c>.</param>
/// <param name="none">A policy without one.</param>
/// <param name="example">A part with a setting.</param>
/// <param name="nameOf">A part's name with all its settings.</param>
/// <param name="shown">The setting that short names always show; null for none.</param>
/// <param name="all">The parts, in the order of tables.</param>
public sealed class PartCatalogue<TPart>(string kind, string none, string example, Func<TPart, string> nameOf, string? shown, params IReadOnlyList<PartEntry<TPart>> all) where TPart : class
{
    /// <summary>The parts, in the order of tables.</summary>
    public IReadOnlyList<PartEntry<TPart>> All { get; } = all;

    /// <summary>The part of a text such as <c>Quest budget=64</c>, whatever the case of its letters.</summary>
    /// <returns>Null for none.</returns>
    /// <exception cref="LabException">There is none, it does not take a setting, or a value is out of range.</exception>
    public TPart? Parse(string text)
    {
        var words = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        var name = words.FirstOrDefault() ?? "";
        if (text == none) return null;
        var entry = All.FirstOrDefault(one => string.Equals(one.Name, name, StringComparison.OrdinalIgnoreCase))
            ?? throw new LabException($"{kind} '{name}' is unknown: use one of {string.Join(", ", All.Select(one => one.Name))}, or {none}");
        if (words.Skip(1).FirstOrDefault(word => !word.Contains('=', StringComparison.Ordinal)) is { } odd)
            throw new LabException($"{kind} '{text}': '{odd}' is no setting; write name=value, as in {example}, and nothing behind them");
        return entry.Create(Setting.Given(words.Skip(1)));
    }

    /// <summary>A part's name as tables write it, without what is as by default. One that stands in no catalogue keeps its name.</summary>
    /// <param name="name">The name with all settings.</param>
    public string Short(string name)
    {
        var words = name.Split(' ');
        if (!All.Any(one => one.Name == words[0])) return name;
        var kept = words.ToList();
        foreach (var word in words.Skip(1).Where(word => shown is null || !word.StartsWith(shown + "=", StringComparison.Ordinal)))
            if (Means(string.Join(' ', kept.Where(one => one != word)), name)) kept.Remove(word);
        return string.Join(' ', kept);
    }

    private bool Means(string text, string name)
    {
        try { return Parse(text) is { } part && nameOf(part) == name; }
        catch (LabException) { return false; } // the default does not go with the other settings
    }
}
