using System.Globalization;
using HeadKvLab.Cache;
using HeadKvLab.Compression.Allocators;
using HeadKvLab.Compression.Bidders;
using HeadKvLab.Compression.Rerankers;
using HeadKvLab.Compression.Schedules;
using HeadKvLab.Compression.Scorers;
using HeadKvLab.Compression.Settlements;
using Take = HeadKvLab.Compression.CatalogueSettings;

namespace HeadKvLab.Compression;

/// <summary>All methods, in the order of tables: the one place that knows which exist.</summary>
public static class Catalogue
{
    /// <summary>Schedule of a policy that decides once, after the prompt.</summary>
    public const string Never = "never";

    /// <summary>Schedule of a policy that drops entries while generating as its authors do.</summary>
    public const string Published = "published";

    private const string ReadsTwice = "its scores come from reading the whole prompt again";

    private const string HeadKvPaper = "Not All Heads Matter, arXiv 2410.19258";

    /// <summary>The methods.</summary>
    public static IReadOnlyList<CatalogueEntry> Methods { get; } =
    [
        new("FullKV", "everything: the reference", [], "-")
            { KvPress = "no_press", Build = (_, _) => new("FullKV", new SinksAndRecent(), new FullCache()), DecidesOnce = "it keeps everything" },
        new("StreamingLLM", "the first tokens and the latest ones", [Take.Sinks], "arXiv 2309.17453")
            { KvPress = "streaming_llm", Build = (s, _) => new("StreamingLLM", new SinksAndRecent(s.Whole("sinks")), new Uniform()), Published = EveryToken },
        new("H2O", "tokens that all queries of the prompt attended to most", [Take.Reduction()], "arXiv 2306.14048")
            { Build = (s, _) => new("H2O", new H2O(Reduction(s, "reduction")), new Uniform()), Published = EveryToken },
        new("TOVA", "tokens the last query attends to, the same for all heads", [], "arXiv 2401.06104")
            { KvPress = "tova", Build = (_, _) => new("TOVA", new Tova(), new Uniform()), Published = EveryToken },
        new("Knorm", "keys of smallest length", [], "arXiv 2406.11430")
            { KvPress = "knorm", Build = (_, _) => new("Knorm", new Knorm(), new Uniform()) },
        new("KeyDiff", "keys least like the others", [], "arXiv 2504.15364")
            { KvPress = "keydiff", Build = (_, _) => new("KeyDiff", new KeyDiff(), new Uniform()) },
        new("LagKV", "tokens whose keys and values stand out from those after them, the same share of each part", Take.Lag, "arXiv 2504.04704")
            { KvPress = "lagkv", Build = (s, _) => new("LagKV", new LagKv(s.Whole("lag"), s.Whole("sinks")), new Uniform()) },
        new("CUR", "keys and values that are long among their neighbours", Take.Cur, "arXiv 2509.15038")
            { KvPress = "cur", Build = (s, _) => new("CUR", new Cur(s.Whole("neighbours"), s.Whole("sinks")), new Uniform()) },
        new("ObservedAttention", "H2O by averages over the queries that see a token", [Take.Reduction()], "kvpress; after arXiv 2306.14048")
            { KvPress = "observed_attention", Build = (s, _) => new("ObservedAttention", new ObservedAttention(Reduction(s, "reduction")), new Uniform()) },
        new("DropKV", "tokens without which the window's outputs would move most", Take.Drop, "kvpress, issue 284")
            { Build = (s, _) => new("DropKV", new DropKv(Pooled(s)), new Uniform()) },
        new("ExpectedAttention", "tokens that queries to come will attend to, if they are like those of the prompt", Take.Expected, "arXiv 2510.00636")
            { KvPress = "expected_attention_uniform", Build = (s, _) => new("ExpectedAttention", new ExpectedAttention(s.Number("epsilon")), new Uniform()) },
        new("Ada-ExpectedAttention", "ExpectedAttention's choice, heads of a layer compete", Take.AdaExpected, "kvpress; arXiv 2510.00636, 2407.11550")
            { KvPress = "expected_attention", Build = (s, _) => new("Ada-ExpectedAttention", new ExpectedAttention(s.Number("epsilon")), new Ada(s.Number("floor"), s["normalise"] == "true")) },
        new("Compactor", "keys that stand out, and what attention in both directions gives to them", Take.Compactor, "arXiv 2507.08143")
            { KvPress = "compactor", Build = (s, _) => new("Compactor", new Compactor(s.Number("blend")), new Uniform()) },
        new("CapKV", "values that add most to those that queries to come will read", [], "arXiv 2604.25975")
            { Build = (_, _) => new("CapKV", new CapKv(), new Uniform()) },
        new("Q-Filters", "keys that point where queries point in any text", [], "arXiv 2503.02812", TableKinds.Filters)
            { KvPress = "qfilter", Build = (_, t) => new("Q-Filters", new QFilters(t.Get(TableKinds.Filters)), new Uniform()) },
        new("TriAttention", "keys that mean queries of any text attend to from positions to come", Take.Tri, "arXiv 2604.04921", TableKinds.Moments)
            { Build = (s, t) => new("TriAttention", new TriAttention(t.Get(TableKinds.Moments), s.Whole("farthest")), new Uniform()), Published = _ => new Every(128) },
        new("SnapKV", "tokens the window attends to, per head", Take.Window, "arXiv 2404.14469")
            { KvPress = "snapkv", Build = (s, _) => new("SnapKV", Window(s), new Uniform()) },
        new("Finch", "tokens the window attends to, each query weighted by the keys it sees; they stay at their positions", [], "after TACL 2024, 10.1162/tacl_a_00716")
            { Build = (_, _) => new("Finch", new Finch(), new Uniform()), Fidelity = Fidelity.Ours },
        new("ValueWeighted", "tokens the window attends to, weighted by the length of their values", Take.Window, "lesson 07; after arXiv 2406.12335")
            { Build = (s, _) => new("ValueWeighted", new ValueWeighted(Window(s)), new Uniform()), Fidelity = Fidelity.Ours },
        new("ChunkKV", "stretches of text that the window attends to, the same for all heads", Take.Chunk, "arXiv 2502.00299")
            { KvPress = "chunkkv", Build = (s, _) => new("ChunkKV", new Chunked(Window(s), s.Whole("chunk"), s["alike"] == "true"), new Uniform()) },
        new("PyramidKV", "SnapKV's choice, lower layers keep more", Take.Pyramid, "arXiv 2406.02069")
            { KvPress = "pyramidkv", Build = (s, _) => new("PyramidKV", Window(s), new Pyramid(s.Whole("pyramid-beta"))) },
        new("Ada-SnapKV", "SnapKV's choice, heads of a layer compete", Take.Ada, "arXiv 2407.11550")
            { KvPress = "adakv_snapkv", Build = (s, _) => new("Ada-SnapKV", Window(s), new Ada(s.Number("floor"), s["normalise"] == "true")) },
        new("Critical-SnapKV", "half of it SnapKV's choice, half what can also change attention's output most", Take.Critical, "arXiv 2502.03805")
            { KvPress = "critical_snapkv", Build = (s, _) => new("Critical-SnapKV", Window(s), new Uniform()) { Reranker = new Critical(s.Number("safe")) } },
        new("Critical-Ada-SnapKV", "Critical-SnapKV's choice, heads of a layer compete", Take.CriticalAda, "arXiv 2502.03805, 2407.11550")
            { KvPress = "critical_adakv_snapkv", Build = (s, _) => new("Critical-Ada-SnapKV", Window(s), new Ada(s.Number("floor"), s["normalise"] == "true")) { Reranker = new Critical(s.Number("safe")) } },
        new("RazorAttention", "whole prompt in retrieval heads; sinks, window and a compensation token elsewhere", Take.Razor, "arXiv 2407.15891", TableKinds.Retrieval)
            { Build = (s, t) => new("RazorAttention", new SinksAndRecent(s.Whole("sinks")), Protected(s, t.Get(TableKinds.Retrieval)), new CompensationToken()), DecidesOnce = "its compensation token stands for what was dropped of the prompt" },
        new("PrefixKV", "what all queries attend to, the same for all heads; every layer holds the same share of its attention", [], "arXiv 2412.03409")
            { Build = (_, _) => new("PrefixKV", new Attended(), new EqualShare(new PrefixSearch())), Published = _ => new FixedSlot() },
        new("PrefixKV-head", "H2O's choice; every head of the model holds the same share of its attention", [Take.Reduction()], "after arXiv 2412.03409")
            { Build = (s, _) => new("PrefixKV-head", new H2O(Reduction(s, "reduction")), new EqualShare()), Fidelity = Fidelity.Ours },
        new("PrefixKV-offline", "what all queries attend to, the same for all heads; layers keep by shares measured beforehand", [Take.FirstToken], "arXiv 2412.03409", TableKinds.Prefix)
            { Build = (s, t) => new("PrefixKV-offline", new KeepFirst(new Attended(), s.Whole("sinks")), new Prefix(t.Get(TableKinds.Prefix))), Published = _ => new FixedSlot() },
        new("KV-Compress", "squares of what the window attends to; blocks of all heads of the model compete", Take.Blocks, "arXiv 2410.00161")
            { Build = (s, _) => new("KV-Compress", new SquaredWindow(Pooled(s)), new Blocks(s.Whole("block"))), Published = s => new Continual(new(Pooled(s))) },
        new("KV-Compress-full", "squares of what all queries but the nearest attend to; blocks of all heads of the model compete", Take.AllBlocks, "arXiv 2410.00161")
            { Build = (s, _) => new("KV-Compress-full", new SquaredAll(s.Whole("buffer")), new Blocks(s.Whole("block"))), Published = EveryToken },
        new("KVzip", "what reading the prompt again attends to; all heads of the model compete", Take.Replay, "arXiv 2505.23416")
            { KvPress = "kvzip", Build = (s, _) => new("KVzip", Replayed(s), Rivalry(s)), DecidesOnce = ReadsTwice },
        new("KVzip+", "KVzip's choice, attention weighted by what it adds to the residual stream", Take.Replay, "kvpress; arXiv 2601.07891")
            { KvPress = "kvzip_plus", Build = (s, _) => new("KVzip+", new KvZipPlus(Replayed(s)), Rivalry(s)), DecidesOnce = ReadsTwice },
        new("FastGen", "special tokens, punctuation, frequent tokens, local ones: each head down to the rung that holds enough of its attention", Take.Ladder, "arXiv 2310.01801")
            { Build = (s, _) => new("FastGen", Rungs(s), new LadderSteps(Rungs(s), s.Number("threshold"))), Published = s => new LadderUpkeep(Rungs(s), s.Number("threshold")) },
        new("SimLayerKV", "everything in layers whose last query looks around; the first tokens and the latest ones in the others", Take.Lazy, "arXiv 2410.13846")
            { Build = (s, _) => new("SimLayerKV", new SinksAndRecent(s.Whole("sinks")), new LazyLayers(s.Whole("sinks"), s.Whole("recent"), s.Number("lazy"))) },
        new("EMS", "what all queries or the window attend to; the next entries are merged into the kept ones that are alike", Take.Ems, "after arXiv 2412.08521")
            { Build = (s, _) => new("EMS", new GlobalLocal(Pooled(s), Reduction(s, "reduction")), new Uniform(), new ZeroClass(s.Number("zero-class"), s.Number("coverage"))), Fidelity = Fidelity.Reconstructed },
        new("BaKlaVa", "SnapKV's choice; heads that change little give entries to those that change much", Take.Tiers, "after arXiv 2502.13176", TableKinds.Change)
            { Build = (s, t) => new("BaKlaVa", Window(s), new Tiered(t.Get(TableKinds.Change), s.Number("low"), s.Number("high"), s.Number("moved"), s.Number("layer-exponent"), Reduction(s, "head-reduction"))), Fidelity = Fidelity.Reconstructed },
        new("DuoAttention", "whole prompt in heads of high gate; sinks and recent tokens elsewhere", Take.Duo, "arXiv 2410.10819", TableKinds.DuoGates)
            { KvPress = "duo_attention", Build = (s, t) => new("DuoAttention", new SinksAndRecent(s.Whole("sinks")), new Duo(t.Get(TableKinds.DuoGates), s.Number("sparsity"), s.Whole("sinks"), s.Whole("recent"))), DecidesOnce = "its retrieval heads keep whatever comes" },
        HeadKv("HeadKV-R", "SnapKV's choice, heads keep by retrieval score", TableKinds.Retrieval),
        HeadKv("HeadKV-ER", "SnapKV's choice, heads keep by attention on the whole retrieved answer", TableKinds.EnhancedRetrieval),
        HeadKv("HeadKV-R2", "SnapKV's choice, heads keep by attention on the answer of a reasoning question", TableKinds.RetrievalReasoning),
        new("Utility-SnapKV", "SnapKV's choice; budgets go where more entries hold most of the attention of right answers", Take.Window, "ours: after arXiv 2602.08585", TableKinds.Utility)
            { Build = (s, t) => new("Utility-SnapKV", Window(s), new MarginalUtility(t.Get(TableKinds.Utility))), Fidelity = Fidelity.Ours },
        new("LU-KV", "ExpectedAttention's choice; heads lose the shares that were measured for the budget", Take.LuKv, "arXiv 2602.08585", TableKinds.LuKv)
            { Build = (s, t) => new("LU-KV", new KeepFirst(new ExpectedAttention(s.Number("epsilon")), s.Whole("sinks")), new MarginalUtility(t.Get(TableKinds.LuKv))), Fidelity = Fidelity.Reconstructed },
        HeadKv("HeadKV-KVzip", "SnapKV's choice, heads keep by the most that any of their entries receives when prompts are read again", TableKinds.Reconstruction)
            with { Paper = "ours: HeadKV's shares, KVzip's head scores", Fidelity = Fidelity.Ours },
        new("HeadKV-R2-chunks", "stretches of text that the window attends to, heads keep by attention on the answer of a reasoning question", Take.HeadKvChunks, "ours: HeadKV-R2's shares, ChunkKV's stretches", TableKinds.RetrievalReasoning)
            { Build = (s, t) => new("HeadKV-R2-chunks", new Chunked(Window(s), s.Whole("chunk"), s["alike"] == "true"), Shares(s, t.Get(TableKinds.RetrievalReasoning))), Fidelity = Fidelity.Ours },
        new("Critical-HeadKV-R2", "Critical-SnapKV's choice, heads keep by attention on the answer of a reasoning question", Take.CriticalHeadKv, "ours: HeadKV-R2's shares, CriticalKV's choice", TableKinds.RetrievalReasoning)
            { Build = (s, t) => new("Critical-HeadKV-R2", Window(s), Shares(s, t.Get(TableKinds.RetrievalReasoning))) { Reranker = new Critical(s.Number("safe")) }, Fidelity = Fidelity.Ours },
        new("random", "positions drawn at random: the floor", [Take.Seed], "-")
            { KvPress = "random", Build = (s, _) => new("random", new RandomScorer(s.Whole("seed")), new Uniform()), Fidelity = Fidelity.Ours },
        new("HeadKV-R2-shuffled", "HeadKV-R2 with its budgets dealt to other heads at random: the control", [.. Take.HeadKv, Take.Seed], HeadKvPaper, TableKinds.RetrievalReasoning)
            { Build = (s, t) => new("HeadKV-R2-shuffled", Window(s), new ShuffledBudgets(Shares(s, t.Get(TableKinds.RetrievalReasoning)), s.Whole("seed"))), Fidelity = Fidelity.Ours },
    ];

