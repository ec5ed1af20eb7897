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

    static void WaitForOtherParent()
    {
        var parent = ParentId();
        while (ParentId() == parent)
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
}
