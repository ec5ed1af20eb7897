using System.Globalization;
using HeadKvLab.Kernels;
using HeadKvLab.Profiling.Runs;
using HeadKvLab.Tests.Lifetime;

[assembly: AssemblyFixture(typeof(WholeRun))]

namespace HeadKvLab.Tests.Lifetime;

/// <summary>What a run of tests may leave when all are done: no thread of a kernel team but the shared one's, and never more than 3 GB at once.</summary>
public sealed class WholeRun : IDisposable
{
    private const long MostBytes = 3L << 30;

    private readonly long _peak = ProcessMemory.Peak;

    public void Dispose()
    {
        var peak = Math.Max(_peak, ProcessMemory.Peak);
        Assert.True(peak < MostBytes, string.Create(CultureInfo.InvariantCulture, $"the tests took {peak / 1e9:F2} GB at once, {MostBytes / 1e9:F2} are allowed"));
        if (WorkerTeamTests.HelperThreads() is { } helpers) Assert.InRange(helpers, 0, WorkerTeam.Shared.MostThreads - 1);
    }
}
