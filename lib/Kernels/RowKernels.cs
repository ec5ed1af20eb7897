using System.Runtime.CompilerServices;

namespace HeadKvLab.Kernels;

/// <summary>
/// <see cref="Elementwise"/> over all tokens of a prompt: each number is read and written once, where a chain of tensor operators goes through
/// memory at every step. Tokens are shared among the threads; a token's numbers are the same whoever computes them.
/// </summary>
public static unsafe class RowKernels
{
    /// <summary>Numbers of a part: some ten microseconds of work.</summary>
    private const int PartNumbers = 16 << 10;

    private struct Job
    {
        public float* Numbers, Other, Output, Cosines, Sines;
        public float Epsilon;
        public long Rows;
        public int Columns, Dim, PartRows;

        public readonly long End(int part) => Math.Min(Rows, (part + 1L) * PartRows);
    }

    /// <summary>RMSNorm of each row.</summary>
    /// <param name="x"><c>[rows, columns]</c>.</param>
    /// <param name="gains"><c>[columns]</c>.</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <param name="y"><c>[rows, columns]</c>, overwritten; may be x.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Numbers of a row.</param>
    public static void Normalise(float* x, float* gains, float epsilon, float* y, long rows, int columns)
    {
        Run(new Job { Numbers = x, Other = gains, Output = y, Epsilon = epsilon, Rows = rows, Columns = columns }, &Part);

        static void Part(void* context, int part)
        {
            ref readonly var job = ref Unsafe.AsRef<Job>(context);
            for (var row = (long)part * job.PartRows; row < job.End(part); row++)
                Elementwise.Normalise(new(job.Numbers + row * job.Columns, job.Columns), new(job.Other, job.Columns), job.Epsilon, new(job.Output + row * job.Columns, job.Columns));
        }
    }

    /// <summary>SwiGLU: <c>gate = silu(gate) · up</c>.</summary>
    /// <param name="gate"><c>[rows, columns]</c>, overwritten.</param>
    /// <param name="up"><c>[rows, columns]</c>.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Numbers of a row.</param>
    public static void SwiGlu(float* gate, float* up, long rows, int columns)
    {
        Run(new Job { Numbers = gate, Other = up, Rows = rows, Columns = columns }, &Part);

        static void Part(void* context, int part)
        {
            ref readonly var job = ref Unsafe.AsRef<Job>(context);
            for (var row = (long)part * job.PartRows; row < job.End(part); row++)
                Elementwise.SwiGlu(new(job.Numbers + row * job.Columns, job.Columns), new(job.Other + row * job.Columns, job.Columns));
        }
    }

    /// <summary>Rotary positions: turns every head of every token by the token's angles.</summary>
    /// <param name="heads"><c>[tokens, heads, dim]</c>, overwritten.</param>
    /// <param name="cosines"><c>[tokens, dim / 2]</c>.</param>
    /// <param name="sines"><c>[tokens, dim / 2]</c>.</param>
    /// <param name="tokens">Tokens.</param>
    /// <param name="count">Heads of a token.</param>
    /// <param name="dim">Numbers of a head.</param>
    public static void Rotate(float* heads, float* cosines, float* sines, long tokens, int count, int dim)
    {
        Run(new Job { Numbers = heads, Cosines = cosines, Sines = sines, Rows = tokens, Columns = count * dim, Dim = dim }, &Part);

        static void Part(void* context, int part)
        {
            ref readonly var job = ref Unsafe.AsRef<Job>(context);
            var half = job.Dim / 2;
            for (var row = (long)part * job.PartRows; row < job.End(part); row++)
                for (var head = job.Numbers + row * job.Columns; head < job.Numbers + (row + 1) * job.Columns; head += job.Dim)
                    Elementwise.Rotate(new(head, job.Dim), new(job.Cosines + row * half, half), new(job.Sines + row * half, half));
        }
    }

    private static void Run(Job job, delegate*<void*, int, void> part)
    {
        job.PartRows = Math.Max(1, PartNumbers / job.Columns);
        WorkerTeam.Shared.Run(part, &job, (int)((job.Rows + job.PartRows - 1) / job.PartRows));
    }
}
