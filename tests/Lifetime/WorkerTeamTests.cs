using System.Diagnostics;
using HeadKvLab.Kernels;

namespace HeadKvLab.Tests.Lifetime;

/// <summary>A team whose parts throw, and a team that is no longer needed.</summary>
public sealed unsafe class WorkerTeamTests
{
    private struct Job
    {
        public int Caller, FailingPart, HelperCame;
        public bool OnHelper;
        public fixed int Done[64];
    }

    private static void Work(void* context, int part)
    {
        ref var job = ref *(Job*)context;
        if (job.OnHelper && Environment.CurrentManagedThreadId != job.Caller)
        {
            Volatile.Write(ref job.HelperCame, 1);
            throw new InvalidOperationException("on a helper");
        }
        if (part == job.FailingPart) throw new InvalidOperationException($"part {part}");
        var clock = Stopwatch.StartNew();
        while (job.OnHelper && Volatile.Read(ref job.HelperCame) == 0 && clock.Elapsed.TotalSeconds < 20) Thread.Yield();
        Interlocked.Increment(ref job.Done[part]);
    }

    /// <summary>Twenty times over, since the team must be as good afterwards.</summary>
    [Theory]
    [InlineData(true), InlineData(false)]
    public void An_exception_reaches_the_caller_and_the_team_works_on(bool onHelper)
    {
        using var team = new WorkerTeam(3);
        for (var round = 0; round < 20; round++)
        {
            var job = new Job { Caller = Environment.CurrentManagedThreadId, FailingPart = onHelper ? -1 : 5, OnHelper = onHelper };
            var pointer = (nint)(&job);
            var error = Assert.Throws<InvalidOperationException>(() => team.Run(&Work, (void*)pointer, 64));
            Assert.Equal(onHelper ? "on a helper" : "part 5", error.Message);
            Assert.Contains(nameof(Work), error.StackTrace);

            var whole = new Job { FailingPart = -1 };
            team.Run(&Work, &whole, 64);
            for (var part = 0; part < 64; part++) Assert.Equal(1, whole.Done[part]);
        }
    }

    /// <summary>A job that is left alone by its team would run on one thread for ever after: here each of two parts waits for the other's thread.</summary>
    [Fact]
    public void The_team_still_shares_work_after_an_exception()
    {
        using var team = new WorkerTeam(2);
        var failing = new Job { FailingPart = 0 };
        var pointer = (nint)(&failing);
        Assert.Throws<InvalidOperationException>(() => team.Run(&Work, (void*)pointer, 2));
        var shared = new Job { Caller = Environment.CurrentManagedThreadId, FailingPart = -1, OnHelper = true };
        pointer = (nint)(&shared);
        Assert.Equal("on a helper", Assert.Throws<InvalidOperationException>(() => team.Run(&Work, (void*)pointer, 2)).Message);
    }

    [Fact]
    public void A_disposed_team_works_on_its_caller()
    {
        var team = new WorkerTeam(3);
        team.Dispose();
        team.Dispose();
        var job = new Job { FailingPart = -1 };
        team.Run(&Work, &job, 64);
        for (var part = 0; part < 64; part++) Assert.Equal(1, job.Done[part]);
        Assert.Equal(1, team.Threads);
    }

    /// <summary>In a process of its own, where no other test makes teams: the helpers' threads are gone, asleep or not.</summary>
    [Fact]
    public void Disposed_teams_leave_no_thread()
    {
        Assert.SkipUnless(HelperThreads() is not null, "this system does not name a process's threads");
        var (code, said) = Child.Start("teams").End();
        Assert.True(code == 0, said);
    }

    internal static int LeaveTeams()
    {
        for (var round = 0; round < 10; round++)
        {
            using var team = new WorkerTeam(4);
            var job = new Job { FailingPart = -1 };
            if (round % 2 == 0) team.Run(&Work, &job, 64);
            if (round % 3 == 0) Thread.Sleep(5);
        }
        var left = HelperThreads();
        return left == 0 ? 0 : throw new LabException($"{left} helper threads are left");
    }

    /// <summary>Threads of kernel teams in this process; null where the system does not tell.</summary>
    internal static int? HelperThreads() => !Directory.Exists("/proc/self/task") ? null
        : Directory.EnumerateDirectories("/proc/self/task").Count(thread => NameIn(Path.Combine(thread, "comm")) == "kernel helper");

    private static string NameIn(string file)
    {
        try
        {
            return File.ReadAllText(file).Trim();
        }
        catch (IOException)
        {
            return ""; // a thread that has just ended
        }
    }

    [Fact]
    public void More_threads_than_memory_was_taken_for_are_refused()
    {
        var sums = new ColumnSums();
        var received = stackalloc float[64];
        var wanted = new ColumnSum { Target = received, Power = 1, Below = int.MaxValue };
        sums.Allocate(&wanted, 1, 1, 64, 2, threads: 1);
        var first = sums.Begin(0, 0);
        Assert.Contains("more than 1 threads", Assert.Throws<InvalidOperationException>(() => { sums.Begin(0, 1); }).Message);
        first.End();
        sums.Begin(0, 1).End();
        sums.Free();
    }

    [Fact]
    public void Heads_that_would_overflow_the_stack_are_refused()
    {
        const int dim = RaggedAttention.LargestDim + 16, group = RaggedAttention.LargestGroup;
        var error = Assert.Throws<ArgumentException>(() => Decode(dim, 1));
        Assert.Contains("1040", error.Message);
        Decode(RaggedAttention.LargestDim, group); // the largest that is taken, on a thread of the smallest stack in use

        static void Decode(int dim, int group)
        {
            Exception? failure = null;
            var thread = new Thread(() =>
            {
                try
                {
                    var (rows, queries, output) = (new float[dim], new float[group * dim], new float[group * dim]);
                    rows[3] = 2;
                    fixed (float* data = rows)
                        RaggedAttention.Decode(queries, new RaggedHeads([new(data, data, 1)], [], NumberFormat.Float32, dim), output, 1);
                    Assert.Equal(2, output[(group - 1) * dim + 3]);
                }
                catch (Exception e)
                {
                    failure = e;
                }
            }, 512 << 10);
            thread.Start();
            thread.Join();
            if (failure is not null) throw failure;
        }
    }
}
