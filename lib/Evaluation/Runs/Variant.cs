using System.Globalization;
using System.Text.Json.Serialization;
using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Evaluation.Reducers;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>A method at one budget, with all its settings and the tables it uses: equal ones are the same variant, however they were asked for.</summary>
public sealed record Variant
{
    /// <summary>The uncompressed reference.</summary>
    public static Variant Full { get; } = new() { Method = "FullKV" };

    /// <summary>Name in the catalogue.</summary>
    public required string Method { get; init; }

    /// <summary>Nominal entries per head, window included; 0 where a share is given, and for the full cache.</summary>
    public int KvSize { get; init; }

    /// <summary>Budget as a share of the prompt; 0 where a size is given.</summary>
    public double Share { get; init; }

    /// <summary>Whether the share is what kvpress' compression ratio leaves: entries are rounded down, at least 1.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool RoundedDown { get; init; }

    /// <summary>Budget rule.</summary>
    [JsonPropertyName("discipline")]   // as rows name it
    public string Rule { get; init; } = "equal-entries";

    /// <summary>Which heads own entries.</summary>
    public string Granularity { get; init; } = "kv-head";

    /// <summary>Observation window.</summary>
    public int Window { get; init; } = Budget.PaperWindow;

    /// <summary>When entries are dropped again while the answer is generated: <c>never</c>, <c>published</c>, <c>every 128</c>, <c>grown 64</c>. Rows without it decided once.</summary>
    public string Schedule { get; init; } = Catalogue.Never;

    /// <summary>How entries are stored once the prompt is read: a format with all its settings, <c>int4 recent=32 early-layers=0 early-bits=16</c>; null: as the model computes them.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Format { get; init; }

    /// <summary>Which stored entries each token of the answer reads: a recall with all its settings, <c>Quest budget=64 page=16 full-layers=2</c>; null: all of them.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Recall { get; init; }

    /// <summary>Layers that read other layers' entries and store none: <c>share(5&gt;1)</c>; null: none. <c>share</c> until <see cref="With"/> names the model's.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Layers { get; init; }

    /// <summary>What shortens the prompt before it is read: a reducer with all its settings, <c>BM25 segment=sentences keep=as-budget</c>; null: nothing.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Reducer { get; init; }

    /// <summary>Every setting of the method, defaults included, so that a row means the same when a default changes.</summary>
    [JsonRequired]
    public Settings Settings { get; init; } = Settings.None;

    /// <summary>The tables that the method uses, each by its name with its hash.</summary>
    [JsonRequired]
    public Settings Tables { get; init; } = Settings.None;

    /// <summary>Whether nothing is compressed and everything read: the reference.</summary>
    [JsonIgnore]
    public bool IsFull => Method == Full.Method && Recall is null && Format is null && Layers is null && Reducer is null;

    /// <summary>All of it in a line: part of a sample's name.</summary>
    [JsonIgnore]
    public string Key => IsFull ? Method : string.Create(CultureInfo.InvariantCulture, $"{Method} b={KvSize} share={Share}{(RoundedDown ? " rounded down" : "")} {Rule} {Granularity} window={Window}{(Schedule == Catalogue.Never ? "" : $" [{Schedule}]")}{(Format is null ? "" : $" @[{Format}]")}{(Recall is null ? "" : $" +[{Recall}]")}{(Layers is null ? "" : $" /[{Layers}]")}{(Reducer is null ? "" : $" ~[{Reducer}]")}{Joined(Settings)}{Joined(Tables)}");

    /// <summary>Method, schedule, format, recall, layer map and reducer as tables write them: <c>SnapKV every 128 +Quest budget=64</c>, <c>HeadKV-R2 @int4 /share(5&gt;1)</c>, <c>FullKV ~BM25</c>.</summary>
    [JsonIgnore]
    public string Name => $"{Method}{(Schedule == Catalogue.Never ? "" : $" {Schedule}")}{(Format is null ? "" : $" @{FormatCatalogue.Short(Format)}")}{(Recall is null ? "" : $" +{RecallCatalogue.Short(Recall)}")}{(Layers is null ? "" : $" /{Layers}")}{(Reducer is null ? "" : $" ~{ReducerCatalogue.Short(Reducer)}")}";

    /// <summary>The budget as tables write it: entries per head, or percent of the prompt.</summary>
    [JsonIgnore]
    public string BudgetName => Method == Full.Method && Reducer is null ? "full" : KvSize > 0 ? KvSize.ToString(CultureInfo.InvariantCulture) : RoundedDown ? string.Create(CultureInfo.InvariantCulture, $"ratio {1 - Share:0.####}") : (100 * Share).ToString("0.##", CultureInfo.InvariantCulture) + " %";

