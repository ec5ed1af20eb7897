using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace HeadKvLab.Kernels;

/// <summary>float32 rows of some heads in memory: row r of head h starts at <c>Start + h * HeadStride + r * RowStride</c>.</summary>
/// <param name="start">First number of head 0.</param>
/// <param name="headStride">Numbers from a head to the next.</param>
/// <param name="rowStride">Numbers from a row to the next.</param>
public readonly unsafe struct HeadMemory(float* start, long headStride, long rowStride)
{
    /// <summary>First number of head 0.</summary>
    public float* Start { get; } = start;

    /// <summary>Numbers from a head to the next.</summary>
    public long HeadStride { get; } = headStride;

    /// <summary>Numbers from a row to the next.</summary>
    public long RowStride { get; } = rowStride;

    internal float* Row(int head, int row) => Start + head * HeadStride + row * RowStride;
}

/// <summary>
/// Causal attention of a prompt without its n x n matrix (Milakov and Gimelshein 2018; Dao et al. 2022): 48 query rows meet 64 keys at a
/// time, the maximum and sum of each row are carried along. Keys are transposed once into panels <c>[dim, 64]</c>; both products run through
/// one tile of 8 rows by 32 columns, which stays in registers. Query blocks are divided among threads, the longest first.
/// </summary>
public static unsafe class BlockwiseAttention
{
    private const int QueryRows = 48, Keys = 64, TileRows = 8, LargestDim = 256;

    /// <summary>Hides a key; finite, so that a row without a visible key in a panel stays a number until the next panel wipes it out.</summary>
    private const float Hidden = -1e30f;

    /// <summary>Whether this machine and head dimension suit the kernel; elsewhere the tensor library is faster.</summary>
    public static bool Supports(int dim) => Vector512.IsHardwareAccelerated && dim % 16 == 0 && dim <= LargestDim;

    /// <summary>Sizes and places of one call.</summary>
    public struct Prompt
    {
        /// <summary>Queries <c>[queryHead, token]</c>: the last tokens of the keys' positions.</summary>
        public HeadMemory Queries;

        /// <summary>Keys <c>[kvHead, position]</c>.</summary>
        public HeadMemory Keys;

        /// <summary>Values <c>[kvHead, position]</c>.</summary>
        public HeadMemory Values;

        /// <summary>Where the result goes, <c>[queryHead, token]</c>.</summary>
        public HeadMemory Output;

        /// <summary>Query heads; a multiple of the KV heads.</summary>
        public int QueryHeads;

        /// <summary>KV heads.</summary>
        public int KvHeads;

        /// <summary>Query tokens.</summary>
        public int Tokens;

        /// <summary>Key positions, at least as many.</summary>
        public int Positions;

        /// <summary>Numbers in a head.</summary>
        public int Dim;

        /// <summary>Factor of the logits.</summary>
        public float Scale;

        /// <summary>Positions a query sees, itself included; <see cref="int.MaxValue"/> for all.</summary>
        public int Window;

        internal float* Packed;

        internal readonly int Panels => (Positions + BlockwiseAttention.Keys - 1) / BlockwiseAttention.Keys;

        internal readonly int Blocks => (Tokens + QueryRows - 1) / QueryRows;

        internal readonly float* Panel(int kvHead, int panel) => Packed + ((long)kvHead * Panels + panel) * Dim * BlockwiseAttention.Keys;
    }

    /// <summary>Softmax(q·kᵀ·scale, causal)·v for every query head.</summary>
    /// <param name="prompt">Sizes and places.</param>
    /// <exception cref="ArgumentException">Sizes do not fit together, or <see cref="Supports"/> is false.</exception>
    public static void Run(Prompt prompt)
    {
        if (!Supports(prompt.Dim) || prompt.KvHeads < 1 || prompt.QueryHeads % prompt.KvHeads != 0 || prompt.Tokens < 1 || prompt.Tokens > prompt.Positions || prompt.Window < 1)
            throw new ArgumentException($"{prompt.QueryHeads} query and {prompt.KvHeads} KV heads of dimension {prompt.Dim}, {prompt.Tokens} tokens at {prompt.Positions} positions: not a prompt for this kernel", nameof(prompt));
        prompt.Packed = (float*)NativeMemory.AlignedAlloc((nuint)prompt.KvHeads * (nuint)prompt.Panels * Keys * (nuint)prompt.Dim * sizeof(float), 64);
        try
        {
            WorkerTeam.Shared.Run(&Pack, &prompt, prompt.KvHeads * prompt.Panels);
            WorkerTeam.Shared.Run(&Attend, &prompt, prompt.QueryHeads * prompt.Blocks);
        }
        finally
        {
            NativeMemory.AlignedFree(prompt.Packed);
        }
    }

