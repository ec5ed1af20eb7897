namespace HeadKvLab.Notebook.Jupyter;

/// <summary>
/// Tells the reader and the server's log which cell ended the process, where the process still can: after Environment.Exit and after
/// an exception on a thread of its own. A crash in native code leaves no time for it; the server sees that the kernel is dead.
/// </summary>
internal static class LastWords
{
    /// <param name="kernel">Whose cell is to blame.</param>
    /// <param name="log">Where the server reads, usually standard error.</param>
    internal static void Arrange(JupyterKernel kernel, TextWriter log)
    {
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Say($"Environment.Exit with exit code {Environment.ExitCode}");
        // The runtime itself writes the exception with its stack to the log.
        AppDomain.CurrentDomain.UnhandledException += (_, thrown) => Say($"an exception that no one caught on another thread: {Describe(thrown.ExceptionObject)}");
        void Say(string why)
        {
            if (kernel.LastWords(why) is { } said)
            {
                log.WriteLine(said);
                log.Flush();
            }
        }
    }

    static string Describe(object thrown) => thrown is Exception exception ? $"{exception.GetType()}: {exception.Message}" : $"{thrown}";
}
