using System.Text.Json;
using System.Text.Json.Nodes;
using HeadKvLab.Compression;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>
/// Rows of format 1, which named beta and kernel where they were given, and left every other setting to the program. The defaults below are those of the
/// programs that wrote format 1: they stay as they are when a default of the catalogue changes. Which tables were used, and which build answered, is unknown.
/// </summary>
internal static class FormatOne
{
    /// <summary>The number in the rows.</summary>
    internal const int Number = 1;

    /// <summary>A row as this version would have written it.</summary>
    /// <exception cref="JsonException">It is not of format 1.</exception>
    internal static EvalRow? Read(JsonElement line)
    {
        var row = JsonObject.Create(line)!;
        if (row["variant"] is not JsonObject variant || variant["method"]?.GetValue<string>() is not { } method) throw new JsonException("it names no method");
        var settings = SettingsOf(method, variant["beta"]?.GetValue<double>(), variant["kernel"]?.GetValue<int>(), row["seed"]?.GetValue<int>() ?? 0);
        variant["settings"] = JsonSerializer.SerializeToNode(settings);
        variant["tables"] = JsonSerializer.SerializeToNode(TablesOf(method));
        row["format"] = EvalRow.CurrentFormat;
        return row.Deserialize<EvalRow>(EvalRow.Json);
    }

    private static Settings SettingsOf(string method, double? beta, int? kernel, int seed)
    {
        (string, object)[] window = [("kernel", kernel ?? 7), ("pooling", "max"), ("reduction", "mean")];
        (string, object)[] headKv = [.. window, ("beta", beta ?? 1.01), ("temperature", 1), ("head-reduction", "mean")];
        return new(method switch
        {
            "StreamingLLM" => [("sinks", 4)],
            "H2O" => [("reduction", "mean")],
            "SnapKV" => window,
            "PyramidKV" => [.. window, ("pyramid-beta", 20)],
            "Ada-SnapKV" => [.. window, ("floor", 0.2), ("normalise", "true")],
            "RazorAttention" => [("sinks", 4), ("protected-share", "by-budget"), ("least-recent", 4000), ("recent-divisor", 5)],
            "HeadKV-R" or "HeadKV-ER" or "HeadKV-R2" => headKv,
            "random" => [("seed", seed)],
            "HeadKV-R2-shuffled" => [.. headKv, ("seed", seed)],
            _ => [],
        });
    }

    private static Settings TablesOf(string method) => method switch
    {
        "RazorAttention" or "HeadKV-R" => new(("retrieval", ProgramBuild.Unknown)),
        "HeadKV-ER" => new(("enhanced-retrieval", ProgramBuild.Unknown)),
        "HeadKV-R2" or "HeadKV-R2-shuffled" => new(("reasoning", ProgramBuild.Unknown)),
        _ => Settings.None,
    };
}
