using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace HeadKvLab.Kernels;

/// <summary>
/// Sums over the queries for each key, of the attention it receives or its squares, added up while the queries attend. While a block of query rows goes through the keys its
/// exponentials are known only relative to the largest logit so far, so they are left where the product with the values read them. When the block is
/// done each gets its factor e^(largest then - largest at the end) / sum, one a row and panel, and is added: one multiply-add beside the 2 dim of the
/// attention itself, two for a square. Panels outside a sum's band are passed over. A head's blocks are dealt to stripes, stripes are added up in their order: the sums do not depend on the threads.
/// Memory: a block's exponentials for each thread, and for each sum 128 stripes of n numbers.
/// </summary>
internal unsafe struct ColumnSums
{
    private const int MostLooks = 1 << 20; // a room is free as soon as one of the threads has done its stripe
    private const int Tasks = 128;   // enough that threads end together, few enough that stripes take no room

    private ColumnSum* _wanted;
    private float* _stripes, _blocks;
    private int* _taken;
    private int _count, _threads, _panels, _positions;

    /// <summary>Stripes a head's blocks are dealt to.</summary>
    internal int Stripes { get; private set; }

    private readonly long BlockNumbers => (long)_panels * BlockwiseAttention.QueryRows * (BlockwiseAttention.Keys + 1);

    private readonly long StripeNumbers => (long)_panels * BlockwiseAttention.Keys;

    /// <summary>Takes memory; what was taken before it ran out is given back by <see cref="Free"/>.</summary>
    /// <param name="wanted">The sums.</param>
    /// <param name="count">Their number.</param>
    /// <param name="heads">Query heads.</param>
    /// <param name="positions">Keys.</param>
    /// <param name="blocks">Blocks of a head's query rows.</param>
    /// <param name="threads">Threads that may work at once.</param>
    internal void Allocate(ColumnSum* wanted, int count, int heads, int positions, int blocks, int threads)
    {
        _wanted = wanted;
        _count = count;
        _positions = positions;
        _threads = threads;
        _panels = (positions + BlockwiseAttention.Keys - 1) / BlockwiseAttention.Keys;
        Stripes = Math.Min(blocks, (Tasks + heads - 1) / heads);
        _stripes = Take(count * heads * Stripes * StripeNumbers);
        _blocks = Take(threads * BlockNumbers);
        _taken = (int*)NativeMemory.AllocZeroed((nuint)threads, sizeof(int));
    }

    /// <summary>Gives memory back.</summary>
    internal readonly void Free()
    {
        NativeMemory.AlignedFree(_stripes);
        NativeMemory.AlignedFree(_blocks);
        NativeMemory.Free(_taken);
    }

    /// <summary>Starts a stripe: zeros, and a block's room that no other thread uses.</summary>
    /// <exception cref="InvalidOperationException">More threads work at once than memory was taken for.</exception>
    internal readonly Stripe Begin(int head, int stripe)
    {
        var totals = Totals(head, stripe);
        NativeMemory.Clear(totals, (nuint)(_count * StripeNumbers * sizeof(float)));
        for (var look = 0; look < MostLooks; look++)
        {
            var t = look % _threads;
            if (Interlocked.CompareExchange(ref _taken[t], 1, 0) != 0) continue;
            var weights = _blocks + t * BlockNumbers;
            return new(this, totals, weights, weights + _panels * BlockwiseAttention.QueryRows * (long)BlockwiseAttention.Keys, _taken + t);
        }
        throw new InvalidOperationException($"more than {_threads} threads add up attention at once: take memory for as many as work");
    }

    /// <summary>Adds a head's stripes.</summary>
    internal readonly void Finish(int head)
    {
        for (var w = 0; w < _count; w++)
            for (var j = 0; j < _positions; j++)
            {
                double sum = 0;
                for (var s = 0; s < Stripes; s++)
                    if (Totals(head, s)[w * StripeNumbers + j] is var part && _wanted[w].Power == ColumnSum.Largest) sum = Math.Max(sum, part);
                    else sum += part;
                _wanted[w].Target[(long)head * _positions + j] = (float)sum;
            }
    }

    /// <summary>A stripe's sums so far, <c>[sum, position]</c>.</summary>
    private readonly float* Totals(int head, int stripe) => _stripes + ((long)head * Stripes + stripe) * _count * StripeNumbers;

    private static float* Take(long numbers) => (float*)NativeMemory.AlignedAlloc((nuint)numbers * sizeof(float), 64);

