using System.Diagnostics;
using System.Globalization;
using TorchSharp;

namespace HeadKvLab.Profiling.Engine;

/// <summary>One operator measured here and, where Python's torch is installed, there: medians in nanoseconds a call.</summary>
/// <param name="Case">Name of the case.</param>
/// <param name="Nanoseconds">Median here.</param>
/// <param name="PeerNanoseconds">Median of the peer, or null without one.</param>
public sealed record OperatorTime(string Case, double Nanoseconds, double? PeerNanoseconds)
{
    /// <summary>Time here over the peer's: at most 1.0 is the bar.</summary>
    public double? Ratio => Nanoseconds / PeerNanoseconds;
}

/// <summary>Times operator calls, in alternation with the same calls in Python's torch under the same threads, allocator and CPU settings.</summary>
public static class OperatorBenchmark
{
    private const double SliceSeconds = 0.03;

    /// <summary>Runs all cases.</summary>
    /// <param name="peerScript">Path of peer_ops.py, or null to measure without a peer.</param>
    /// <param name="repetitions">Alternated repetitions of each case, at least 1; medians are reported.</param>
    /// <param name="only">Part of the names of the cases wanted, or null for all.</param>
    public static IEnumerable<OperatorTime> Run(string? peerScript, int repetitions, string? only = null)
    {
        int threads = torch.get_num_threads();
        using OperatorPeer? peer = peerScript is null ? null : OperatorPeer.Start(peerScript, threads);
        using var quiet = torch.no_grad();
        foreach ((string name, Action call) in OperatorCases.All())
        {
            if (only is not null && !name.Contains(only, StringComparison.OrdinalIgnoreCase)) continue;
            using var recording = torch.enable_grad(name.StartsWith("backward", StringComparison.Ordinal));
            Time(call, 50);   // past the interpreter and the first tier of the compiler
            int calls = Math.Max(1, (int)(SliceSeconds / Math.Max(1e-7, Time(call, 3) * 1e-9)));
            Time(call, calls);
            peer?.Time(name, calls);
            var here = new double[repetitions];
            var there = new double[repetitions];
            for (int r = 0; r < repetitions; r++)
            {
                here[r] = Time(call, calls);
                if (peer is not null) there[r] = peer.Time(name, calls);
            }
            yield return new OperatorTime(name, Median(here), peer is null ? null : Median(there));
        }
    }

    private static double Time(Action call, int calls)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < calls; i++) call();
        return Stopwatch.GetElapsedTime(start).TotalNanoseconds / calls;
    }

    internal static double Median(double[] values)
    {
        Array.Sort(values);
        int half = values.Length / 2;
        return values.Length % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
    }
}

/// <summary>A Python process that times one case at a time on demand and sleeps in between.</summary>
public sealed class OperatorPeer : IDisposable
{
    private readonly Process process;

    private OperatorPeer(Process process) => this.process = process;

    /// <summary>Starts the peer; null when no Python here has torch.</summary>
    public static OperatorPeer? Start(string script, int threads)
    {
        foreach (string python in (string[])["/usr/bin/python3", "python3"])
        {
            var start = new ProcessStartInfo(python, [script, threads.ToString(CultureInfo.InvariantCulture)]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
            // what the engine sets for itself (see NativeLoader), so that both sides run under the same allocator and thread settings
            start.Environment["MALLOC_MMAP_MAX_"] = "0";
            start.Environment["MALLOC_TRIM_THRESHOLD_"] = "2147483647";
            start.Environment["OMP_WAIT_POLICY"] = "passive";
            if (System.Runtime.Intrinsics.X86.Avx512BW.IsSupported) start.Environment["ATEN_CPU_CAPABILITY"] = "avx512";
            try
            {
                var process = Process.Start(start)!;
                if (process.StandardOutput.ReadLine() == "ready") return new OperatorPeer(process);
                process.Dispose();
            }
            catch (System.ComponentModel.Win32Exception) { }
        }
        return null;
    }

    /// <summary>Nanoseconds a call.</summary>
    /// <exception cref="LabException">The peer has no such case or died.</exception>
    public double Time(string name, int calls)
    {
        process.StandardInput.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{calls} {name}"));
        process.StandardInput.Flush();
        string? line = process.StandardOutput.ReadLine();
        return double.TryParse(line, NumberStyles.Float, CultureInfo.InvariantCulture, out double time)
            ? time
            : throw new LabException($"peer_ops.py, case '{name}': expected nanoseconds, got '{line ?? process.StandardError.ReadToEnd()}'; its cases must be those of OperatorCases");
    }

    /// <summary>Ends the process.</summary>
    public void Dispose()
    {
        process.StandardInput.Close();
        process.WaitForExit(2000);
        process.Dispose();
    }
}
