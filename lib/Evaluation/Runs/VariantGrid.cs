using System.Text.Json.Serialization;
using HeadKvLab.Compression;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Reducers;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>What to multiply into variants: every list with every other.</summary>
public record VariantGrid
{
    /// <summary>The windows of a grid that names none.</summary>
    private protected static readonly IReadOnlyList<int> UsualWindows = [Budget.PaperWindow];

    /// <summary>Methods of the catalogue, each alone or with settings and parts of its own: <c>HeadKV-R2 beta=2 kernel=5</c>, <c>SnapKV @int4 /share(5&gt;1)</c>.</summary>
    public required IReadOnlyList<string> Methods { get; init; }

    /// <summary>Budgets in entries per head, window included.</summary>
    public IReadOnlyList<int> KvSizes { get; init; } = [];

    /// <summary>Budgets as shares of the prompt.</summary>
    public IReadOnlyList<double> Shares { get; init; } = [];

    /// <summary>Budgets as kvpress gives them: shares that are removed, 0 or more and below 1.</summary>
    public IReadOnlyList<double> CompressionRatios { get; init; } = [];

    /// <summary>Budget rules; none: the protocol's.</summary>
    [JsonPropertyName("disciplines")]   // as files name it
    public IReadOnlyList<string> Rules { get; init; } = [];

    /// <summary>Which heads own entries; null: as the protocol says.</summary>
    public string? Granularity { get; init; }

    /// <summary>Observation windows.</summary>
    public IReadOnlyList<int> Windows { get; init; } = UsualWindows;

    /// <summary>
    /// When entries are dropped again while text is generated: <c>never</c>, <c>published</c>, <c>every 128</c> (tokens), <c>grown 64</c> (entries); each goes to every method
    /// that can follow it and names none itself. None: never.
    /// </summary>
    public IReadOnlyList<string> Schedules { get; init; } = [];

    /// <summary>How entries are stored once the prompt is read: <c>none</c> (as the model computes them), <c>bf16</c>, <c>int4 recent=8</c>; each goes to every method that names none itself, the full cache included.</summary>
    public IReadOnlyList<string> Formats { get; init; } = [];

    /// <summary>Which stored entries each token of an answer reads: <c>none</c> (all), <c>Quest budget=64</c>; each goes to every method that names none itself, the full cache included. None: all.</summary>
    public IReadOnlyList<string> Recalls { get; init; } = [];

    /// <summary>Values of methods' settings by their names, <c>"settings": { "beta": [1.005, 1.01], "pooling": ["max", "avg"] }</c>: each goes to every method that takes it.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<object>> Settings { get; init; } = new Dictionary<string, IReadOnlyList<object>>();

    /// <summary>Short for the setting <c>beta</c>; none: the default.</summary>
    public IReadOnlyList<double> Betas { get; init; } = [];

    /// <summary>Short for the setting <c>kernel</c>; none: the default.</summary>
    public IReadOnlyList<int> Kernels { get; init; } = [];

    /// <summary>Seed of methods that draw.</summary>
    public int Seed { get; init; }

    /// <summary>The product of methods, budgets and settings, the full cache first; equal ones once.</summary>
    /// <param name="protocol">Gives the rules and the granularity where the grid does not.</param>
    /// <exception cref="LabException">A name is unknown, no method takes a setting, a value is out of range, a budget too small, or there is nothing to run; the message lists all of it.</exception>
    public IReadOnlyList<Variant> Variants(Protocol protocol)
    {
        var problems = new Problems();
        var (rules, granularity, grid) = (Rules.Count > 0 ? Rules : [Names<BudgetRule>.Of(protocol.Rule)], Granularity ?? Names<Compression.Granularity>.Of(protocol.Granularity), AllSettings(problems));
        var methods = problems.Each(Methods, Catalogue.Parse);
        problems.Each(Schedules, Catalogue.Schedule);
        var recalls = problems.Each(Recalls, text => RecallCatalogue.Parse(text)?.Name);
        foreach (var ratio in CompressionRatios.Where(r => r is not (>= 0 and < 1))) problems.Add(FormattableString.Invariant($"compression ratio {ratio}: give the share that is removed, 0 or more and below 1"));
        var formats = problems.Each(Formats, text => FormatCatalogue.Parse(text)?.Name);
        problems.Throw();
        if (Schedules.Any(name => Catalogue.Schedule(name) != Catalogue.Never) && methods.All(m => m.Schedule is not null || m.Entry.Name == Variant.Full.Method))
            problems.Add($"schedules {string.Join(", ", Schedules)}: every method names its own, or keeps everything; leave them out");
        CheckSettings(methods, grid, problems);
        problems.Throw();
        var variants = new List<Variant>();
        foreach (var part in methods)
        {
            var (entry, given, own) = part;
            IReducer? reducer = null;
            problems.Check(() => reducer = ReducerOf(part, protocol));
            IReadOnlyList<string?> read = part.Recall is { } named ? [named.Name] : recalls.Count > 0 ? recalls : [null];
            IReadOnlyList<string?> stored = part.Format is { } kind ? [kind.Name] : formats.Count > 0 ? formats : [null];
            if (entry.Name == Variant.Full.Method)
            {
                if (part.Recall is null && part.Format is null && part.Layers is null && part.Reducer is null) variants.Insert(0, Variant.Full);
                var whole = from format in stored from recall in read select Variant.FullWith(format, recall, part.Layers);
                variants.AddRange(reducer is null ? whole.Where(variant => !variant.IsFull)
                    : from size in reducer.Keep is { } keep ? [(Size: 0, Share: keep, Down: false)] : Sizes from variant in whole select variant with { KvSize = size.Size, Share = size.Share, RoundedDown = size.Down, Reducer = reducer.Name });
                continue;
            }
            var schedules = SchedulesOf(entry, given, own, problems);
            problems.Check(() => variants.AddRange(
                from size in Sizes
                from rule in rules
                from window in Windows
                from schedule in schedules
                from format in stored
                from recall in read
                from settings in Combinations(entry, given, grid)
                select new Variant { Method = entry.Name, KvSize = size.Size, Share = size.Share, RoundedDown = size.Down, Rule = rule, Granularity = granularity, Window = window, Schedule = schedule, Format = format, Recall = recall, Layers = part.Layers, Reducer = reducer?.Name, Settings = settings }));
        }
        problems.Throw();
        if (variants.Count == 0) problems.Add("nothing to run: name at least one method, and at least one --kv-sizes, --shares or --compression-ratio for methods that compress");
        foreach (var variant in variants.Where(v => !v.IsFull)) problems.Check(() => variant.Check());
        problems.Throw();
        return [.. variants.Distinct()];
    }

