using System.Diagnostics;

namespace HeadKvLab.Profiling.Micro;

/// <summary>Times rivals in alternation, so that what disturbs the machine disturbs all of them alike.</summary>
public static class Stopwatches
{
    /// <summary>Long enough for the runtime to have compiled what it runs with full optimisation.</summary>
    private static readonly TimeSpan WarmUp = TimeSpan.FromMilliseconds(300);

    private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(5);

    /// <summary>Median time of one run of each rival, in milliseconds.</summary>
    /// <param name="repetitions">Rounds; in each, every rival runs long enough to be timed, one after the other.</param>
    /// <param name="rivals">What to time.</param>
    public static double[] Medians(int repetitions, params ReadOnlySpan<Action> rivals)
    {
        if (repetitions < 1) throw new LabException($"--repetitions {repetitions}: give at least 1");
        var runs = new int[rivals.Length];
        for (var r = 0; r < rivals.Length; r++) runs[r] = RunsWorthTiming(rivals[r]);
        var times = new double[rivals.Length][];
        for (var r = 0; r < rivals.Length; r++) times[r] = new double[repetitions];
        for (var round = 0; round < repetitions; round++)
            for (var r = 0; r < rivals.Length; r++)
                times[r][round] = Time(rivals[r], runs[r]).TotalMilliseconds / runs[r];
        return Array.ConvertAll(times, Median);
    }

    /// <summary>Middle value; the mean of the two middle ones of an even number.</summary>
    public static double Median(double[] values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>Runs a rival until it is compiled and says how many runs fill the least time worth measuring.</summary>
    private static int RunsWorthTiming(Action rival)
    {
        var start = Stopwatch.GetTimestamp();
        var elapsed = TimeSpan.Zero;
        for (var warm = 0; warm < 3 || elapsed < WarmUp || (warm < 40 && elapsed < 5 * WarmUp); warm++)
        {
            rival();
            elapsed = Stopwatch.GetElapsedTime(start);
        }
        for (var runs = 1; ; runs *= 2)
            if (Time(rival, runs) >= Least || runs >= 1 << 16) return runs;
    }

    private static TimeSpan Time(Action rival, int runs)
    {
        var start = Stopwatch.GetTimestamp();
        for (var run = 0; run < runs; run++) rival();
        return Stopwatch.GetElapsedTime(start);
    }
}
