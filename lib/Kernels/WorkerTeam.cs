using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace HeadKvLab.Kernels;

/// <summary>
/// Threads that help with a kernel cut into parts. The caller works too and claims parts until none is left; a helper is waited for
/// only if it has joined, so that one which the system did not wake in time costs nothing. Whoever waits looks for some microseconds before it
/// sleeps, since waking it takes longer than most jobs are apart; that short, it takes little from others on a busy machine.
/// One job at a time; a caller that finds the team busy does its job alone: threads that decode at once take the team by turns, each at the
/// speed of one thread or of all. A part that throws ends its job: the first exception reaches the caller, and the team stays usable.
/// </summary>
internal sealed unsafe class WorkerTeam : IDisposable
{
    private const int Closed = 0, Open = 1, Joined = 2, Gone = 3;

    private readonly Helper[] _helpers;
    private int _busy, _threads;
    private delegate*<void*, int, void> _work;
    private void* _context;
    private int _parts, _next;
    private Exception? _failure;

    /// <summary>Creates a team.</summary>
    /// <param name="threads">Threads that work on a job, the caller included.</param>
    public WorkerTeam(int threads)
    {
        if (threads < 1) throw new LabException($"{threads} kernel threads: give 1 or more");
        _threads = threads;
        _helpers = new Helper[threads - 1];
        for (var h = 0; h < _helpers.Length; h++) _helpers[h] = new Helper(this);
    }

    /// <summary>The team of the decode kernel: one thread for each processor.</summary>
    public static WorkerTeam Shared { get; } = new(Environment.ProcessorCount);

    /// <summary>Threads that work on a job, the caller included: at most those the team was created with.</summary>
    public int Threads
    {
        get => _threads;
        set => _threads = Math.Clamp(value, 1, MostThreads);
    }

    /// <summary>Threads the team was created with.</summary>
    public int MostThreads => _helpers.Length + 1;

    /// <summary>Calls <paramref name="work"/> for every part, each once, on some thread of the team.</summary>
    /// <param name="work">After the first that throws no part is begun.</param>
    /// <param name="context">Passed on.</param>
    /// <param name="parts">Number of parts.</param>
    public void Run(delegate*<void*, int, void> work, void* context, int parts)
    {
        if (_threads == 1 || parts < 2 || Interlocked.CompareExchange(ref _busy, 1, 0) != 0)
        {
            for (var part = 0; part < parts; part++) work(context, part);
            return;
        }
        _work = work;
        _context = context;
        _parts = parts;
        Volatile.Write(ref _next, 0);
        var invited = Math.Min(_threads, parts) - 1;
        for (var h = 0; h < invited; h++) _helpers[h].Invite();
        Work();
        for (var h = 0; h < invited; h++) _helpers[h].Dismiss(); // only now does nobody look at the context, which lies on the caller's stack
        var failure = Interlocked.Exchange(ref _failure, null);
        Volatile.Write(ref _busy, 0);
        if (failure is not null) ExceptionDispatchInfo.Throw(failure);
    }

    /// <summary>Ends the helpers' threads and waits for them. The team must be at rest; afterwards its caller works alone.</summary>
    public void Dispose()
    {
        _threads = 1;
        foreach (var helper in _helpers) helper.Leave();
    }

    private void Work()
    {
        try
        {
            for (var part = Interlocked.Increment(ref _next) - 1; part < _parts; part = Interlocked.Increment(ref _next) - 1)
                _work(_context, part);
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref _failure, e, null);
            Volatile.Write(ref _next, _parts);
        }
    }

    private sealed class Helper
    {
        private static readonly long Patience = Stopwatch.Frequency * 40 / 1_000_000; // 40 microseconds: longer than the pauses within a decoding step

        private readonly WorkerTeam _team;
        private readonly AutoResetEvent _invited = new(false);
        private readonly AutoResetEvent _done = new(false);
        private readonly Thread _thread;
        private int _state = Closed;
        private volatile bool _asleep, _awaited;

        public Helper(WorkerTeam team)
        {
            _team = team;
            _thread = new Thread(Live) { IsBackground = true, Name = "kernel helper" };
            _thread.Start();
        }

        public void Invite()
        {
            Interlocked.Exchange(ref _state, Open); // a full fence: whoever goes to sleep sees the invitation, or is seen asleep
            if (_asleep) _invited.Set();
        }

        /// <summary>Ends the invitation; waits for the helper's last part if it came.</summary>
        public void Dismiss()
        {
            if (Interlocked.CompareExchange(ref _state, Closed, Open) == Open || Comes(Closed)) return;
            _awaited = true;
            Interlocked.MemoryBarrier();
            while (Volatile.Read(ref _state) != Closed) _done.WaitOne();
            _awaited = false;
        }

        /// <summary>Ends the thread.</summary>
        public void Leave()
        {
            if (Interlocked.Exchange(ref _state, Gone) == Gone) return;
            _invited.Set();
            _thread.Join();
            _invited.Dispose();
            _done.Dispose();
        }

        private void Live()
        {
            while (true)
            {
                if (!Comes(Open))
                {
                    _asleep = true;
                    Interlocked.MemoryBarrier();
                    while (Volatile.Read(ref _state) < Open) _invited.WaitOne();
                    _asleep = false;
                }
                if (Volatile.Read(ref _state) == Gone) return;
                if (Interlocked.CompareExchange(ref _state, Joined, Open) != Open) continue;
                _team.Work();
                Interlocked.Exchange(ref _state, Closed);
                if (_awaited) _done.Set();
            }
        }

        /// <summary>Looks for a state for as long as waking up would take.</summary>
        private bool Comes(int state)
        {
            var start = Stopwatch.GetTimestamp();
            do
            {
                if (Volatile.Read(ref _state) == state) return true;
                Thread.SpinWait(4);
            }
            while (Stopwatch.GetTimestamp() - start < Patience);
            return false;
        }
    }
}
