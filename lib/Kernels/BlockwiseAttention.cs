using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace HeadKvLab.Kernels;

/// <summary>
/// Causal attention of a prompt without its n x n matrix (Milakov and Gimelshein 2018; Dao et al. 2022): 48 query rows meet 64 keys at a
/// time, the maximum and sum of each row are carried along. Keys are transposed once into panels <c>[dim, 64]</c>; both products run through
/// one tile of 8 rows by 32 columns, which stays in registers. Query blocks are divided among threads, the longest first.
/// </summary>
public static unsafe class BlockwiseAttention
{
    internal const int QueryRows = 48, Keys = 64;
    private const int LargestDim = 256;

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

        /// <summary>Where the result goes, <c>[queryHead, token]</c>; nowhere: only what is wanted beside it is computed, and values are not read.</summary>
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

        /// <summary>Sums over the queries that are to be added up, <c>[sum]</c>.</summary>
        public ColumnSum* Wanted;

        /// <summary>Their number; 0: nothing is added up.</summary>
        public int WantedCount;

        internal float* Packed;

        internal ColumnSums Sums;

        internal readonly int Stripes => WantedCount == 0 ? Blocks : Sums.Stripes;

        internal readonly int Panels => (Positions + BlockwiseAttention.Keys - 1) / BlockwiseAttention.Keys;

        internal readonly int Blocks => (Tokens + QueryRows - 1) / QueryRows;