    /// <summary>One panel: 64 keys as <c>[dim, 64]</c>, scaled, zeros where there is no key.</summary>
    private static void Pack(void* context, int part)
    {
        var p = (Prompt*)context;
        var (head, panel) = (part / p->Panels, part % p->Panels);
        var target = p->Panel(head, panel);
        for (var j = 0; j < Keys; j++)
        {
            var position = panel * Keys + j;
            var key = position < p->Positions ? p->Keys.Row(head, position) : null;
            for (var c = 0; c < p->Dim; c++) target[c * Keys + j] = key == null ? 0 : key[c] * p->Scale;
        }
    }

    /// <summary>48 rows of one query head against all keys they see.</summary>
    private static void Attend(void* context, int part)
    {
        var p = (Prompt*)context;
        var (head, block) = (part % p->QueryHeads, p->Blocks - 1 - part / p->QueryHeads);
        var (dim, kvHead) = (p->Dim, head / (p->QueryHeads / p->KvHeads));
        var first = block * QueryRows;
        var rows = Math.Min(QueryRows, p->Tokens - first);
        var padded = (rows + TileRows - 1) / TileRows * TileRows;
        var before = p->Positions - p->Tokens + first;                                // position of row 0

        var scratch = stackalloc float[QueryRows * (2 * LargestDim + Keys + 2) + 16];
        scratch = (float*)(((nint)scratch + 63) & ~63);
        float* queries = scratch, mixed = queries + QueryRows * dim, logits = mixed + QueryRows * dim, most = logits + QueryRows * Keys, sums = most + QueryRows;
        new Span<float>(queries, 2 * QueryRows * dim).Clear();
        new Span<float>(sums, QueryRows).Clear();
        new Span<float>(most, QueryRows).Fill(Hidden);
        for (var r = 0; r < rows; r++) Buffer.MemoryCopy(p->Queries.Row(head, first + r), queries + r * dim, dim * sizeof(float), dim * sizeof(float));

        var panels = (before + rows - 1) / Keys + 1;
        for (var panel = p->Window >= before + 1 ? 0 : (before - p->Window + 1) / Keys; panel < panels; panel++)
        {
            var from = panel * Keys;
            for (var r = 0; r < padded; r += TileRows)
                for (var c = 0; c < Keys; c += 32)
                    Tile2(queries + r * dim, dim, p->Panel(kvHead, panel) + c, Keys, logits + r * Keys + c, Keys, dim, add: false);
            if (from + Keys - 1 > before || from <= before + rows - 1 - p->Window) Mask(logits, rows, before - from, p->Window);
            for (var r = 0; r < rows; r++) Soften(logits + r * Keys, mixed + r * dim, dim, ref most[r], ref sums[r]);

            var values = p->Values.Row(kvHead, from);
            var (stride, seen) = ((int)p->Values.RowStride, Math.Min(Keys, p->Positions - from));
            for (var r = 0; r < padded; r += TileRows)
            {
                var c = 0;
                for (; c + 32 <= dim; c += 32) Tile2(logits + r * Keys, Keys, values + c, stride, mixed + r * dim + c, dim, seen, add: true);
                if (c < dim) Tile1(logits + r * Keys, Keys, values + c, stride, mixed + r * dim + c, dim, seen);
            }
        }
        for (var r = 0; r < rows; r++)
        {
            var output = p->Output.Row(head, first + r);
            var factor = Vector512.Create(1 / sums[r]);
            for (var c = 0; c < dim; c += 16) (Vector512.Load(mixed + r * dim + c) * factor).Store(output + c);
        }
    }

    /// <summary>Row r, at column <paramref name="diagonal"/> + r of the panel, sees that column and the window before it.</summary>
    private static void Mask(float* logits, int rows, int diagonal, int window)
    {
        for (var r = 0; r < rows; r++)
        {
            var last = diagonal + r;
            var row = new Span<float>(logits + r * Keys, Keys);
            if (last + 1 < Keys) row[Math.Max(0, last + 1)..].Fill(Hidden);
            if (last >= window) row[..Math.Min(Keys, last - window + 1)].Fill(Hidden);
        }
    }

