using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace HeadKvLab.Kernels;

/// <summary>
/// How much attention each key receives from all queries, added up while they attend. While a block of query rows goes through the keys its
/// exponentials are known only relative to the largest logit so far, so they are left where the product with the values read them. When the block is
/// done each gets its factor e^(largest then - largest at the end) / sum, one a row and panel, and is added: one multiply-add beside the 2 dim of the
/// attention itself. A head's blocks are dealt to stripes, stripes are added up in their order: the sums do not depend on the threads.
/// Memory: a block's exponentials for each thread, and 128 stripes of n numbers.
/// </summary>
internal unsafe struct ColumnSums
{
    private const int MostLooks = 1 << 20; // a room is free as soon as one of the threads has done its stripe
    private const int Tasks = 128;   // enough that threads end together, few enough that stripes take no room

    private float* _received, _stripes, _blocks;
    private int* _taken;
    private int _threads, _panels, _positions;

    /// <summary>Stripes a head's blocks are dealt to.</summary>
    internal int Stripes { get; private set; }

    private readonly long BlockNumbers => (long)_panels * BlockwiseAttention.QueryRows * (BlockwiseAttention.Keys + 1);

    private readonly long StripeNumbers => (long)_panels * BlockwiseAttention.Keys;

    /// <summary>Takes memory; what was taken before it ran out is given back by <see cref="Free"/>.</summary>
    /// <param name="received">Where the sums go, <c>[queryHead, position]</c>.</param>
    /// <param name="heads">Query heads.</param>
    /// <param name="positions">Keys.</param>
    /// <param name="blocks">Blocks of a head's query rows.</param>
    /// <param name="threads">Threads that may work at once.</param>
    internal void Allocate(float* received, int heads, int positions, int blocks, int threads)
    {
        _received = received;
        _positions = positions;
        _threads = threads;
        _panels = (positions + BlockwiseAttention.Keys - 1) / BlockwiseAttention.Keys;
        Stripes = Math.Min(blocks, (Tasks + heads - 1) / heads);
        _stripes = Take(heads * Stripes * StripeNumbers);
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
        var total = _stripes + ((long)head * Stripes + stripe) * StripeNumbers;
        new Span<float>(total, (int)StripeNumbers).Clear();
        for (var look = 0; look < MostLooks; look++)
        {
            var t = look % _threads;
            if (Interlocked.CompareExchange(ref _taken[t], 1, 0) != 0) continue;
            var weights = _blocks + t * BlockNumbers;
            return new(total, weights, weights + _panels * BlockwiseAttention.QueryRows * (long)BlockwiseAttention.Keys, _taken + t);
        }
        throw new InvalidOperationException($"more than {_threads} threads add up attention at once: take memory for as many as work");
    }

    /// <summary>Adds a head's stripes.</summary>
    internal readonly void Finish(int head)
    {
        var first = _stripes + head * Stripes * StripeNumbers;
        for (var j = 0; j < _positions; j++)
        {
            double sum = 0;
            for (var s = 0; s < Stripes; s++) sum += first[s * StripeNumbers + j];
            _received[(long)head * _positions + j] = (float)sum;
        }
    }

    private static float* Take(long numbers) => (float*)NativeMemory.AlignedAlloc((nuint)numbers * sizeof(float), 64);

    /// <summary>One stripe while a thread works on it.</summary>
    /// <param name="total">Sums so far, <c>[position]</c>.</param>
    /// <param name="weights">The block's exponentials, <c>[panel, row, key]</c>.</param>
    /// <param name="largest">The largest logit each row had seen when a panel was done, <c>[panel, row]</c>.</param>
    /// <param name="taken">1 while a thread uses the block's room.</param>
    internal readonly struct Stripe(float* total, float* weights, float* largest, int* taken)
    {
        /// <summary>Where a panel's exponentials are to lie, <c>[row, key]</c>.</summary>
        internal float* Panel(int panel) => weights + panel * BlockwiseAttention.QueryRows * (long)BlockwiseAttention.Keys;

        /// <summary>Remembers what a panel's exponentials are relative to.</summary>
        internal void Note(int panel, float* seen) =>
            new ReadOnlySpan<float>(seen, BlockwiseAttention.QueryRows).CopyTo(new(largest + panel * BlockwiseAttention.QueryRows, BlockwiseAttention.QueryRows));

        /// <summary>Adds a block that has seen all its keys.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        internal void Add(int firstPanel, int panels, int rows, float* atEnd, float* sums)
        {
            var factors = stackalloc float[BlockwiseAttention.QueryRows];
            for (var panel = firstPanel; panel < panels; panel++)
            {
                var then = largest + panel * BlockwiseAttention.QueryRows;
                for (var r = 0; r < BlockwiseAttention.QueryRows; r += 16)
                    (FastExp.Exp(Vector512.Load(then + r) - Vector512.Load(atEnd + r)) / Vector512.Load(sums + r)).Store(factors + r);
                float* exponentials = Panel(panel), target = total + panel * BlockwiseAttention.Keys;
                Vector512<float> a = default, b = default, c = default, d = default;
                for (var r = 0; r < rows; r++, exponentials += BlockwiseAttention.Keys)
                {
                    var factor = Vector512.Create(factors[r]);
                    a = Vector512.FusedMultiplyAdd(factor, Vector512.Load(exponentials), a);
                    b = Vector512.FusedMultiplyAdd(factor, Vector512.Load(exponentials + 16), b);
                    c = Vector512.FusedMultiplyAdd(factor, Vector512.Load(exponentials + 32), c);
                    d = Vector512.FusedMultiplyAdd(factor, Vector512.Load(exponentials + 48), d);
                }
                (a + Vector512.Load(target)).Store(target);
                (b + Vector512.Load(target + 16)).Store(target + 16);
                (c + Vector512.Load(target + 32)).Store(target + 32);
                (d + Vector512.Load(target + 48)).Store(target + 48);
            }
        }

        /// <summary>Leaves the block's room to others.</summary>
        internal void End() => Volatile.Write(ref *taken, 0);
    }
}
