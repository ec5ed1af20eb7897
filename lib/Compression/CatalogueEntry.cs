using System.Globalization;
using HeadKvLab.Compression.Schedules;

namespace HeadKvLab.Compression;

/// <summary>A method of the catalogue.</summary>
/// <param name="Name">Its name on the command line, in tables and in results.</param>
/// <param name="Keeps">What it keeps, in a sentence.</param>
/// <param name="Takes">The settings it takes: all that its scorer, its allocator or bidder and its settlement have.</param>
/// <param name="Paper">Where it is from.</param>
/// <param name="Needs">Calibration tables it needs.</param>
public sealed record CatalogueEntry(string Name, string Keeps, IReadOnlyList<Setting> Takes, string Paper, params IReadOnlyList<TableKind> Needs)
{
    /// <summary>Puts scorer and allocator together; all of <see cref="Takes"/> is set, and the tables of <see cref="Needs"/> are there.</summary>
    public required Func<Settings, CalibrationTables, Method> Build { get; init; }

    /// <summary>How near it is to what its authors compute.</summary>
    public Fidelity Fidelity { get; init; }

    /// <summary>How its authors drop entries while text is generated, from its settings; null: they decide once, after the prompt.</summary>
    public Func<Settings, ISchedule>? Published { get; init; }

    /// <summary>Its name in the registry of kvpress' evaluation, an alias here; null: it has none there, or one that computes something else.</summary>
    public string? KvPress { get; init; }

    /// <summary>Why the method cannot choose again while text is generated; null: it can.</summary>
    public string? DecidesOnce { get; init; }

    /// <summary>The schedule of a name: <c>never</c>, <c>published</c>, <c>every 128</c>, <c>grown 64</c>.</summary>
    /// <param name="name">The name.</param>
    /// <param name="given">Settings that differ from the defaults; null for none.</param>
    /// <returns>Null for never.</returns>
    /// <exception cref="LabException">There is no such schedule, or the method cannot follow it.</exception>
    public ISchedule? ScheduleOf(string name, Settings? given = null)
    {
        var schedule = Catalogue.Schedule(name);
        if (schedule == Catalogue.Never) return null;
        if (DecidesOnce is not null) throw new LabException($"schedule '{name}': {Name} decides once, after the prompt: {DecidesOnce}");
        if (schedule != Catalogue.Published) return schedule.Split(' ') is ["every", var tokens] ? new Every(int.Parse(tokens, CultureInfo.InvariantCulture)) : new Grown(int.Parse(schedule[6..], CultureInfo.InvariantCulture));
        return Published is { } own ? own(Resolve(given))
            : throw new LabException($"schedule '{name}': {Name} drops nothing while generating in its published form; the methods that do are {string.Join(", ", Catalogue.Methods.Where(m => m.Published is not null).Select(m => m.Name))}");
    }

    /// <summary>Its settings by default, in words.</summary>
    public string Defaults => Takes.Count == 0 ? "none" : string.Join(", ", Takes.Select(setting => $"{setting.Name} {setting.Default}"));

    /// <summary>The effective settings: every one that the method takes, given or by default.</summary>
    /// <param name="given">Settings given; null for none.</param>
    /// <exception cref="LabException">The method does not take one of them, or a value is out of range.</exception>
    public Settings Resolve(Settings? given = null) => Setting.Resolve(Name, Takes, given);

    /// <summary>Whether the method takes a setting.</summary>
    public bool IsTaken(string setting) => Takes.Any(taken => taken.Name == setting);

    /// <summary>The names of the settings it takes.</summary>
    internal string TakenInWords => Setting.InWords(Takes);

    /// <summary>What it needs beside the prompt, in words.</summary>
    public string NeedsInWords => Needs.Count == 0 ? "none" : string.Join(", ", Needs.Select(kind => kind.Holds));

    /// <summary>Whether a model has the tables that the method needs.</summary>
    /// <exception cref="LabException">A file of them is broken or another model's.</exception>
    public bool IsReady(CalibrationTables tables) => Needs.All(kind => tables.Find(kind) is not null);

    /// <summary>The tables that the method uses, each by its name with its hash.</summary>
    /// <exception cref="LabException">A table it needs is missing, broken or another model's.</exception>
    public Settings TablesOf(CalibrationTables tables) => new([.. Needs.Select(kind => (kind.Name, (object)(tables.Find(kind)
        ?? throw new LabException($"{Name} needs {kind.Holds}: {kind.Cure}")).Hash))]);

    /// <summary>Creates the method.</summary>
    /// <param name="settings">Settings that differ from the defaults; null for none.</param>
    /// <param name="tables">Calibration tables of the model; only those it <see cref="Needs"/> are looked at. Null for none.</param>
    /// <exception cref="LabException">The method does not take a setting, a value is out of range, or a table it needs is missing.</exception>
    public Method Create(Settings? settings = null, CalibrationTables? tables = null)
    {
        var effective = Resolve(settings);
        var used = TablesOf(tables ??= CalibrationTables.None);
        return Build(effective, tables) with { Settings = effective, Tables = used };
    }
}
