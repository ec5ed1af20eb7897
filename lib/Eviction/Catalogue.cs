using HeadKvLab.Eviction.Allocators;
using HeadKvLab.Eviction.Scorers;

namespace HeadKvLab.Eviction;

/// <summary>What a method needs beside the prompt.</summary>
public enum HeadScoreKind
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Eq. 1 on retrieval needles.</summary>
    Retrieval,

    /// <summary>Eq. 2 on retrieval needles.</summary>
    EnhancedRetrieval,

    /// <summary>Eq. 2 on retrieval-reasoning needles.</summary>
    RetrievalReasoning,
}

/// <summary>A method of the catalogue.</summary>
/// <param name="Name">Its name on the command line, in tables and in results.</param>
/// <param name="Keeps">What it keeps, in a sentence.</param>
/// <param name="Defaults">Its settings by default.</param>
/// <param name="Paper">Where it is from.</param>
/// <param name="Needs">Head scores it needs.</param>
public sealed record CatalogueEntry(string Name, string Keeps, string Defaults, string Paper, HeadScoreKind Needs)
{
    /// <summary>Puts scorer and allocator together; the table is there when <see cref="Needs"/> asks for one.</summary>
    public required Func<MethodSettings, HeadTable?, Method> Build { get; init; }

    /// <summary>Creates the method.</summary>
    /// <param name="settings">Settings; null for the paper's.</param>
    /// <param name="importances">Head scores of the model; only those it <see cref="Needs"/> are looked at.</param>
    /// <exception cref="LabException">A setting is out of range, or the scores it needs are missing.</exception>
    public Method Create(MethodSettings? settings = null, HeadImportances? importances = null)
    {
        var table = Needs switch
        {
            HeadScoreKind.Retrieval => importances?.Retrieval,
            HeadScoreKind.EnhancedRetrieval => importances?.EnhancedRetrieval,
            HeadScoreKind.RetrievalReasoning => importances?.RetrievalReasoning,
            _ => null,
        };
        if (table is null && Needs != HeadScoreKind.None)
            throw new LabException($"{Name} needs head scores ({Catalogue.NameOf(Needs)}): compute them with `lab heads score`, or give a file with --scores");
        return Build(settings ?? MethodSettings.Paper, table);
    }
}

/// <summary>All methods, in the order of tables: the one place that knows which exist.</summary>
public static class Catalogue
{
    private const string HeadKvPaper = "Not All Heads Matter, arXiv 2410.19258";

    /// <summary>The methods.</summary>
    public static IReadOnlyList<CatalogueEntry> Methods { get; } =
    [
        new("FullKV", "everything: the reference", "none", "-", HeadScoreKind.None)
            { Build = (_, _) => new("FullKV", new Position(), new Everything()) },
        new("StreamingLLM", "the first tokens and the latest ones", "4 sinks", "arXiv 2309.17453", HeadScoreKind.None)
            { Build = (s, _) => new("StreamingLLM", new Position(s.Sinks), new Uniform()) },
        new("H2O", "tokens that all queries of the prompt attended to most", "no pooling", "arXiv 2306.14048", HeadScoreKind.None)
            { Build = (s, _) => new("H2O", new H2O(s.Reduction), new Uniform()) },
        new("TOVA", "tokens the last query attends to, the same for all heads", "last row, mean over heads", "arXiv 2401.06104", HeadScoreKind.None)
            { Build = (_, _) => new("TOVA", new Tova(), new Uniform()) },
        new("Knorm", "keys of smallest length", "all layers", "arXiv 2406.11430", HeadScoreKind.None)
            { Build = (_, _) => new("Knorm", new Knorm(), new Uniform()) },
        new("SnapKV", "tokens the window attends to, per head", "max pooling over 7", "arXiv 2404.14469", HeadScoreKind.None)
            { Build = (s, _) => new("SnapKV", Window(s), new Uniform()) },
        new("PyramidKV", "SnapKV's choice, lower layers keep more", "beta 20", "arXiv 2406.02069", HeadScoreKind.None)
            { Build = (s, _) => new("PyramidKV", Window(s), new Pyramid(s.PyramidBeta)) },
        new("Ada-SnapKV", "SnapKV's choice, heads of a layer compete", "floor 0.2, normalised", "arXiv 2407.11550", HeadScoreKind.None)
            { Build = (s, _) => new("Ada-SnapKV", Window(s), new Ada(s.AdaFloor, s.AdaNormalize)) },
        new("RazorAttention", "whole prompt in retrieval heads; sinks, window and a compensation token elsewhere", "4 sinks, heads as the budget allows",
            "arXiv 2407.15891", HeadScoreKind.Retrieval)
            { Build = (s, t) => new("RazorAttention", new Position(s.Sinks), new Razor(t!, s.Sinks, s.ProtectedShare), new CompensationToken()) },
        HeadKv("HeadKV-R", "SnapKV's choice, heads keep by retrieval score", HeadScoreKind.Retrieval),
        HeadKv("HeadKV-ER", "SnapKV's choice, heads keep by attention on the whole retrieved answer", HeadScoreKind.EnhancedRetrieval),
        HeadKv("HeadKV-R2", "SnapKV's choice, heads keep by attention on the answer of a reasoning question", HeadScoreKind.RetrievalReasoning),
        new("random", "positions drawn at random: the floor", "seed 0", "-", HeadScoreKind.None)
            { Build = (s, _) => new("random", new Chance(s.Seed), new Uniform()) },
        new("HeadKV-R2-shuffled", "HeadKV-R2 with its budgets dealt to other heads at random: the control", "beta 1.01, seed 0", HeadKvPaper, HeadScoreKind.RetrievalReasoning)
            { Build = (s, t) => new("HeadKV-R2-shuffled", Window(s), new Redealt(Shares(s, t!), s.Seed)) },
    ];

    /// <summary>The method called <paramref name="name"/>, whatever the case of its letters.</summary>
    /// <exception cref="LabException">There is none.</exception>
    public static CatalogueEntry Find(string name) =>
        Methods.FirstOrDefault(m => string.Equals(m.Name, name, StringComparison.OrdinalIgnoreCase))
        ?? throw new LabException($"method '{name}' is unknown: use one of {string.Join(", ", Methods.Select(m => m.Name))}");

    /// <summary>What a kind of head scores is called.</summary>
    public static string NameOf(HeadScoreKind kind) => kind switch
    {
        HeadScoreKind.Retrieval => "Eq. 1 on retrieval needles",
        HeadScoreKind.EnhancedRetrieval => "Eq. 2 on retrieval needles",
        HeadScoreKind.RetrievalReasoning => "Eq. 2 on retrieval-reasoning needles",
        _ => "none",
    };

    private static CatalogueEntry HeadKv(string name, string keeps, HeadScoreKind needs) =>
        new(name, keeps, "beta 1.01, temperature 1", HeadKvPaper, needs) { Build = (s, t) => new(name, Window(s), Shares(s, t!)) };

    private static SnapKv Window(MethodSettings s) => new(s.Pooling, s.Reduction);

    private static HeadKv Shares(MethodSettings s, HeadTable importance) => new(importance, s.Beta, s.Temperature, s.HeadReduction);
}