        internal readonly float* Panel(int kvHead, int panel) => Packed + ((long)kvHead * Panels + panel) * Dim * BlockwiseAttention.Keys;
    }

    /// <summary>Softmax(q·kᵀ·scale, causal)·v for every query head, and the wanted sums over the queries.</summary>
    /// <param name="prompt">Sizes and places.</param>
    /// <exception cref="ArgumentException">Sizes do not fit together, or <see cref="Supports"/> is false.</exception>
    public static void Run(Prompt prompt) => Run(prompt, WorkerTeam.Shared);

    internal static void Run(Prompt prompt, WorkerTeam team)
    {
        if (!Supports(prompt.Dim) || prompt.KvHeads < 1 || prompt.QueryHeads % prompt.KvHeads != 0 || prompt.Tokens < 1 || prompt.Tokens > prompt.Positions || prompt.Window < 1)
            throw new ArgumentException($"{prompt.QueryHeads} query and {prompt.KvHeads} KV heads of dimension {prompt.Dim}, {prompt.Tokens} tokens at {prompt.Positions} positions: not a prompt for this kernel", nameof(prompt));
        for (var s = 0; s < prompt.WantedCount; s++)
            if (!prompt.Wanted[s].Fits)
                throw new ArgumentException($"sum {s}: a power of {prompt.Wanted[s].Power} over queries {prompt.Wanted[s].From} to below {prompt.Wanted[s].Below} positions behind: give a target, power 1 or 2, or the largest, and a range that is not empty", nameof(prompt));
        prompt.Packed = (float*)NativeMemory.AlignedAlloc((nuint)prompt.KvHeads * (nuint)prompt.Panels * Keys * (nuint)prompt.Dim * sizeof(float), 64);
        try
        {
            if (prompt.WantedCount > 0) prompt.Sums.Allocate(prompt.Wanted, prompt.WantedCount, prompt.QueryHeads, prompt.Positions, prompt.Blocks, team.MostThreads);
            team.Run(&Pack, &prompt, prompt.KvHeads * prompt.Panels);
            team.Run(&Attend, &prompt, prompt.QueryHeads * prompt.Stripes);
            if (prompt.WantedCount > 0) team.Run(&AddUp, &prompt, prompt.QueryHeads);
        }
        finally
        {
            NativeMemory.AlignedFree(prompt.Packed);
            prompt.Sums.Free();
        }
    }

    /// <summary>One panel: 64 keys as <c>[dim, 64]</c>, scaled, zeros where there is no key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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

    /// <summary>One block of a query head; where sums are added up, all blocks of a stripe, longest and shortest rounds in turn.</summary>
    private static void Attend(void* context, int part)
    {
        var p = (Prompt*)context;
        var (head, stripe, stripes) = (part % p->QueryHeads, part / p->QueryHeads, p->Stripes);
        var scratch = stackalloc float[QueryRows * (2 * LargestDim + Keys + 2) + 16];
        scratch = (float*)(((nint)scratch + 63) & ~63);
        var sums = p->WantedCount == 0 ? default : p->Sums.Begin(head, stripe);
        for (int round = 0, turn = stripe; turn < p->Blocks; round++, turn = round * stripes + (round % 2 == 0 ? stripe : stripes - 1 - stripe))
            Attend(p, head, p->Blocks - 1 - turn, scratch, sums);
        if (p->WantedCount > 0) sums.End();
    }

    /// <summary>48 rows of one query head against all keys they see.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Attend(Prompt* p, int head, int block, float* scratch, ColumnSums.Stripe stripe)
    {
        var (dim, kvHead, adding, mixing) = (p->Dim, head / (p->QueryHeads / p->KvHeads), p->WantedCount > 0, p->Output.Start != null);
        var first = block * QueryRows;
        var rows = Math.Min(QueryRows, p->Tokens - first);
        var padded = (rows + RegisterTile.Rows - 1) / RegisterTile.Rows * RegisterTile.Rows;
        var before = p->Positions - p->Tokens + first;                                // position of row 0

        float* queries = scratch, mixed = queries + QueryRows * dim, logits = mixed + QueryRows * dim, most = logits + QueryRows * Keys, sums = most + QueryRows;
        new Span<float>(queries, 2 * QueryRows * dim).Clear();
        new Span<float>(sums, QueryRows).Clear();
        new Span<float>(most, QueryRows).Fill(Hidden);
        for (var r = 0; r < rows; r++) Buffer.MemoryCopy(p->Queries.Row(head, first + r), queries + r * dim, dim * sizeof(float), dim * sizeof(float));

        var firstPanel = p->Window >= before + 1 ? 0 : (before - p->Window + 1) / Keys;
        var panels = (before + rows - 1) / Keys + 1;
        for (var panel = firstPanel; panel < panels; panel++)
        {
            var from = panel * Keys;
            if (adding) logits = stripe.Panel(panel);
            for (var r = 0; r < padded; r += RegisterTile.Rows)
                for (var c = 0; c < Keys; c += 32)
                    RegisterTile.Multiply32(queries + r * dim, dim, p->Panel(kvHead, panel) + c, Keys, logits + r * Keys + c, Keys, dim, add: false);
            if (from + Keys - 1 > before || from <= before + rows - 1 - p->Window) Mask(logits, rows, before - from, p->Window);
            for (var r = 0; r < rows; r++) Soften(logits + r * Keys, mixed + r * dim, dim, ref most[r], ref sums[r]);
            if (adding) stripe.Note(panel, most);

            if (!mixing) continue;
            var values = p->Values.Row(kvHead, from);
            var (stride, seen) = ((int)p->Values.RowStride, Math.Min(Keys, p->Positions - from));
            for (var r = 0; r < padded; r += RegisterTile.Rows)
            {
                var c = 0;
                for (; c + 32 <= dim; c += 32) RegisterTile.Multiply32(logits + r * Keys, Keys, values + c, stride, mixed + r * dim + c, dim, seen, add: true);
                if (c < dim) RegisterTile.Add16(logits + r * Keys, Keys, values + c, stride, mixed + r * dim + c, dim, seen);
            }
        }
        if (adding) stripe.Add(firstPanel, panels, before, rows, first, most, sums);
        if (!mixing) return;
        for (var r = 0; r < rows; r++)
        {
            var output = p->Output.Row(head, first + r);
            var factor = Vector512.Create(1 / sums[r]);
            for (var c = 0; c < dim; c += 16) (Vector512.Load(mixed + r * dim + c) * factor).Store(output + c);
        }
    }

    private static void AddUp(void* context, int head) => ((Prompt*)context)->Sums.Finish(head);

    /// <summary>Row r, at column <paramref name="diagonal"/> + r of the panel, sees that column and the window before it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
}
