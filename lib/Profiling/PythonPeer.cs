using System.Diagnostics;
using System.Globalization;

namespace HeadKvLab.Profiling;

/// <summary>A Python process that runs the same work in Python's torch: it answers one request at a time, a line each way, and sleeps in between.</summary>
public sealed class PythonPeer : IDisposable
{
    private readonly Process process;
    private readonly string script;

    private PythonPeer(Process process, string script, string greeting) => (this.process, this.script, Greeting) = (process, script, greeting);

    /// <summary>What it said when it was ready.</summary>
    public string Greeting { get; }

    /// <summary>Starts the peer under the allocator, thread and CPU settings that the engine gives itself; null when no Python here has torch.</summary>
    /// <param name="script">Path of the script; its first output line starts with <c>ready</c>.</param>
    /// <param name="threads">Threads it may use: its first argument.</param>
    /// <param name="arguments">Its further arguments.</param>
    public static PythonPeer? Start(string script, int threads, params string[] arguments)
    {
        foreach (string python in (string[])["/usr/bin/python3", "python3"])
        {
            var start = new ProcessStartInfo(python, [script, threads.ToString(CultureInfo.InvariantCulture), .. arguments]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
            start.Environment["MALLOC_MMAP_MAX_"] = "0";
            start.Environment["MALLOC_TRIM_THRESHOLD_"] = "2147483647";
            start.Environment["OMP_WAIT_POLICY"] = "passive";
            start.Environment["OPENBLAS_THREAD_TIMEOUT"] = "14";
            if (System.Runtime.Intrinsics.X86.Avx512BW.IsSupported) start.Environment["ATEN_CPU_CAPABILITY"] = "avx512";
            try
            {
                var process = Process.Start(start)!;
                if (process.StandardOutput.ReadLine() is { } greeting && greeting.StartsWith("ready", StringComparison.Ordinal))
                    return new PythonPeer(process, Path.GetFileName(script), greeting);
                process.Dispose();
            }
            catch (System.ComponentModel.Win32Exception) { }
        }
        return null;
    }

    /// <summary>The answer to a request.</summary>
    /// <exception cref="LabException">The process died.</exception>
    public string Ask(string request)
    {
        process.StandardInput.WriteLine(request);
        process.StandardInput.Flush();
        return process.StandardOutput.ReadLine() ?? throw new LabException($"{script}, '{request}': {process.StandardError.ReadToEnd().Trim()}");
    }

    /// <summary>The answer to a request, a number.</summary>
    /// <exception cref="LabException">It is none, or the process died.</exception>
    public double Number(FormattableString request)
    {
        var asked = FormattableString.Invariant(request);
        var answer = Ask(asked);
        return double.TryParse(answer, NumberStyles.Float, CultureInfo.InvariantCulture, out double number)
            ? number
            : throw new LabException($"{script}, '{asked}': expected a number, got '{answer}'");
    }

    /// <summary>Ends the process.</summary>
    public void Dispose()
    {
        process.StandardInput.Close();
        process.WaitForExit(2000);
        process.Dispose();
    }
}
