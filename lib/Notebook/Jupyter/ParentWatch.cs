using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace HeadKvLab.Notebook.Jupyter;

/// <summary>
/// Ends the kernel when the Jupyter server that started it is gone, also after a kill: it looks four times a second, so no orphan
/// stays. Linux' own signal at a parent's death would not do: it follows the thread that started the kernel, which servers let end.
/// </summary>
internal static partial class ParentWatch
{
    static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(250);
    const int NoSuchProcess = 3;

    /// <param name="gone">Called once, from another thread.</param>
    internal static void Start(Action gone) =>
        new Thread(() =>
        {
            if (OperatingSystem.IsWindows())
            {
                WaitForHandle();
            }
            else
            {
                WaitForOtherParent();
            }
            gone();
        }) { IsBackground = true, Name = "parent watch" }.Start();

    /// <summary>
    /// The parent changes when it ends. The server's id, which Jupyter passes, tells of one that ended before this process looked and
    /// of one that started the kernel through another program.
    /// </summary>
    static void WaitForOtherParent()
    {
        var parent = ParentId();
        var server = int.TryParse(Environment.GetEnvironmentVariable("JPY_PARENT_PID"), out var id) ? id : parent;
        while (ParentId() == parent && Exists(server))
        {
            Thread.Sleep(LookEvery);
        }
    }

    /// <summary>On Windows Jupyter passes a handle of its process in JPY_PARENT_PID.</summary>
    static void WaitForHandle()
    {
        if (!nint.TryParse(Environment.GetEnvironmentVariable("JPY_PARENT_PID"), out var handle))
        {
            Thread.Sleep(Timeout.Infinite);
        }
        using var parent = new ManualResetEvent(false) { SafeWaitHandle = new SafeWaitHandle(handle, ownsHandle: false) };
        parent.WaitOne();
    }

    /// <summary>Signal 0 is not sent; it tells whether the process exists, also where another user's may not be signalled.</summary>
    static bool Exists(int process) => Signal(process, 0) == 0 || Marshal.GetLastPInvokeError() != NoSuchProcess;

    [LibraryImport("libc", EntryPoint = "getppid")]
    private static partial int ParentId();

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Signal(int process, int signal);
}
