namespace HeadKvLab.Kernels;

/// <summary>
/// How many threads the kernels use. The tensor library has its own setting. The threads are one team, which serves one kernel at a time: where several
/// threads decode at once, a kernel that finds the team busy runs on its caller alone.
/// </summary>
public static class KernelThreads
{
    /// <summary>Threads of a kernel, the caller's included; by default one for each core.</summary>
    /// <exception cref="LabException">The number is below 1 or above the cores.</exception>
    public static int Count
    {
        get => WorkerTeam.Shared.Threads;
        set => WorkerTeam.Shared.Threads = value >= 1 && value <= Environment.ProcessorCount ? value
            : throw new LabException($"--threads {value}: this machine has {Environment.ProcessorCount} core(s); give 1 to {Environment.ProcessorCount}");
    }
}
