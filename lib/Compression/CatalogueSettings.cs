namespace HeadKvLab.Compression;

/// <summary>The settings that catalogued methods take, with the defaults of the papers' runs. A name means the same for every method that takes it.</summary>
internal static class CatalogueSettings
{
    private static readonly Setting Kernel = Setting.Whole("kernel", 7, "an odd number of 1 or more, the positions pooled together", kernel => kernel >= 1 && kernel % 2 == 1);
    private static readonly Setting Pool = Setting.Word("pooling", "what a position takes from those pooled with it", [.. Names<PoolingKind>.All]);

    /// <summary>Scores of the observation window: SnapKV and the methods that choose as it does.</summary>
    internal static readonly Setting[] Window = [Kernel, Pool, Reduction()];

    /// <summary>HeadKV: the window's, the divisor of the pool, the exponent of the head scores, and how those of a group become a KV head's.</summary>
    internal static readonly Setting[] HeadKv =
    [
        .. Window,
        Setting.Number("beta", Allocators.HeadKv.PaperBeta, "a number above 1, the divisor of the pool", beta => beta > 1),
        Setting.Number("temperature", 1, "a number above 0, the exponent of the head scores", temperature => temperature > 0),
        Setting.Word("head-reduction", "how the head scores of a group become a KV head's", [.. Names<GroupReduction>.All]),
    ];

    /// <summary>First tokens kept.</summary>
    internal static readonly Setting Sinks = FirstTokens(4);

    /// <summary>The first token, which PrefixKV's runs keep.</summary>
    internal static readonly Setting FirstToken = FirstTokens(1);

    /// <summary>Neighbours that stay or go together.</summary>
    private static readonly Setting ChunkSize = Setting.Whole("chunk", 20, "1 or more, the neighbours that stay or go together", chunk => chunk >= 1);

    /// <summary>ChunkKV.</summary>
    internal static readonly Setting[] Chunk =
    [
        .. Window, ChunkSize, Alike("true", "false"),
    ];

    /// <summary>HeadKV with chunks: every head chooses its own.</summary>
    internal static readonly Setting[] HeadKvChunks = [.. HeadKv, ChunkSize, Alike("false", "true")];

    private static Setting Alike(params string[] values) => Setting.Word("alike", "whether all heads of a layer keep the same chunks", values);

    /// <summary>LagKV: kvpress' defaults.</summary>
    internal static readonly Setting[] Lag = [Sinks, Setting.Whole("lag", 128, "2 or more, the tokens of a part that is measured by the next one", lag => lag >= 2)];

    /// <summary>CUR.</summary>
    internal static readonly Setting[] Cur = [Sinks, Setting.Whole("neighbours", 16, "1 or more, the positions whose squares are compared", block => block >= 1)];

    /// <summary>DropKV: pools by average.</summary>
    internal static readonly Setting[] Drop = [Kernel, Setting.Word("pooling", "what a position takes from those pooled with it", [.. Names<PoolingKind>.All.OrderByDescending(word => word == Names<PoolingKind>.Of(PoolingKind.Average))])];

    /// <summary>Expected Attention.</summary>
    internal static readonly Setting[] Expected = [Epsilon(0)];

    /// <summary>Expected Attention under Ada-KV: kvpress' constants.</summary>
    internal static readonly Setting[] AdaExpected = [Epsilon(0.01), Floor, Normalise("false", "true")];

    /// <summary>LU-KV's constants in kvpress.</summary>
    internal const double LuKvEpsilon = 0.02;

    /// <summary>First tokens that it protects.</summary>
    internal const int LuKvSinks = 4;

    /// <summary>LU-KV.</summary>
    internal static readonly Setting[] LuKv = [Epsilon(LuKvEpsilon), FirstTokens(LuKvSinks)];

    private static Setting Epsilon(double standard) => Setting.Number("epsilon", standard, "0 or more, what is added to the expected attention", epsilon => epsilon >= 0);

    /// <summary>Compactor.</summary>
    internal static readonly Setting[] Compactor = [Setting.Number("blend", 1, "0 or more, the weight of the leverage beside the attention", blend => blend >= 0)];

    /// <summary>RazorAttention: the last two count where a share of heads is protected, not where the budget decides.</summary>
    internal static readonly Setting[] Razor =
    [
        Sinks,
        Setting.Number("protected-share", 0, "a share of heads from 0 to 1 that keep everything", share => share is >= 0 and <= 1).Or("by-budget"),
        Setting.Whole("least-recent", 4000, "0 or more, the fewest last tokens under a protected share", tokens => tokens >= 0),
        Setting.Whole("recent-divisor", 5, "1 or more, the part of the prompt that counts as last tokens under a protected share", divisor => divisor >= 1),
    ];

    /// <summary>DuoAttention: what its README evaluates grouped-query models with.</summary>
    internal static readonly Setting[] Duo =
    [
        Setting.Number("sparsity", 0.5, "a share from 0 to 1, the KV heads that keep only sinks and recent tokens", share => share is >= 0 and <= 1),
        FirstTokens(64),
        Setting.Whole("recent", 256, "0 or more, the last tokens that those heads keep", tokens => tokens >= 0),
    ];

