using HeadKvLab.Cache;

namespace HeadKvLab.Compression;

/// <summary>
/// What happens to a cache: a method that compresses the prompt, and, where there is one, a schedule by which entries are dropped again while text is generated, a format in
/// which they are stored, a recall that chooses which of the stored entries each token reads, and layers that read other layers' entries instead of storing their own.
/// </summary>
/// <param name="Method">What is kept of a prompt.</param>
/// <param name="Schedule">When and what is dropped later; null: nothing.</param>
/// <param name="Recall">What each token reads; null: all.</param>
/// <param name="Format">How entries are stored once the prompt is read; null: as the model computes them.</param>
/// <param name="Layers">Layers that are shared; null: every layer stores its own.</param>
public sealed record CachePolicy(Method Method, ISchedule? Schedule = null, IRecall? Recall = null, EntryFormat? Format = null, LayerMap? Layers = null)
{
    /// <summary>Layers that are shared; null: every layer stores its own, as under a map that changes nothing.</summary>
    public LayerMap? Layers { get; init => field = value is { Shared: > 0 } ? value : null; } = Layers is { Shared: > 0 } ? Layers : null;

    /// <summary>How tables write it: <c>SnapKV every 128 +Quest budget=64</c>, <c>HeadKV-R2 @int4 /share(5&gt;1)</c>.</summary>
    public string Name => $"{Method.Name}{(Schedule is null ? "" : " " + Schedule.Name)}{(Format is null ? "" : " @" + FormatCatalogue.Short(Format.Name))}{(Recall is null ? "" : " +" + RecallCatalogue.Short(Recall.Name))}{(Layers is null ? "" : " /" + Layers.Name)}";

    /// <summary>Whether nothing is ever dropped, nor passed over: the reference of every comparison.</summary>
    public bool IsReference => Method.KeepsAll && Schedule is null && Recall is null && Format is null && Layers is null;

    /// <summary>A method that decides once.</summary>
    public static implicit operator CachePolicy(Method method) => new(method);

    /// <summary>What is called by a text such as <c>SnapKV kernel=5 every 128 +Quest budget=64</c>.</summary>
    /// <param name="text">A method of the catalogue, settings, a schedule, a format, a recall, a layer map.</param>
    /// <param name="tables">Calibration tables of the model; null for none.</param>
    /// <exception cref="LabException">A name is unknown, a value out of range, a table missing, or the method cannot decide again.</exception>
    public static CachePolicy Parse(string text, CalibrationTables? tables = null)
    {
        var parts = Catalogue.Parse(text);
        if (parts.Reducer is not null) throw new LabException($"'{text}': a reducer shortens the prompt and says nothing of its cache; `lab eval` and sweeps take one");
        var layers = (tables ?? CalibrationTables.None).Layers(parts.Layers);
        return new CachePolicy(parts.Entry.Create(parts.Given, tables?.Among(layers)), parts.Entry.ScheduleOf(parts.Schedule ?? Catalogue.Never, parts.Given), parts.Recall, (tables ?? CalibrationTables.None).Format(parts.Format), layers).Checked();
    }

    /// <summary>This policy, if its parts go together.</summary>
    /// <exception cref="LabException">They do not.</exception>
    public CachePolicy Checked()
    {
        Check(Name, Format, Method.KeepsAll, Schedule is not null, Recall, Layers is not null);
        return this;
    }

    /// <summary>Refuses parts that do not go together.</summary>
    internal static void Check(string name, EntryFormat? format, bool keepsAll, bool scheduled, IRecall? recall, bool shared)
    {
        if (format is { Rank: > 0 })
        {
            if (!keepsAll || scheduled) throw new LabException($"{name}: a latent vector holds a token for all heads of several layers, and heads that drop tokens drop them one by one: write FullKV @{FormatCatalogue.Short(format.Name)}");
            if (recall is not null) throw new LabException($"{name}: a recall looks at stored keys, and latent vectors hold none: leave the recall out, or store entries @int4");
            if (shared) throw new LabException($"{name}: latent vectors share layers in groups of their own: leave the layer map out; `lab heads latent --share` makes the groups larger");
        }
        if (format is { Seals: true } && scheduled)
            throw new LabException($"{name}: sealed entries are not dropped again while generating, which would round them anew: leave the schedule out, or store them @bf16");
        if (shared && scheduled) throw new LabException($"{name}: entries that several layers read are not dropped again while generating, since what is added up beside an entry belongs to one layer: leave the schedule or the layer map out");
        if (shared && recall is not null) throw new LabException($"{name}: what a recall learns and counts belongs to one layer, and here several read the same entries: leave the recall or the layer map out");
        if (recall is { Near: > 0 } && format is { Seals: true }) throw new LabException($"{name}: a near memory holds single rows, and sealed entries lie in blocks: leave near out, or store them @bf16");
        if (shared && format is { EarlyLayers: > 0 }) throw new LabException($"{name}: early layers have bits of their own, and budgets count the layers that store: leave early-layers or the layer map out");
    }

    /// <summary>What must be seen of a prompt beside keys and values.</summary>
    /// <param name="window">Last positions, which are kept anyway.</param>
    /// <exception cref="LabException">The scorer failed.</exception>
    internal ScorerNeeds Needs(int window)
    {
        var needs = Schedule is null ? Method.Needs(window) : Method.Needs(window).Or(Schedule.Needs(Method, window));
        return Format is { Ratio: > 0 } ? needs.Or(new(KeyChannels.Queries)) : needs;
    }
}
