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
    /// <summary>One slice of calls; of the slices of a repetition the quickest counts, here and there: it was disturbed least by the rest of the machine.</summary>
    private const double SliceSeconds = 0.006;

    private const int Slices = 5;

    /// <summary>Runs all cases.</summary>
    /// <param name="peerScript">Path of peer_ops.py, or null to measure without a peer.</param>
    /// <param name="repetitions">Repetitions of each case, at least 1: five alternated slices each, the quickest counts; medians are reported.</param>
    /// <param name="only">Part of the names of the cases wanted, or null for all.</param>
    public static IEnumerable<OperatorTime> Run(string? peerScript, int repetitions, string? only = null)
    {
        int threads = torch.get_num_threads();
        using PythonPeer? peer = peerScript is null ? null : PythonPeer.Start(peerScript, threads);
        using var quiet = torch.no_grad();
        foreach ((string name, Action call) in OperatorCases.All())
        {
            if (only is not null && !name.Contains(only, StringComparison.OrdinalIgnoreCase)) continue;
            using var recording = torch.enable_grad(name.StartsWith("backward", StringComparison.Ordinal));
            Time(call, 50);   // past the interpreter and the first tier of the compiler
            int calls = Math.Max(1, (int)(SliceSeconds / Math.Max(1e-7, Time(call, 3) * 1e-9)));
            Time(call, calls);
            peer?.Number($"{calls} {name}");
            var here = new double[repetitions];
            var there = new double[repetitions];
            for (int r = 0; r < repetitions; r++)
            {
                (here[r], there[r]) = (double.PositiveInfinity, double.PositiveInfinity);
                for (int slice = 0; slice < Slices; slice++)
                {
                    here[r] = Math.Min(here[r], Time(call, calls));
                    if (peer is not null) there[r] = Math.Min(there[r], peer.Number($"{calls} {name}"));
                }
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
