using System.Globalization;
using System.Text;
using System.Text.Json;
using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Kernels;
using HeadKvLab.Profiling.Engine;

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
                plan.Window, Discipline = Names<BudgetRule>.Of(plan.Discipline), Storage = plan.Storage.Format().Name(), Methods = plan.Methods.Select(m => new { m.Name, m.Settings, m.Tables }),
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
    public static string Csv(IReadOnlyList<ProfileSummary> summary)
    {
        var text = new StringBuilder("method,kv_size,context,generated,rounds,prefill_ms,prefill_low,prefill_high,prefill_over_full,first_token_ms,first_token_low,first_token_high,"
            + "ms_per_token,ms_per_token_low,ms_per_token_high,tokens_per_second,cache_bytes,allocated_bytes,bytes_moved,gb_per_second,streaming_gb_per_second,streaming_share,idle_bytes,peak_bytes,gpu_idle_bytes,gpu_peak_bytes\n");
        foreach (var s in summary)
            text.Append(CultureInfo.InvariantCulture, $"{s.Method},{s.KvSize},{s.Context},{s.Generated},{s.Rounds},{Range(s.Prefill)},{Text(s.PrefillOverFull)},{Range(s.FirstToken)},{Range(s.Decode)},")
                .Append(CultureInfo.InvariantCulture, $"{Text(s.TokensPerSecond)},{s.CacheBytes},{s.ReservedBytes},{s.BytesMoved:F0},{Text(s.Gigabytes)},{Text(s.StreamingGigabytes)},{Text(s.StreamingShare)},{s.IdleBytes},{s.PeakBytes},{s.DeviceIdleBytes},{s.DevicePeakBytes}\n");
        return text.ToString();

        static string Range(Spread s) => $"{Text(s.Median)},{Text(s.Low)},{Text(s.High)}";
        static string Text(double value) => double.IsFinite(value) ? value.ToString("G6", CultureInfo.InvariantCulture) : "";
    }

    /// <summary>Closes the file of runs.</summary>
    public void Dispose() => _runs.Dispose();
}
