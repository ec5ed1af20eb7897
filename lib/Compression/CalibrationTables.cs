using HeadKvLab.Cache;

namespace HeadKvLab.Compression;

/// <summary>The calibration tables of one model: what methods ask for by kind. A table is read when it is first asked for.</summary>
/// <param name="find">Finds the table of a kind; null where it was not measured. Called once for each kind.</param>
public sealed class CalibrationTables(Func<TableKind, ICalibrationTable?> find)
{
    private readonly Dictionary<TableKind, ICalibrationTable?> _known = [];

    /// <summary>No tables: enough for methods that need none.</summary>
    public static CalibrationTables None { get; } = new(_ => null);

    /// <summary>One table of head scores for every method that needs head scores, for a caller that has one file.</summary>
    public static CalibrationTables HeadScores(HeadImportance table) => TableKinds.HeadScores.Aggregate(None, (tables, kind) => tables.With(kind, table));

    /// <summary>These tables with one more, or another in its place.</summary>
    public CalibrationTables With<T>(TableKind<T> kind, T table) where T : class, ICalibrationTable => new(asked => asked == kind ? table : Find(asked));

    /// <summary>The layer map of a policy.</summary>
    /// <param name="name">As policies write it; <see cref="LayerMap.Measured"/>: the one among these tables; null: none.</param>
    /// <exception cref="LabException">It is wrong, was not searched for, or shares nothing.</exception>
    public LayerMap? Layers(string? name)
    {
        if (name is null) return null;
        if (name != LayerMap.Measured) return LayerMap.Parse(name);
        var sharing = Find(TableKinds.Sharing) ?? throw new LabException($"/{name} needs {TableKinds.Sharing.Holds}: {TableKinds.Sharing.Cure}");
        return sharing.Map.Shared > 0 ? sharing.Map : throw new LabException($"{sharing.Source ?? "layer map"}: no layer is shared, since no pair was above {sharing.Threshold}: search again with a lower --threshold (`lab heads share`)");
    }

    /// <summary>A format with what it needs of these tables; one that needs nothing as it is.</summary>
    /// <param name="format">The format; null: none.</param>
    /// <exception cref="LabException">The table was not measured, or has too few directions.</exception>
    public EntryFormat? Format(EntryFormat? format) => format is { Rank: > 0, Latents: null } ? (Find(TableKinds.Latents) ?? throw new LabException($"@{format.Name} needs {TableKinds.Latents.Holds}: {TableKinds.Latents.Cure}")).Of(format) : format;

    /// <summary>These tables for a model of which some layers are shared: a budget is divided among those that store.</summary>
    /// <param name="layers">The layer map; null: these tables.</param>
    public CalibrationTables Among(LayerMap? layers) => layers is null ? this : new(kind => Find(kind) is { } table
        ? table.Layers >= layers.Roots.Count ? table.Among(layers.Stored(table.Layers)) : throw new LabException($"{layers.Name}: there is no layer {layers.Roots.Count - 1}: {table.Source ?? kind.Name} describes layers 0 to {table.Layers - 1}; share one of them")
        : null);

    /// <summary>The table of a kind; null where it was not measured.</summary>
    /// <exception cref="LabException">Its file is broken or another model's.</exception>
    public ICalibrationTable? Find(TableKind kind)
    {
        lock (_known)
        {
            if (!_known.TryGetValue(kind, out var table)) _known[kind] = table = find(kind);
            return table;
        }
    }

    /// <summary>The table of a kind; null where it was not measured.</summary>
    /// <exception cref="LabException">Its file is broken or another model's.</exception>
    public T? Find<T>(TableKind<T> kind) where T : class, ICalibrationTable => (T?)Find((TableKind)kind);

    /// <summary>The table of a kind.</summary>
    /// <exception cref="LabException">It was not measured, or its file is broken or another model's.</exception>
    public T Get<T>(TableKind<T> kind) where T : class, ICalibrationTable => Find(kind) ?? throw new LabException($"{kind.Holds} are missing: {kind.Cure}");
}
