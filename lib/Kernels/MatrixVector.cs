using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace HeadKvLab.Kernels;

/// <summary>
/// Matrix times a few vectors: the products of decoding, which are bound by the matrix' bytes. Weights are read as they are
/// stored and widened in registers; four rows share each load of a vector, and the vectors of a batch share the rows while these are in the
/// first cache. Products worth a few microseconds are divided among threads; a row's sum is the same whoever computes it. <see cref="Vector512"/> falls back
/// to narrower registers where AVX-512 is missing.
/// </summary>
public static unsafe class MatrixVector
{
    /// <summary>Rows of a part, multiples of four: few parts cost little to claim, many can be shared by many threads.</summary>
    private const int FewestRows = 64, MostRows = 128;

    /// <summary>Bytes that one core reads in some 5 microseconds; a thread that looks for work joins in less than one.</summary>
    private const long WorkWorthSharing = 96 << 10;

    private struct Job
    {
        public byte* Values;
        public float* Factors, Bias, X, Y;
        public int Rows, Columns, Batch, PartRows;
        public NumberFormat Format;
        public bool Blocked;

        public readonly int Parts => (Rows + PartRows - 1) / PartRows;
    }

    /// <summary><c>y[b] = W x[b] (+ bias)</c>.</summary>
    /// <param name="matrix"><c>W [rows, columns]</c>.</param>
    /// <param name="x"><c>[batch, columns]</c>.</param>
    /// <param name="y"><c>[batch, rows]</c>, overwritten.</param>
    /// <param name="batch">Number of vectors.</param>
    /// <exception cref="ArgumentException">The lengths do not fit the matrix.</exception>
    public static void Multiply(PackedMatrix matrix, ReadOnlySpan<float> x, Span<float> y, int batch = 1)
    {
        Check(matrix, x, y, batch);
        fixed (float* vectors = x, results = y)
        {
            var job = Of(matrix, vectors, results, batch);
            Run(&job, 1, matrix.Bytes * batch);
        }
        GC.KeepAlive(matrix);
    }

    /// <summary>Products of two or three matrices with the same vectors, shared among the threads together: the threads meet once, and small matrices are shared too.</summary>
    /// <param name="x"><c>[batch, columns]</c>.</param>
    /// <param name="batch">Number of vectors.</param>
    /// <param name="first">A matrix <c>[rows, columns]</c>.</param>
    /// <param name="y">Its products <c>[batch, rows]</c>, overwritten.</param>
    /// <param name="second">Another.</param>
    /// <param name="z">Its products.</param>
    /// <param name="third">Another; null for none.</param>
    /// <param name="w">Its products.</param>
    /// <exception cref="ArgumentException">The lengths do not fit a matrix.</exception>
    public static void Multiply(ReadOnlySpan<float> x, int batch, PackedMatrix first, Span<float> y, PackedMatrix second, Span<float> z, PackedMatrix? third = null, Span<float> w = default)
    {
        Check(first, x, y, batch);
        Check(second, x, z, batch);
        if (third is not null) Check(third, x, w, batch);
        fixed (float* vectors = x, a = y, b = z, c = w)
        {
            var jobs = stackalloc Job[3];
            (jobs[0], jobs[1]) = (Of(first, vectors, a, batch), Of(second, vectors, b, batch));
            if (third is not null) jobs[2] = Of(third, vectors, c, batch);
            Run(jobs, third is null ? 2 : 3, (first.Bytes + second.Bytes + (third?.Bytes ?? 0)) * batch);
        }
        GC.KeepAlive(first);
        GC.KeepAlive(second);
        GC.KeepAlive(third);
    }

    private static void Check(PackedMatrix matrix, ReadOnlySpan<float> x, ReadOnlySpan<float> y, int batch)
    {
        if (x.Length != (long)batch * matrix.Columns || y.Length != (long)batch * matrix.Rows)
            throw new ArgumentException($"a matrix [{matrix.Rows}, {matrix.Columns}] takes {batch} x {matrix.Columns} numbers and gives {batch} x {matrix.Rows}, not {x.Length} and {y.Length}");
    }

    private static Job Of(PackedMatrix matrix, float* x, float* y, int batch) => new()
    {
        Values = matrix.Values, Factors = matrix.Factors, Bias = matrix.Bias, X = x, Y = y,
        Rows = matrix.Rows, Columns = matrix.Columns, Batch = batch, Format = matrix.Format, Blocked = matrix.Blocked,
    };

    private static void Run(Job* jobs, int count, long bytes)
    {
        int parts = 0, rows = 0;
        for (var j = 0; j < count; j++) rows += jobs[j].Rows;
        for (var j = 0; j < count; j++)
        {
            jobs[j].PartRows = Math.Clamp(rows / WorkerTeam.Shared.Threads, FewestRows, MostRows) & ~3;
            parts += jobs[j].Parts;
        }
        if (bytes >= WorkWorthSharing) WorkerTeam.Shared.Run(&RunPart, jobs, parts);
        else
            for (var part = 0; part < parts; part++) RunPart(jobs, part);
    }

    /// <summary>Inner product of two vectors of <paramref name="length"/> numbers.</summary>
    public static float Dot(float* a, float* b, int length) => Dot<Float32Lanes>((byte*)a, b, length);