    /// <summary>Turns a row's logits into weights relative to the largest seen so far, and what was summed before to the same measure.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Soften(float* logits, float* mixed, int dim, ref float most, ref float sum)
    {
        Vector512<float> a = Vector512.Load(logits), b = Vector512.Load(logits + 16), c = Vector512.Load(logits + 32), d = Vector512.Load(logits + 48);
        var four = Vector512.Max(Vector512.Max(a, b), Vector512.Max(c, d));
        var eight = Vector256.Max(four.GetLower(), four.GetUpper());
        var half = Vector128.Max(eight.GetLower(), eight.GetUpper());
        half = Vector128.Max(half, Vector128.Shuffle(half, Vector128.Create(2, 3, 0, 1)));
        var largest = MathF.Max(half[0], half[1]);
        if (largest > most)
        {
            var shrink = most == Hidden ? 0 : MathF.Exp(most - largest);
            var factor = Vector512.Create(shrink);
            for (var i = 0; i < dim; i += 16) (Vector512.Load(mixed + i) * factor).Store(mixed + i);
            sum *= shrink;
            most = largest;
        }
        var offset = Vector512.Create(most);
        (a, b, c, d) = (FastExp.Exp(a - offset), FastExp.Exp(b - offset), FastExp.Exp(c - offset), FastExp.Exp(d - offset));
        a.Store(logits);
        b.Store(logits + 16);
        c.Store(logits + 32);
        d.Store(logits + 48);
        sum += Vector512.Sum(a + b + (c + d));
    }

    /// <summary><c>C[8, 32] (+)= A[8, k] B[k, 32]</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile2(float* a, int strideA, float* b, int strideB, float* c, int strideC, int k, bool add)
    {
        Vector512<float> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default, d0 = default, d1 = default;
        Vector512<float> e0 = default, e1 = default, f0 = default, f1 = default, g0 = default, g1 = default, h0 = default, h1 = default;
        float* low = a, high = a + 4 * strideA;
        for (var i = 0; i < k; i++, low++, high++, b += strideB)
        {
            Vector512<float> x = Vector512.Load(b), y = Vector512.Load(b + 16);
            var s = Vector512.Create(low[0]);
            a0 = Vector512.FusedMultiplyAdd(s, x, a0);
            a1 = Vector512.FusedMultiplyAdd(s, y, a1);
            s = Vector512.Create(low[strideA]);
            b0 = Vector512.FusedMultiplyAdd(s, x, b0);
            b1 = Vector512.FusedMultiplyAdd(s, y, b1);
            s = Vector512.Create(low[2 * strideA]);
            c0 = Vector512.FusedMultiplyAdd(s, x, c0);
            c1 = Vector512.FusedMultiplyAdd(s, y, c1);
            s = Vector512.Create(low[3 * strideA]);
            d0 = Vector512.FusedMultiplyAdd(s, x, d0);
            d1 = Vector512.FusedMultiplyAdd(s, y, d1);
            s = Vector512.Create(high[0]);
            e0 = Vector512.FusedMultiplyAdd(s, x, e0);
            e1 = Vector512.FusedMultiplyAdd(s, y, e1);
            s = Vector512.Create(high[strideA]);
            f0 = Vector512.FusedMultiplyAdd(s, x, f0);
            f1 = Vector512.FusedMultiplyAdd(s, y, f1);
            s = Vector512.Create(high[2 * strideA]);
            g0 = Vector512.FusedMultiplyAdd(s, x, g0);
            g1 = Vector512.FusedMultiplyAdd(s, y, g1);
            s = Vector512.Create(high[3 * strideA]);
            h0 = Vector512.FusedMultiplyAdd(s, x, h0);
            h1 = Vector512.FusedMultiplyAdd(s, y, h1);
        }
        Put(c, a0, a1, add);
        Put(c + strideC, b0, b1, add);
        Put(c + 2 * strideC, c0, c1, add);
        Put(c + 3 * strideC, d0, d1, add);
        Put(c + 4 * strideC, e0, e1, add);
        Put(c + 5 * strideC, f0, f1, add);
        Put(c + 6 * strideC, g0, g1, add);
        Put(c + 7 * strideC, h0, h1, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(float* c, Vector512<float> x, Vector512<float> y, bool add)
    {
        (add ? x + Vector512.Load(c) : x).Store(c);
        (add ? y + Vector512.Load(c + 16) : y).Store(c + 16);
    }

    /// <summary><c>C[8, 16] += A[8, k] B[k, 16]</c>: what a head dimension that is no multiple of 32 leaves over.</summary>
    private static void Tile1(float* a, int strideA, float* b, int strideB, float* c, int strideC, int k)
    {
        for (var r = 0; r < TileRows; r++)
        {
            var sum = Vector512.Load(c + r * strideC);
            for (var i = 0; i < k; i++) sum = Vector512.FusedMultiplyAdd(Vector512.Create(a[r * strideA + i]), Vector512.Load(b + (long)i * strideB), sum);
            sum.Store(c + r * strideC);
        }
    }
}