    /// <summary>A schedule as policies write it, from a text in any case: <c>never</c>, <c>published</c>, <c>every 128</c>, <c>grown 64</c>.</summary>
    /// <exception cref="LabException">There is no such schedule.</exception>
    public static string Schedule(string? text) => (text ?? "").ToLowerInvariant().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) switch
    {
        [Never] => Never,
        [Published] => Published,
        [var kind, var count] when kind is "every" or "grown" && int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1 => $"{kind} {number}",
        _ => throw new LabException($"schedule '{text}' is unknown: use {Never}, {Published}, 'every N' (tokens) or 'grown N' (entries beyond a head's share), N from 1 to {int.MaxValue}"),
    };

    /// <summary>The method called <paramref name="name"/>, here or in kvpress, whatever the case of its letters.</summary>
    /// <exception cref="LabException">There is none.</exception>
    public static CatalogueEntry Find(string name) =>
        Methods.FirstOrDefault(m => string.Equals(m.Name, name, StringComparison.OrdinalIgnoreCase)) ?? Methods.FirstOrDefault(m => string.Equals(m.KvPress, name, StringComparison.OrdinalIgnoreCase))
        ?? throw new LabException(Methods.FirstOrDefault(m => name.StartsWith(m.Name + " ", StringComparison.OrdinalIgnoreCase)) is { } known ? $"method '{name}': here a method stands alone, without settings and schedule; write {known.Name}"
            : $"method '{name}' is unknown: use one of {string.Join(", ", Methods.Select(m => m.Name))}");

    /// <summary>The parts of a text such as <c>HeadKV-R2 beta=2 kernel=5 every 128 @bf16 +Quest budget=64 /share(5&gt;1) ~BM25</c>; schedule, format, recall, layer map and reducer are null where none is given.</summary>
    /// <exception cref="LabException">The method is unknown, does not take a setting or the schedule, the format or the recall is unknown, the layer map is wrong, or a value is out of range.</exception>
    public static PolicyText Parse(string text)
    {
        var words = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        var reducer = words.SkipWhile(word => !word.StartsWith('~')).ToArray();
        words = words[..^reducer.Length];
        var layers = words.SkipWhile(word => !word.StartsWith('/')).ToArray();
        words = words[..^layers.Length];
        var recall = words.SkipWhile(word => !word.StartsWith('+')).ToArray();
        var format = words[..^recall.Length].SkipWhile(word => !word.StartsWith('@')).ToArray();
        words = words[..^(recall.Length + format.Length)];
        var entry = Find(words.FirstOrDefault() ?? "");
        var settings = words.Skip(1).TakeWhile(word => word.Contains('=', StringComparison.Ordinal)).ToArray();
        var given = Setting.Given(settings);
        entry.Resolve(given);
        if (words.Skip(1 + settings.Length).FirstOrDefault() is { } next && next.ToLowerInvariant() is not (Never or Published or "every" or "grown"))
            throw new LabException($"method '{text}': '{next}' is no setting; write name=value, as in HeadKV-R2 beta=2, and a schedule behind them: never, published, every 128, grown 64; then a format: @int4 recent=8; a recall: +Quest budget=64; a layer map: /share(5>1); a reducer last: ~BM25 keep=0.25");
        try
        {
            return new(entry, given, words.Length == 1 + settings.Length ? null : entry.ScheduleOf(string.Join(' ', words[(1 + settings.Length)..]), given)?.Name ?? Never)
            {
                Format = format.Length == 0 ? null : FormatCatalogue.Parse(string.Join(' ', format)[1..]),
                Recall = recall.Length == 0 ? null : RecallCatalogue.Parse(string.Join(' ', recall)[1..]),
                Reducer = reducer.Length == 0 ? null : string.Join(' ', reducer)[1..].Trim(),
                Layers = layers.Length == 0 ? null : LayersOf(string.Join(' ', layers)[1..]),
            };
        }
        catch (LabException e) { throw new LabException($"method '{text}': {e.Message}", e); }
    }

    private static string LayersOf(string text) => text.Equals(LayerMap.Measured, StringComparison.OrdinalIgnoreCase) ? LayerMap.Measured : LayerMap.Parse(text).Name;

    private static CatalogueEntry HeadKv(string name, string keeps, TableKind<HeadImportance> needs) =>
        new(name, keeps, Take.HeadKv, HeadKvPaper, needs) { Build = (s, t) => new(name, Window(s), Shares(s, t.Get(needs))) };

    private static Every EveryToken(Settings settings) => new();

    private static SnapKv Window(Settings s) => new(Pooled(s), Reduction(s, "reduction"));

    private static Pooling Pooled(Settings s) => new(s.Whole("kernel"), Names<PoolingKind>.Parse(s["pooling"], "pooling"));

    private static Ladder Rungs(Settings s) => new(s.Number("local"), s.Number("frequent"));

    private static HeadKv Shares(Settings s, HeadImportance importance) => new(importance, s.Number("beta"), s.Number("temperature"), Reduction(s, "head-reduction"));

    private static Razor Protected(Settings s, HeadImportance importance) =>
        new(importance, s.Whole("sinks"), s["protected-share"] == "by-budget" ? null : s.Number("protected-share"), s.Whole("least-recent"), s.Whole("recent-divisor"));

    private static KvZip Replayed(Settings s) => new(s.Whole("replay"), s.Whole("sinks"));

    private static EachEntry Rivalry(Settings s) => new(Names<Rivals>.Parse(s["compete"], "compete"));

    private static GroupReduction Reduction(Settings s, string name) => Names<GroupReduction>.Parse(s[name], name);
}
