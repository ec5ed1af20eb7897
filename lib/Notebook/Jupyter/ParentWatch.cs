using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace HeadKvLab.Notebook.Jupyter;

/// <summary>Ends the kernel when the Jupyter server that started it is gone, also after a kill: no orphan stays longer than two seconds.</summary>
internal static partial class ParentWatch
{
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

    /// <summary>The parent changes when it ends; a server that ended before this process looked is known by its id, which Jupyter passes.</summary>
    static void WaitForOtherParent()
    {
        var parent = ParentId();
        var server = int.TryParse(Environment.GetEnvironmentVariable("JPY_PARENT_PID"), out var id) ? id : parent;
        while (ParentId() == parent && Signal(server, 0) == 0)
        {
            Thread.Sleep(1000);
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

    [LibraryImport("libc", EntryPoint = "getppid")]
    private static partial int ParentId();

    /// <summary>Signal 0 is not sent; it tells whether the process exists.</summary>
    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Signal(int process, int signal);
}
