using System.Runtime;

namespace HeadKvLab.Notebook.Engine;

/// <summary>
/// Runs code of a cell so that the user gets the prompt back at most 1.5 s after an interrupt: first its cancellation token is
/// cancelled; after 0.4 s its thread is aborted; after another 0.7 s (native code, a sleep, a loop on another thread) it is abandoned.
/// </summary>
internal static class Interruption
{
    static readonly TimeSpan Cooperate = TimeSpan.FromMilliseconds(400);
    static readonly TimeSpan Abort = TimeSpan.FromMilliseconds(700);
    const int StackBytes = 64 << 20;

    /// <summary>Runs <paramref name="body"/> on a thread of its own and waits for the task it returns.</summary>
    /// <exception cref="InterruptedException">The token was cancelled and the body has ended or was abandoned.</exception>
    internal static async Task<T> Run<T>(Func<Task<T>> body, CancellationToken interrupt)
    {
        var abort = new CancellationTokenSource();
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() => RunHere(body, abort.Token, done), StackBytes) { IsBackground = true, Name = "cell" };
        thread.Start();
        using var registration = interrupt.Register(() => _ = GiveUpInSteps(abort, done));
        try
        {
            return await done.Task.ConfigureAwait(false);
        }
        catch (Exception exception) when (interrupt.IsCancellationRequested && exception is OperationCanceledException or ThreadInterruptedException)
        {
            throw new InterruptedException(stillRunning: false);
        }
    }

    static void RunHere<T>(Func<Task<T>> body, CancellationToken abort, TaskCompletionSource<T> done)
    {
        Task<T>? running = null;
        try
        {
#pragma warning disable SYSLIB0046 // The one way to end `while (true) { }`; made for cases like this one, a host that runs cells.
            ControlledExecution.Run(() => running = body(), abort);
#pragma warning restore SYSLIB0046
        }
        catch (Exception exception)
        {
            done.TrySetException(exception);
            return;
        }
        running!.ContinueWith(done.TrySetFromTask, TaskScheduler.Default);
    }

    static async Task GiveUpInSteps<T>(CancellationTokenSource abort, TaskCompletionSource<T> done)
    {
        if (await Task.WhenAny(done.Task, Task.Delay(Cooperate)).ConfigureAwait(false) == done.Task)
        {
            return;
        }
        // Cancelling blocks until the abort lands, which may be never: it gets a thread of its own.
        new Thread(abort.Cancel) { IsBackground = true }.Start();
        await Task.WhenAny(done.Task, Task.Delay(Abort)).ConfigureAwait(false);
        done.TrySetException(new InterruptedException(stillRunning: true));
    }
}

/// <summary>The user interrupted the cell, or its time was up.</summary>
internal sealed class InterruptedException(bool stillRunning) : Exception(
    stillRunning
        ? "The cell was interrupted. Part of it still runs in the background (native code, a sleep or another thread): restart the kernel to end it."
        : "The cell was interrupted.");