    /// <summary>Budgets, in entries or as shares.</summary>
    private IEnumerable<(int Size, double Share, bool Down)> Sizes => KvSizes.Select(b => (b, 0.0, false)).Concat(Shares.Select(s => (0, s, false))).Concat(CompressionRatios.Select(r => (0, Math.Round(1 - r, 12), true)));

    /// <summary>The reducer of a method, where it names one.</summary>
    private static IReducer? ReducerOf(PolicyText part, Protocol protocol)
    {
        var reducer = part.Reducer is { } text ? ReducerCatalogue.Parse(text) : null;
        if (reducer is not null && protocol.Turns is not null)
            throw new LabException($"{part.Entry.Name} ~{part.Reducer}: a reducer shortens the prompt of one question, and protocol {protocol.Name} asks several of one cache; leave the reducer or the protocol out");
        if (reducer is { AsksQuestion: true } && protocol.Point == CompressionPoint.QueryAgnostic)
            throw new LabException($"{part.Entry.Name} ~{part.Reducer}: it chooses by the question, which protocol {protocol.Name} reads later; leave the reducer or the protocol out");
        return reducer;
    }

    /// <summary>The schedules of a method: its own, or those of the grid that it can follow.</summary>
    private IReadOnlyList<string> SchedulesOf(CatalogueEntry entry, Settings given, string? own, Problems problems)
    {
        if (own is not null) return [own];
        if (Schedules.Count == 0) return [Catalogue.Never];
        var (possible, refused) = (new List<string>(), new List<string>());
        foreach (var name in Schedules)
        {
            try { possible.Add(entry.ScheduleOf(name, given)?.Name ?? Catalogue.Never); }
            catch (LabException e) { refused.Add(e.Message); }
        }
        if (possible.Count == 0) problems.Add($"{entry.Name} can follow none of the schedules: {string.Join("; ", refused)}");
        return possible;
    }

    /// <summary>The effective settings of a method, one for each combination of the values it takes from the grid.</summary>
    private IEnumerable<Settings> Combinations(CatalogueEntry entry, Settings given, Dictionary<string, IReadOnlyList<object>> grid)
    {
        IEnumerable<Settings> all = [entry.IsTaken("seed") ? given.With("seed", Seed) : given];
        foreach (var (name, values) in grid.Where(one => Takes(entry, given, one.Key)))
            all = [.. all.SelectMany(one => values.Select(value => one.With(name, value)))];
        return all.Select(entry.Resolve);
    }

    /// <summary>Refuses what would be passed over: a setting that no method takes from the grid, one without a value, and a seed beside the run's.</summary>
    private static void CheckSettings(IReadOnlyList<PolicyText> methods, Dictionary<string, IReadOnlyList<object>> grid, Problems problems)
    {
        if (grid.ContainsKey("seed") || methods.Any(m => m.Given.Has("seed"))) problems.Add("setting 'seed': all methods of a run draw from the run's seed; give --seed, or \"seed\" in a sweep file");
        foreach (var (name, values) in grid)
        {
            if (values.Count == 0) problems.Add($"setting '{name}': give at least one value");
            if (!methods.Any(m => Takes(m.Entry, m.Given, name)))
                problems.Add($"setting '{name}': {(methods.Any(m => m.Given.Has(name)) ? "every method that takes it names it itself" : "none of the methods takes it")}; "
                    + string.Join("; ", methods.Select(m => m.Entry).Distinct().Select(entry => $"{entry.Name} takes {entry.TakenInWords}")));
        }
    }

    /// <summary>The settings with those that have a short name of their own.</summary>
    private Dictionary<string, IReadOnlyList<object>> AllSettings(Problems problems)
    {
        var all = new Dictionary<string, IReadOnlyList<object>>(Settings);
        foreach (var (name, values) in ((string, IReadOnlyList<object>)[])[("beta", [.. Betas.Select(b => (object)b)]), ("kernel", [.. Kernels.Select(k => (object)k)])])
            if (values.Count > 0 && !all.TryAdd(name, values)) problems.Add($"setting '{name}' is given twice: as {name}s, and among the settings");
        return all;
    }

    private static bool Takes(CatalogueEntry entry, Settings given, string name) => entry.IsTaken(name) && !given.Has(name);
}
