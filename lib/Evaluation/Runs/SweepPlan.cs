using System.Text.Json;
using System.Text.Json.Serialization;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Suites;
using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Kernels;
using HeadKvLab.Models;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>
/// What to run: a grid of methods, budgets and settings on suites, under protocols, by a model. The file of `lab sweep` is this record as JSON; every
/// list is multiplied with every other. <c>lab eval</c> fills it from its options.
/// </summary>
/// <example>
/// <code>
/// { "model": "data/models/world-4m", "suites": ["data/suites/world-2048-test.jsonl"],
///   "methods": ["FullKV", "SnapKV", "HeadKV-R2"], "kvSizes": [64, 128, 256], "betas": [1.01] }
/// </code>
/// </example>
public sealed record SweepPlan : VariantGrid
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
    };

    /// <summary>Model folder.</summary>
    public string Model { get; init; } = "data/models/world-4m";

    /// <summary>Suites: names, or files.</summary>
    public required IReadOnlyList<string> Suites { get; init; }

    /// <summary>Folder with the suites' data, where they need one.</summary>
    public string? Data { get; init; }

    /// <summary>Prompt protocols; none named: those that the suites are usually asked under, <c>standard</c> for single questions.</summary>
    public IReadOnlyList<string> Protocols { get => field ?? [.. Suites.Select(SuiteCatalogue.UsualProtocol).Distinct()]; init; }

    /// <summary>Prompt lengths in tokens of suites that are generated.</summary>
    public IReadOnlyList<int> Lengths { get; init; } = [1024, 2048, 4096];

    /// <summary>Samples of each generated task; depths of a needle grid.</summary>
    public int PerTask { get; init; } = 10;

    /// <summary>Head scores, files or folders, which are compared where there are several; none: those beside the model.</summary>
    public IReadOnlyList<string> Scores { get; init; } = [];

    /// <summary>Where the first token comes from; null: as the protocol says.</summary>
    public string? FirstToken { get; init; }

    /// <summary>Number type of weights, products and cache: float32, bfloat16 or float16; null: as the protocol says.</summary>
    public string? Type { get; init; }

    /// <summary>Chinese words: the folder of the installed package jieba, or its dict.txt; null: Chinese sets are compared by characters.</summary>
    public string? Dictionary { get; init; }

    /// <summary>Most questions of a data set; 0: all.</summary>
    public int Limit { get; init; }

    /// <summary>The number type under a protocol.</summary>
    public NumberFormat TypeOf(Protocol protocol) => Type is null ? protocol.Type : Names<NumberFormat>.Parse(Type, "number type", NumberFormats.Floating);

    /// <summary>Where the first token comes from under a protocol.</summary>
    public FirstToken FirstTokenOf(Protocol protocol) => FirstToken is null ? protocol.FirstToken : Names<FirstToken>.Parse(FirstToken, "first token");

    /// <summary>Reads a sweep file.</summary>
    /// <exception cref="LabException">It is missing, broken, or names something unknown; the message names file and place.</exception>
    public static SweepPlan Load(string path)
    {
        if (!File.Exists(path)) throw new LabException($"{path}: no such sweep file; see `lab sweep --help` for an example");
        try
        {
            return JsonSerializer.Deserialize<SweepPlan>(File.ReadAllText(path), Json)?.Checked(path).Used(path) ?? throw new LabException($"{path}: it holds null; see `lab sweep --help` for an example");
        }
        catch (JsonException e)
        {
            throw new LabException($"{path}: {e.Message.Replace(" HeadKvLab.Evaluation.Runs.SweepPlan", " a sweep", StringComparison.Ordinal)}; see `lab sweep --help` for what a sweep holds", e);
        }
    }

    /// <summary>This plan if it can be run.</summary>
    /// <param name="origin">Where it came from, for the message.</param>
    /// <exception cref="LabException">Something is missing or out of range; the message lists everything that is.</exception>
    public SweepPlan Checked(string origin)
    {
        var problems = new Problems();
        if (Suites.Count == 0) problems.Add("no suite is named; give at least one");
        if (Protocols.Count == 0) problems.Add($"no protocol is named; use {string.Join(", ", Protocol.All.Select(p => p.Name))}");
        if (Lengths.Any(n => n < 64) || PerTask < 1) problems.Add("lengths of generated prompts are 64 tokens or more, and each task has at least one sample");
        if (Limit < 0) problems.Add($"limit {Limit}; give a number of questions, or 0 for all");
        foreach (var protocol in problems.Each(Protocols, Protocol.Find))
        {
            problems.Check(() => TypeOf(protocol));
            problems.Check(() => FirstTokenOf(protocol));
            problems.Check(() => RefuseUnusedScores(Variants(protocol)));
        }
        problems.Throw(origin);
        return this;
    }

    private void RefuseUnusedScores(IReadOnlyList<Variant> variants)
    {
        if (Scores.Count > 0 && variants.All(v => !v.Needs().Any() && v.Layers != LayerMap.Measured))
            throw new LabException($"scores {string.Join(", ", Scores)}: none of the methods uses head scores or gates; leave them out");
    }

    /// <summary>This plan if nothing in it is passed over: without a method that compresses there is no budget.</summary>
    private SweepPlan Used(string path)
    {
        (string Name, bool Given)[] budget =
        [
            ("kvSizes", KvSizes.Count > 0), ("shares", Shares.Count > 0), ("compressionRatios", CompressionRatios.Count > 0), ("windows", !ReferenceEquals(Windows, UsualWindows)), ("disciplines", Rules.Count > 0), ("granularity", Granularity is not null), ("schedules", Schedules.Count > 0),
        ];
        return budget.FirstOrDefault(one => one.Given).Name is { } unused && Methods.All(m => Catalogue.Parse(m).Entry.Name == Variant.Full.Method)
            ? throw new LabException($"{path}: \"{unused}\" does nothing here: the full cache has no budget; name a method that compresses, or leave it out") : this;
    }
}
