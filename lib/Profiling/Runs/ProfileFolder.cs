using System.Text;
using System.Text.Json;
using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Kernels;
using HeadKvLab.Profiling.Machine;
using HeadKvLab.Tables;

namespace HeadKvLab.Profiling.Runs;

/// <summary>
/// A profile on disk: <c>environment.json</c>, <c>runs.jsonl</c>, to which each run is written as soon as it is measured, and <c>profile.csv</c>,
/// the summary. Interrupted, it holds what was measured until then.
/// </summary>
public sealed class ProfileFolder : IDisposable
{
    private static readonly JsonSerializerOptions Line = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };
    private static readonly JsonSerializerOptions Page = new(Line) { WriteIndented = true };

    private readonly string _path;
    private readonly FileStream _runs;

    private ProfileFolder(string path, FileStream runs) => (_path, _runs) = (path, runs);

    /// <summary>Makes the folder and notes the environment; refuses one that holds another profile.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="model">What is timed.</param>
    /// <param name="engine">The machine.</param>
    /// <param name="device">What ran the model: <c>cpu</c>, or a GPU's place and name.</param>
    /// <param name="plan">What is asked of it, noted with all settings and tables of its methods; null where that is no plan's.</param>
    /// <exception cref="LabException">There is a profile already, or the disk refuses.</exception>
    public static ProfileFolder Create(string path, string model, EngineReport engine, string device = "cpu", ProfilePlan? plan = null)
    {
        var runs = Path.Combine(path, "runs.jsonl");
        if (File.Exists(runs)) throw new LabException($"{runs}: a profile is there already; give another --out, or move that one away");
        try
        {
            Directory.CreateDirectory(path);
            var asked = plan is null ? null : new
            {
                plan.Window, Discipline = Names<BudgetRule>.Of(plan.Rule), Storage = plan.Storage.Format().Name(), Methods = plan.Methods.Select(m => new { m.Name, m.Settings, m.Tables }),
            };
            File.WriteAllText(Path.Combine(path, "environment.json"), JsonSerializer.Serialize(new { model, device, started = DateTimeOffset.Now, program = ProgramBuild.Current, plan = asked, engine }, Page) + "\n");
            return new(path, new FileStream(runs, FileMode.CreateNew, FileAccess.Write, FileShare.Read));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LabException($"{path}: cannot be written: {e.Message}", e);
        }
    }

    /// <summary>Adds a run; it is on the disk when this returns.</summary>
    /// <exception cref="LabException">The disk refuses; what was written before is whole.</exception>
    public void Add(TimedRun run)
    {
        try
        {
            _runs.Write(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(run, Line) + "\n"));
            _runs.Flush(flushToDisk: true);
        }
        catch (IOException e)
        {
            throw new LabException($"{_runs.Name}: cannot be written: {e.Message} The runs before this one are kept", e);
        }
    }

    /// <summary>Writes the summary.</summary>
    public void Write(IReadOnlyList<ProfileSummary> summary) => File.WriteAllText(Path.Combine(_path, "profile.csv"), Csv(summary));

    /// <summary>The summary as comma-separated values, one line a case and answer length; times in milliseconds, sizes in bytes.</summary>
    public static string Csv(IReadOnlyList<ProfileSummary> summary) => Table.Of("", summary,
    [
        ("method", s => s.Method), ("kv_size", s => s.KvSize), ("context", s => s.Context), ("generated", s => s.Generated), ("rounds", s => s.Rounds),
        .. Range("prefill_ms", "prefill", s => s.Prefill), Number("prefill_over_full", s => s.PrefillOverFull), .. Range("first_token_ms", "first_token", s => s.FirstToken), .. Range("ms_per_token", "ms_per_token", s => s.Decode),
        Number("tokens_per_second", s => s.TokensPerSecond), ("cache_bytes", s => s.CacheBytes), ("allocated_bytes", s => s.ReservedBytes), (new("bytes_moved") { Format = "F0" }, s => s.BytesMoved),
        Number("gb_per_second", s => s.Gigabytes), Number("streaming_gb_per_second", s => s.StreamingGigabytes), Number("streaming_share", s => s.StreamingShare),
        ("idle_bytes", s => s.IdleBytes), ("peak_bytes", s => s.PeakBytes), ("gpu_idle_bytes", s => s.DeviceIdleBytes), ("gpu_peak_bytes", s => s.DevicePeakBytes),
    ]).ToCsv();

    /// <summary>Closes the file of runs.</summary>
    public void Dispose() => _runs.Dispose();

    private static (Column, Func<ProfileSummary, object?>) Number(string name, Func<ProfileSummary, double> value) => (new(name) { Format = "G6" }, s => value(s));

    private static (Column, Func<ProfileSummary, object?>)[] Range(string median, string ends, Func<ProfileSummary, Spread> of) =>
        [Number(median, s => of(s).Median), Number(ends + "_low", s => of(s).Low), Number(ends + "_high", s => of(s).High)];
}
