namespace HeadKvLab.Kernels;

/// <summary>
/// Threads that help with a kernel cut into parts. The caller works too and claims parts until none is left; a helper is waited for
/// only if it has joined, so that one which the system did not wake in time costs nothing. Nobody spins: idle helpers sleep.
/// One job at a time; a caller that finds the team busy does its job alone.
/// </summary>
internal sealed unsafe class WorkerTeam
{
    private const int Closed = 0, Open = 1, Joined = 2;

    private readonly Helper[] _helpers;
    private int _busy, _threads;
    private delegate*<void*, int, void> _work;
    private void* _context;
    private int _parts, _next;

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
        set => _threads = Math.Clamp(value, 1, _helpers.Length + 1);
    }

    /// <summary>Threads the team was created with.</summary>
    public int MostThreads => _helpers.Length + 1;

    /// <summary>Calls <paramref name="work"/> for every part, each once, on some thread of the team.</summary>
    /// <param name="work">Must not throw.</param>
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
        for (var h = 0; h < invited; h++) _helpers[h].Dismiss();
        Volatile.Write(ref _busy, 0);
    }

    private void Work()
    {
        for (var part = Interlocked.Increment(ref _next) - 1; part < _parts; part = Interlocked.Increment(ref _next) - 1)
            _work(_context, part);
    }

    private sealed class Helper
    {
        private readonly WorkerTeam _team;
        private readonly AutoResetEvent _invited = new(false);
        private readonly AutoResetEvent _done = new(false);
        private int _state = Closed;

        public Helper(WorkerTeam team)
        {
            _team = team;
            new Thread(Live) { IsBackground = true, Name = "kernel helper" }.Start();
        }

        public void Invite()
        {
            Volatile.Write(ref _state, Open);
            _invited.Set();
        }

        /// <summary>Ends the invitation; waits for the helper's last part if it came.</summary>
        public void Dismiss()
        {
            if (Interlocked.CompareExchange(ref _state, Closed, Open) == Open) return;
            _done.WaitOne();
        }

        private void Live()
        {
            while (true)
            {
                _invited.WaitOne();
                if (Interlocked.CompareExchange(ref _state, Joined, Open) != Open) continue;
                _team.Work();
                Volatile.Write(ref _state, Closed);
                _done.Set();
            }
        }
    }
}
