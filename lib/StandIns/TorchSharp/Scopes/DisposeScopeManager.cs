namespace TorchSharp;

/// <summary>The current dispose scope and the tensor counts of one thread.</summary>
public class DisposeScopeManager
{
    [ThreadStatic] private static DisposeScopeManager? ofThread;

    internal static DisposeScopeManager ThreadSingleton => ofThread ??= new DisposeScopeManager();

    internal DisposeScope? Current;
    internal readonly ThreadDisposeScopeStatistics Counts = new();

    /// <summary>Counts of the calling thread.</summary>
    public static ThreadDisposeScopeStatistics Statistics => ThreadSingleton.Counts;
}

/// <summary>How many tensors a thread created and disposed. A tensor disposed by another thread, or by the finaliser, counts there.</summary>
public class ThreadDisposeScopeStatistics
{
    internal long Created, Disposed;

    /// <summary>Tensors this thread created less those it disposed.</summary>
    public long ThreadTotalLiveCount => Created - Disposed;
}