    /// <summary>The budget on a prompt.</summary>
    /// <param name="promptTokens">Tokens of the prompt.</param>
    /// <exception cref="LabException">It leaves no room for the window, or a name is unknown.</exception>
    public Budget BudgetFor(int promptTokens)
    {
        var (rule, granularity) = (Names<BudgetRule>.Parse(Rule, "budget rule"), Names<Compression.Granularity>.Parse(Granularity, "granularity"));
        return KvSize > 0 ? new Budget(KvSize, Window, rule, granularity)
            : RoundedDown ? new Budget(Math.Max(Window, RoundDown(Share, promptTokens)), Window, rule, granularity) : Budget.OfShare(Share, promptTokens, Window, rule, granularity);
    }

    /// <summary>Refuses what cannot be run, whatever the prompt.</summary>
    /// <exception cref="LabException">The budget leaves no room for the window, a name is unknown, or parts do not go together: schedule, method, budget rule, format, recall, layer map.</exception>
    public void Check()
    {
        var (budget, entry) = (BudgetFor(1 << 20), Catalogue.Find(Method));
        var (format, planned) = (FormatCatalogue.Parse(Format ?? FormatCatalogue.None), entry.ScheduleOf(Schedule, Settings));
        var recall = RecallCatalogue.Parse(Recall ?? RecallCatalogue.None);
        CachePolicy.Check(Name, format, Method == Full.Method, planned is not null, recall, Layers is not null);
        if (entry.Needs.Count == 0) PromptAllocation.Check(new(entry.Create(Settings), planned, recall, format), budget.Rule);
        if (planned is not { } schedule) return;
        if (schedule.Only is { } only && only != budget.Rule)
            throw new LabException($"{Name}: this schedule goes with the budget rule {Names<BudgetRule>.Of(only)} alone, and {Rule} was asked for: give that rule, or write '{Method} {Catalogue.Never}'");
        if (entry.Needs.Count == 0) schedule.Begin(entry.Create(Settings), budget, new CacheShape(1, 1, 1), 1); // what a method with tables refuses it refuses by its schedule's name
    }

    /// <summary>Method, schedule, format, recall and layer map with these settings and tables.</summary>
    /// <param name="tables">Calibration tables of the model, from one or more sources, among them those of this variant.</param>
    /// <param name="seed">Seed of this drawing, for methods that draw: it comes from the run's seed, which <see cref="Settings"/> names, and the context.</param>
    /// <exception cref="LabException">The method is unknown, a setting is out of range, or the tables are not there.</exception>
    public CachePolicy Create(IReadOnlyList<CalibrationTables> tables, int seed)
    {
        var entry = Catalogue.Find(Method);
        var own = tables.FirstOrDefault(one => TablesOf(one).Equals(Tables));
        var layers = Layers is null ? null : LayerMap.Parse(Layers);
        return new(entry.Create(Settings.Has("seed") ? Settings.With("seed", seed) : Settings, own?.Among(layers)), entry.ScheduleOf(Schedule, Settings), RecallCatalogue.Parse(Recall ?? RecallCatalogue.None), (own ?? CalibrationTables.None).Format(FormatCatalogue.Parse(Format ?? FormatCatalogue.None)), layers);
    }

    /// <summary>This variant with each of several sources of tables; once where it uses none, or the same table of all of them.</summary>
    /// <exception cref="LabException">A source lacks the table that the method needs, or the layer map.</exception>
    public IEnumerable<Variant> With(IReadOnlyList<CalibrationTables> tables) =>
        IsFull ? [this] : tables.Select(one => this with { Layers = one.Layers(Layers)?.Name, Tables = TablesOf(one) }).Distinct();

    /// <summary>The kinds of tables that it uses.</summary>
    internal IEnumerable<TableKind> Needs() => Catalogue.Find(Method).Needs.Concat(FormatCatalogue.Parse(Format ?? FormatCatalogue.None) is { Rank: > 0 } ? [TableKinds.Latents] : Array.Empty<TableKind>());

    /// <summary>The tables that it uses, each by its name with its hash.</summary>
    /// <exception cref="LabException">One is missing, broken or another model's, or has too few numbers.</exception>
    internal Settings TablesOf(CalibrationTables tables)
    {
        var own = Catalogue.Find(Method).TablesOf(tables);
        return tables.Format(FormatCatalogue.Parse(Format ?? FormatCatalogue.None)) is { Latents: not null } ? own.With(TableKinds.Latents.Name, tables.Get(TableKinds.Latents).Hash) : own;
    }

    /// <summary>The full cache in a format, or of which each token reads what a recall chooses, or with shared layers, or some of these.</summary>
    /// <param name="format">The format with all its settings; null for none.</param>
    /// <param name="recall">The recall with all its settings; null for none.</param>
    /// <param name="layers">The layers that are shared; null for none.</param>
    public static Variant FullWith(string? format, string? recall, string? layers = null) =>
        format is null && recall is null && layers is null ? Full : Full with { Share = 1, Format = format, Recall = recall, Layers = layers };

    /// <summary>kvpress' int(n (1 - ratio)), in doubles as there: of 2,000 tokens a ratio of 0.9 leaves 199.</summary>
    internal static int RoundDown(double share, int tokens) => Math.Max(1, (int)(tokens * (1 - (1 - share))));

    private static string Joined(Settings settings) => settings.Equals(Settings.None) ? "" : $" {settings}";
}