    /// <summary>TriAttention.</summary>
    internal static readonly Setting[] Tri = [Setting.Whole("farthest", 65536, "1 or more, the largest offset ahead of the text; offsets double from 1", offset => offset >= 1)];

    /// <summary>SimLayerKV: what its paper takes for Llama 3.</summary>
    internal static readonly Setting[] Lazy =
    [
        Sinks,
        Setting.Whole("recent", 1024, "0 or more, the last tokens that a lazy layer keeps", tokens => tokens >= 0),
        Setting.Number("lazy", 0.9, "a share from 0 to 1 of the last query's attention on first and last tokens, above which a layer keeps only those where the budget rule is as-published", share => share is >= 0 and <= 1),
    ];

    /// <summary>KV-Compress with its observation window.</summary>
    internal static readonly Setting[] Blocks =
    [
        Kernel, Pool,
        Setting.Whole("block", 16, "1 or more, the entries that are stored and freed together", entries => entries >= 1),
    ];

    /// <summary>KV-Compress over the whole prompt.</summary>
    internal static readonly Setting[] AllBlocks = [Setting.Whole("buffer", 10, "0 or more, the queries right after a position that do not vote on it, its own among them", queries => queries >= 0), Blocks[^1]];

    /// <summary>FastGen.</summary>
    internal static readonly Setting[] Ladder =
    [
        Setting.Number("threshold", 0.95, "a share from 0 to 1 of its attention that a head keeps where the budget rule is as-published", share => share is >= 0 and <= 1),
        Setting.Number("frequent", 0.3, "a share from 0 to 1 of the prompt, its frequent tokens", share => share is >= 0 and <= 1),
        Setting.Number("local", 0.3, "a share from 0 to 1 of the prompt, its local tokens", share => share is >= 0 and <= 1),
    ];

    /// <summary>KVzip: what kvpress has.</summary>
    internal static readonly Setting[] Replay =
    [
        Setting.Whole("replay", 2048, "1 or more, the tokens of the prompt that are read again together", tokens => tokens >= 1),
        Sinks,
        Setting.Word("compete", "whose entries compete: those of the model, of a layer, or of a head alone", [.. Names<Bidders.Rivals>.All]),
    ];

    /// <summary>EMS: constants of the reconstruction.</summary>
    internal static readonly Setting[] Ems =
    [
        .. Window,
        Setting.Number("zero-class", 0.6, "a similarity from -1 to 1 above which a dropped entry is merged; 1 merges nothing", tau => tau is >= -1 and <= 1),
        Setting.Number("coverage", 0.95, "a share from 0 to 1 of a head's score, beyond which entries are dropped without merging", share => share is >= 0 and <= 1),
    ];

    /// <summary>BaKlaVa: the middle of what `lab heads tiers` chooses from.</summary>
    internal static readonly Setting[] Tiers =
    [
        .. Window,
        Setting.Number("low", 0.25, "a share from 0 to 1, the caches that give entries; with high at most 1", share => share is >= 0 and <= 1),
        Setting.Number("high", 0.125, "a share from 0 to 1, the caches that take them", share => share is >= 0 and <= 1),
        Setting.Number("moved", 0.5, "a share from 0 to 1 of its entries that a giving cache loses; 0 is uniform", share => share is >= 0 and <= 1),
        Setting.Number("layer-exponent", 0.5, "0 or more, how much a layer's own change counts; 0 leaves it out", exponent => exponent >= 0),
        Setting.Word("head-reduction", "how the head scores of a group become a KV head's", [.. Names<GroupReduction>.All.OrderByDescending(word => word == Names<GroupReduction>.Of(GroupReduction.Max))]),
    ];

    /// <summary>PyramidKV.</summary>
    internal static readonly Setting[] Pyramid = [.. Window, Setting.Whole("pyramid-beta", 20, "1 or more, the divisor of the smallest layer budget", beta => beta >= 1)];

    /// <summary>Ada-SnapKV.</summary>
    internal static readonly Setting[] Ada = [.. Window, Floor, Normalise("true", "false")];

    private static Setting Floor => Setting.Number("floor", 0.2, "a share from 0 to 1, the uniform part of every head's budget", floor => floor is >= 0 and <= 1);

    private static Setting Normalise(params string[] values) => Setting.Word("normalise", "whether heads are scaled by the concentration of their scores", values);

    /// <summary>CriticalKV's own.</summary>
    private static readonly Setting Safe = Setting.Number("safe", 0.5, "a share from 0 to 1 of what a head keeps that is chosen by score alone", safe => safe is >= 0 and <= 1);

    /// <summary>CriticalKV over SnapKV, over Ada-SnapKV and over HeadKV.</summary>
    internal static readonly Setting[] Critical = [.. Window, Safe], CriticalAda = [.. Ada, Safe], CriticalHeadKv = [.. HeadKv, Safe];

    /// <summary>How query heads that share a KV head vote.</summary>
    internal static Setting Reduction() => Setting.Word("reduction", "how query heads that share a KV head vote", [.. Names<GroupReduction>.All]);

    private static Setting FirstTokens(int standard) => Setting.Whole("sinks", standard, "0 or more, the first tokens that are kept", sinks => sinks >= 0);

    /// <summary>Seed of methods that draw.</summary>
    internal static readonly Setting Seed = Setting.Whole("seed", 0, "a whole number; a run's is --seed", _ => true);
}
