namespace HeadKvLab.Cache;

/// <summary>
/// What would have to be fetched if the entries lay in a far memory, and a near one held the units (pages, clusters) that each query head chose in its last R steps:
/// a simulation, for R = 1, 2 and 4 at once. Hit rate = |chosen now and in one of the last R steps| / |chosen now|, over all steps but each head's first.
/// What is near anyway (sinks, the open tail) is not counted. Source: ClusterKV, arXiv 2412.03213, section on caching.
/// </summary>
public sealed class NearTier
{
    private readonly long[] _hits = new long[Remembered.Count];
    private readonly long[] _fetched = new long[Remembered.Count];
    private int[][] _lastChosen = []; // [queryHead][unit], the step; 0: never
    private int[] _steps = [];        // [queryHead]

    /// <summary>The values of R.</summary>
    public static IReadOnlyList<int> Remembered { get; } = [1, 2, 4];

    /// <summary>Units chosen, a head's first step left out.</summary>
    public long Chosen { get; private set; }

    /// <summary>Share of the chosen units that were near; null before any head's second step.</summary>
    /// <param name="steps">R, one of <see cref="Remembered"/>.</param>
    public double? HitRate(int steps) => Chosen == 0 ? null : (double)_hits[Place(steps)] / Chosen;

    /// <summary>Units that were near.</summary>
    /// <param name="steps">R, one of <see cref="Remembered"/>.</param>
    public long Hits(int steps) => _hits[Place(steps)];

    /// <summary>Entries that were fetched, those of the first step among them.</summary>
    /// <param name="steps">R, one of <see cref="Remembered"/>.</param>
    public long Fetched(int steps) => _fetched[Place(steps)];

    /// <summary>Begins a step of a query head.</summary>
    public void Step(int queryHead)
    {
        if (queryHead >= _steps.Length)
        {
            Array.Resize(ref _steps, queryHead + 1);
            var known = _lastChosen.Length;
            Array.Resize(ref _lastChosen, queryHead + 1);
            Array.Fill(_lastChosen, [], known, queryHead + 1 - known);
        }
        _steps[queryHead]++;
    }

    /// <summary>Counts a unit that a query head chose in this step, once.</summary>
    /// <param name="queryHead">The query head.</param>
    /// <param name="unit">Number of the page or cluster in its KV head.</param>
    /// <param name="entries">Its entries.</param>
    public void Choose(int queryHead, int unit, int entries)
    {
        if (unit >= _lastChosen[queryHead].Length) Array.Resize(ref _lastChosen[queryHead], Math.Max(64, 2 * unit));
        var (step, last) = (_steps[queryHead], _lastChosen[queryHead][unit]);
        if (step > 1) Chosen++;
        for (var r = 0; r < _hits.Length; r++)
            if (last > 0 && step - last <= Remembered[r]) _hits[r]++;
            else _fetched[r] += entries;
        _lastChosen[queryHead][unit] = step;
    }

    /// <summary>Forgets units of a head, from one on: others take their numbers.</summary>
    /// <param name="firstQueryHead">First query head that reads the head.</param>
    /// <param name="queryHeads">How many do.</param>
    /// <param name="firstUnit">The first unit that is forgotten.</param>
    public void Forget(int firstQueryHead, int queryHeads, int firstUnit)
    {
        for (var q = firstQueryHead; q < Math.Min(firstQueryHead + queryHeads, _lastChosen.Length); q++)
            if (firstUnit < _lastChosen[q].Length) _lastChosen[q].AsSpan(firstUnit).Clear();
    }

    private static int Place(int steps)
    {
        for (var r = 0; r < Remembered.Count; r++)
            if (Remembered[r] == steps) return r;
        throw new ArgumentOutOfRangeException(nameof(steps), steps, "a near tier is simulated for R = 1, 2 and 4");
    }
}