    private static void RunPart(void* context, int part)
    {
        var job = (Job*)context;
        for (; part >= job->Parts; job++) part -= job->Parts; // the parts of the jobs follow each other
        switch (job->Format)
        {
            case NumberFormat.Float32: Rows<Float32Lanes>(*job, part); break;
            case NumberFormat.BFloat16 when job->Blocked: Rows<BlockedBFloat16Lanes>(*job, part); break;
            case NumberFormat.BFloat16: Rows<BFloat16Lanes>(*job, part); break;
            case NumberFormat.Float16: Rows<Float16Lanes>(*job, part); break;
            default: Rows<Int8Lanes>(*job, part); break;
        }
    }

    private static void Rows<TLanes>(in Job job, int part) where TLanes : struct, ILanes
    {
        int row = part * job.PartRows, end = Math.Min(row + job.PartRows, job.Rows);
        var rowBytes = (long)job.Columns * TLanes.Size;
        var apart = (end - row) / 4; // four rows far from each other are four streams, of which memory gives more than of one
        for (var last = row + apart; row < last; row++)
            for (var b = 0; b < job.Batch; b++)
                FourRows<TLanes>(job.Values + row * rowBytes, apart * rowBytes, job.X + (long)b * job.Columns, job.Columns, job.Y + (long)b * job.Rows + row, apart);
        row += 3 * apart;
        for (; row < end; row++)
            for (var b = 0; b < job.Batch; b++)
                job.Y[(long)b * job.Rows + row] = Dot<TLanes>(job.Values + row * rowBytes, job.X + (long)b * job.Columns, job.Columns);
        for (var b = 0; b < job.Batch; b++)
            for (row = part * job.PartRows; row < end; row++)
            {
                ref var y = ref job.Y[(long)b * job.Rows + row];
                if (job.Factors != null) y *= job.Factors[row];
                if (job.Bias != null) y += job.Bias[row];
            }
    }

    private static float Dot<TLanes>(byte* a, float* b, int length) where TLanes : struct, ILanes
    {
        var sum = Vector512<float>.Zero;
        var i = 0;
        for (; i + 32 <= length; i += 32)
        {
            sum = Vector512.FusedMultiplyAdd(TLanes.Load(a + i * TLanes.Size), Vector512.Load(b + i), sum);
            sum = Vector512.FusedMultiplyAdd(TLanes.Next(a + i * TLanes.Size), Vector512.Load(b + i + 16), sum);
        }
        if (i + 16 <= length)
        {
            sum = Vector512.FusedMultiplyAdd(TLanes.Load(a + i * TLanes.Size), Vector512.Load(b + i), sum);
            i += 16;
        }
        var total = Vector512.Sum(sum);
        for (; i < length; i++) total += TLanes.One(a + i * TLanes.Size) * b[i];
        return total;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FourRows<TLanes>(byte* matrix, long rowBytes, float* x, int columns, float* y, int apart) where TLanes : struct, ILanes
    {
        byte* a = matrix, b = a + rowBytes, c = b + rowBytes, d = c + rowBytes;
        Vector512<float> sa = default, sb = default, sc = default, sd = default;
        var i = 0;
        for (; i + 32 <= columns; i += 32)
        {
            var (v, w) = (Vector512.Load(x + i), Vector512.Load(x + i + 16));
            var at = (long)i * TLanes.Size;
            sa = Vector512.FusedMultiplyAdd(TLanes.Next(a + at), w, Vector512.FusedMultiplyAdd(TLanes.Load(a + at), v, sa));
            sb = Vector512.FusedMultiplyAdd(TLanes.Next(b + at), w, Vector512.FusedMultiplyAdd(TLanes.Load(b + at), v, sb));
            sc = Vector512.FusedMultiplyAdd(TLanes.Next(c + at), w, Vector512.FusedMultiplyAdd(TLanes.Load(c + at), v, sc));
            sd = Vector512.FusedMultiplyAdd(TLanes.Next(d + at), w, Vector512.FusedMultiplyAdd(TLanes.Load(d + at), v, sd));
        }
        if (i + 16 <= columns)
        {
            var v = Vector512.Load(x + i);
            var at = (long)i * TLanes.Size;
            sa = Vector512.FusedMultiplyAdd(TLanes.Load(a + at), v, sa);
            sb = Vector512.FusedMultiplyAdd(TLanes.Load(b + at), v, sb);
            sc = Vector512.FusedMultiplyAdd(TLanes.Load(c + at), v, sc);
            sd = Vector512.FusedMultiplyAdd(TLanes.Load(d + at), v, sd);
            i += 16;
        }
        float ta = Vector512.Sum(sa), tb = Vector512.Sum(sb), tc = Vector512.Sum(sc), td = Vector512.Sum(sd);
        for (; i < columns; i++)
        {
            var at = (long)i * TLanes.Size;
            ta += TLanes.One(a + at) * x[i];
            tb += TLanes.One(b + at) * x[i];
            tc += TLanes.One(c + at) * x[i];
            td += TLanes.One(d + at) * x[i];
        }
        (y[0], y[apart], y[2 * apart], y[3 * apart]) = (ta, tb, tc, td);
    }
}
