using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace HeadKvLab.Kernels;

/// <summary>
/// Attention over a block of 64 latent vectors: rows of 64 numbers, one for each entry, so that a number of a key is a sum of rows times numbers of the query's
/// head. A head's keys are rebuilt and turned a block at a time, <c>k = R_p (mean + U c)</c>; values need not be: <c>Σ p v = mean Σ p + U Σ p c</c>.
/// </summary>
internal static unsafe class LatentBlock
{
    /// <summary>Entries of a block.</summary>
    internal const int Entries = BlockFormat.Entries;

    private const int Lanes = 16;

    /// <summary>Rebuilds rows: <c>rows[i] = mean[i] + Σ_k lift[i, k] block[k]</c>.</summary>
    /// <param name="block">Latent vectors, <c>[rank, entry]</c>.</param>
    /// <param name="rank">Their numbers.</param>
    /// <param name="lift"><c>[dim, stride]</c>, the first rank of each row.</param>
    /// <param name="stride">Numbers from row to row.</param>
    /// <param name="mean"><c>[dim]</c>.</param>
    /// <param name="dim">Rows.</param>
    /// <param name="rows">Receives them, <c>[dim, entry]</c>.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Rebuild(float* block, int rank, float* lift, int stride, float* mean, int dim, float* rows)
    {
        var half = dim / 2; // two rows at a time: each latent row is read once for both
        for (var i = 0; i < half; i++)
        {
            float* left = lift + (long)i * stride, right = lift + (long)(i + half) * stride;
            Vector512<float> l0 = Vector512.Create(mean[i]), l1 = l0, l2 = l0, l3 = l0, r0 = Vector512.Create(mean[i + half]), r1 = r0, r2 = r0, r3 = r0;
            for (var k = 0; k < rank; k++)
            {
                var at = block + k * Entries;
                Vector512<float> l = Vector512.Create(left[k]), r = Vector512.Create(right[k]);
                Vector512<float> x0 = Vector512.Load(at), x1 = Vector512.Load(at + Lanes), x2 = Vector512.Load(at + 2 * Lanes), x3 = Vector512.Load(at + 3 * Lanes);
                (l0, l1, l2, l3) = (Vector512.FusedMultiplyAdd(l, x0, l0), Vector512.FusedMultiplyAdd(l, x1, l1), Vector512.FusedMultiplyAdd(l, x2, l2), Vector512.FusedMultiplyAdd(l, x3, l3));
                (r0, r1, r2, r3) = (Vector512.FusedMultiplyAdd(r, x0, r0), Vector512.FusedMultiplyAdd(r, x1, r1), Vector512.FusedMultiplyAdd(r, x2, r2), Vector512.FusedMultiplyAdd(r, x3, r3));
            }
            Store(rows + i * Entries, l0, l1, l2, l3);
            Store(rows + (i + half) * Entries, r0, r1, r2, r3);
        }
    }

    /// <summary>Turns rebuilt keys by the angles of their positions.</summary>
    /// <param name="rows">Keys, <c>[dim, entry]</c>, in place.</param>
    /// <param name="cosines"><c>[dim / 2, entry]</c>.</param>
    /// <param name="sines">Same shape.</param>
    /// <param name="dim">Numbers of a key.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Rotate(float* rows, float* cosines, float* sines, int dim)
    {
        var half = dim / 2 * Entries;
        for (var i = 0; i < half; i += Lanes)
        {
            var (left, right, cosine, sine) = (Vector512.Load(rows + i), Vector512.Load(rows + half + i), Vector512.Load(cosines + i), Vector512.Load(sines + i));
            (left * cosine - right * sine).Store(rows + i);
            (right * cosine + left * sine).Store(rows + half + i);
        }
    }

    /// <summary>Logits of a query.</summary>
    /// <param name="query"><c>[dim]</c>.</param>
    /// <param name="rows">Keys, <c>[dim, entry]</c>.</param>
    /// <param name="dim">Numbers of a key.</param>
    /// <param name="scale">Factor.</param>
    /// <param name="first">First entry that is seen.</param>
    /// <param name="count">Entries that are there.</param>
    /// <param name="logits">Receives them, <c>[entry]</c>; -∞ where nothing is seen.</param>
    /// <returns>The largest.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float Logits(float* query, float* rows, int dim, float scale, int first, int count, float* logits)
    {
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
        for (var i = 0; i < dim; i++)
        {
            var at = rows + i * Entries;
            var q = Vector512.Create(query[i] * scale);
            s0 = Vector512.FusedMultiplyAdd(q, Vector512.Load(at), s0);
            s1 = Vector512.FusedMultiplyAdd(q, Vector512.Load(at + Lanes), s1);
            s2 = Vector512.FusedMultiplyAdd(q, Vector512.Load(at + 2 * Lanes), s2);
            s3 = Vector512.FusedMultiplyAdd(q, Vector512.Load(at + 3 * Lanes), s3);
        }
        Store(logits, s0, s1, s2, s3);
        new Span<float>(logits, first).Fill(float.NegativeInfinity);
        new Span<float>(logits + count, Entries - count).Fill(float.NegativeInfinity);
        var largest = float.NegativeInfinity;
        for (var e = first; e < count; e++) largest = MathF.Max(largest, logits[e]); // NaN stays NaN
        return largest;
    }

    /// <summary>Makes weights of logits.</summary>
    /// <param name="logits">Logits, none above <paramref name="largest"/>; the weights take their place, <c>[entry]</c>.</param>
    /// <param name="largest">What they are measured from.</param>
    /// <returns>Sum of the weights.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float Weigh(float* logits, float largest)
    {
        var (sum, most) = (Vector512<float>.Zero, Vector512.Create(largest));
        for (var i = 0; i < Entries; i += Lanes)
        {
            var weights = FastExp.Exp(Vector512.Load(logits + i) - most);
            weights.Store(logits + i);
            sum += weights;
        }
        return Vector512.Sum(sum);
    }

    /// <summary>Adds what weights mix: <c>mixed[k] = mixed[k] shrunk + Σ_e weights[e] rows[k, e]</c>.</summary>
    /// <param name="weights"><c>[entry]</c>.</param>
    /// <param name="rows"><c>[count, entry]</c>: latent vectors, or rebuilt values.</param>
    /// <param name="count">Rows.</param>
    /// <param name="shrunk">Factor of what was mixed before.</param>
    /// <param name="mixed"><c>[count]</c>.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Mix(float* weights, float* rows, int count, float shrunk, float* mixed)
    {
        Vector512<float> w0 = Vector512.Load(weights), w1 = Vector512.Load(weights + Lanes), w2 = Vector512.Load(weights + 2 * Lanes), w3 = Vector512.Load(weights + 3 * Lanes);
        for (var k = 0; k < count; k++)
        {
            var at = rows + k * Entries;
            var sum = Vector512.FusedMultiplyAdd(w3, Vector512.Load(at + 3 * Lanes), Vector512.FusedMultiplyAdd(w2, Vector512.Load(at + 2 * Lanes), Vector512.FusedMultiplyAdd(w1, Vector512.Load(at + Lanes), w0 * Vector512.Load(at))));
            mixed[k] = mixed[k] * shrunk + Vector512.Sum(sum);
        }
    }

    private static void Store(float* rows, Vector512<float> x0, Vector512<float> x1, Vector512<float> x2, Vector512<float> x3)
    {
        x0.Store(rows);
        x1.Store(rows + Lanes);
        x2.Store(rows + 2 * Lanes);
        x3.Store(rows + 3 * Lanes);
    }
}