    /// <summary>One stripe while a thread works on it.</summary>
    /// <param name="sums">What is added up.</param>
    /// <param name="totals">Sums so far, <c>[sum, position]</c>.</param>
    /// <param name="weights">The block's exponentials, <c>[panel, row, key]</c>.</param>
    /// <param name="largest">The largest logit each row had seen when a panel was done, <c>[panel, row]</c>.</param>
    /// <param name="taken">1 while a thread uses the block's room.</param>
    internal readonly struct Stripe(in ColumnSums sums, float* totals, float* weights, float* largest, int* taken)
    {
        private readonly ColumnSum* _wanted = sums._wanted;
        private readonly int _count = sums._count;
        private readonly long _positions = sums.StripeNumbers;

        /// <summary>Where a panel's exponentials are to lie, <c>[row, key]</c>.</summary>
        internal float* Panel(int panel) => weights + panel * BlockwiseAttention.QueryRows * (long)BlockwiseAttention.Keys;

        /// <summary>Remembers what a panel's exponentials are relative to.</summary>
        internal void Note(int panel, float* seen) =>
            new ReadOnlySpan<float>(seen, BlockwiseAttention.QueryRows).CopyTo(new(largest + panel * BlockwiseAttention.QueryRows, BlockwiseAttention.QueryRows));

        /// <summary>Adds a block that has seen all its keys; row 0 is query <paramref name="first"/> and stands at position <paramref name="before"/>.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        internal void Add(int firstPanel, int panels, int before, int rows, int first, float* atEnd, float* sums)
        {
            float* factors = stackalloc float[BlockwiseAttention.QueryRows], cut = stackalloc float[BlockwiseAttention.QueryRows * BlockwiseAttention.Keys];
            for (var panel = firstPanel; panel < panels; panel++)
            {
                var then = largest + panel * BlockwiseAttention.QueryRows;
                for (var r = 0; r < BlockwiseAttention.QueryRows; r += 16)
                    (FastExp.Exp(Vector512.Load(then + r) - Vector512.Load(atEnd + r)) / Vector512.Load(sums + r)).Store(factors + r);
                var ahead = before - panel * BlockwiseAttention.Keys;                              // positions from the panel's first key to row 0
                var (least, most) = (Math.Max(0, ahead - BlockwiseAttention.Keys + 1), ahead + rows - 1);
                for (var s = 0; s < _count; s++)
                {
                    var sum = _wanted[s];
                    if (most < sum.From || least >= sum.Below) continue;
                    var target = totals + s * _positions + panel * BlockwiseAttention.Keys;
                    var exponentials = Panel(panel);
                    if (least < sum.From || most >= sum.Below) exponentials = Cut(exponentials, rows, ahead, sum.From, sum.Below, cut);
                    if (sum.Power == ColumnSum.Largest) KeepLargest(exponentials, rows, factors, sum.Factors == null ? null : sum.Factors + first, target);
                    else if (sum.Power == 1) AddWeights(exponentials, rows, factors, target);
                    else AddSquares(exponentials, rows, factors, target);
                }
            }
        }

        /// <summary>A copy of a panel without the keys that lie outside the band behind each row.</summary>
        private static float* Cut(float* exponentials, int rows, int ahead, int from, int below, float* copy)
        {
            new ReadOnlySpan<float>(exponentials, rows * BlockwiseAttention.Keys).CopyTo(new(copy, rows * BlockwiseAttention.Keys));
            for (var r = 0; r < rows; r++)
            {
                var row = new Span<float>(copy + r * BlockwiseAttention.Keys, BlockwiseAttention.Keys);
                row[..(int)Math.Clamp((long)ahead + r - below + 1, 0, BlockwiseAttention.Keys)].Clear();
                row[(int)Math.Clamp((long)ahead + r - from + 1, 0, BlockwiseAttention.Keys)..].Clear();
            }
            return copy;
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void AddWeights(float* exponentials, int rows, float* factors, float* target)
        {
            Vector512<float> a = default, b = default, c = default, d = default;
            for (var r = 0; r < rows; r++, exponentials += BlockwiseAttention.Keys)
            {
                var factor = Vector512.Create(factors[r]);
                a = Vector512.FusedMultiplyAdd(factor, Vector512.Load(exponentials), a);
                b = Vector512.FusedMultiplyAdd(factor, Vector512.Load(exponentials + 16), b);
                c = Vector512.FusedMultiplyAdd(factor, Vector512.Load(exponentials + 32), c);
                d = Vector512.FusedMultiplyAdd(factor, Vector512.Load(exponentials + 48), d);
            }
            Put(target, a, b, c, d);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void KeepLargest(float* exponentials, int rows, float* factors, float* queries, float* target)
        {
            Vector512<float> a = Vector512.Load(target), b = Vector512.Load(target + 16), c = Vector512.Load(target + 32), d = Vector512.Load(target + 48);
            for (var r = 0; r < rows; r++, exponentials += BlockwiseAttention.Keys)
            {
                var factor = Vector512.Create(queries == null ? factors[r] : factors[r] * queries[r]);
                a = Vector512.Max(a, factor * Vector512.Load(exponentials));
                b = Vector512.Max(b, factor * Vector512.Load(exponentials + 16));
                c = Vector512.Max(c, factor * Vector512.Load(exponentials + 32));
                d = Vector512.Max(d, factor * Vector512.Load(exponentials + 48));
            }
            a.Store(target);
            b.Store(target + 16);
            c.Store(target + 32);
            d.Store(target + 48);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void AddSquares(float* exponentials, int rows, float* factors, float* target)
        {
            Vector512<float> a = default, b = default, c = default, d = default;
            for (var r = 0; r < rows; r++, exponentials += BlockwiseAttention.Keys)
            {
                var factor = Vector512.Create(factors[r]);
                Vector512<float> x = factor * Vector512.Load(exponentials), y = factor * Vector512.Load(exponentials + 16);
                Vector512<float> z = factor * Vector512.Load(exponentials + 32), w = factor * Vector512.Load(exponentials + 48);
                a = Vector512.FusedMultiplyAdd(x, x, a);
                b = Vector512.FusedMultiplyAdd(y, y, b);
                c = Vector512.FusedMultiplyAdd(z, z, c);
                d = Vector512.FusedMultiplyAdd(w, w, d);
            }
            Put(target, a, b, c, d);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Put(float* target, Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d)
        {
            (a + Vector512.Load(target)).Store(target);
            (b + Vector512.Load(target + 16)).Store(target + 16);
            (c + Vector512.Load(target + 32)).Store(target + 32);
            (d + Vector512.Load(target + 48)).Store(target + 48);
        }

        /// <summary>Leaves the block's room to others.</summary>
        internal void End() => Volatile.Write(ref *taken, 0);
    }
}
