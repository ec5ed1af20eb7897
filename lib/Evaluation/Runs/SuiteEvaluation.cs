using HeadKvLab.Cache;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Reducers;
using HeadKvLab.Evaluation.Suites;
using HeadKvLab.Compression;
using HeadKvLab.Models;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>What to run.</summary>
/// <param name="Methods">Compressing methods, the catalogue's or one's own; their names differ. The full cache is always run beside them.</param>
/// <param name="Shares">Budgets as shares of the prompt's entries.</param>
public sealed record EvaluationPlan(IReadOnlyList<Method> Methods, IReadOnlyList<double> Shares)
{
    /// <summary>When entries are dropped again while answers are generated; null: never.</summary>
    public ISchedule? Schedule { get; init; }

    /// <summary>How entries are stored once a prompt is read, those of the full cache too where it stands among the methods; null: as the model computes them.</summary>
    public EntryFormat? Format { get; init; }

    /// <summary>Which stored entries each token of an answer reads, of the full cache too where it stands among the methods; null: all.</summary>
    public IRecall? Recall { get; init; }

    /// <summary>
    /// Layers that read other layers' entries, those of the full cache too where it stands among the methods; null: none. A method with tables is made of those of the layers
    /// that store: <c>tables.Among(map)</c>.
    /// </summary>
    public LayerMap? Layers { get; init; }

    /// <summary>
    /// Methods on prompts that a reducer shortens, beside those on whole prompts: each at every share, except the full cache of what a reducer with a share of its own leaves.
    /// </summary>
    public IReadOnlyList<(Method Method, IReducer Reducer)> Shortened { get; init; } = [];

    /// <summary>Observation window; always kept.</summary>
    public int Window { get; init; } = Budget.PaperWindow;

    /// <summary>How budgets are settled.</summary>
    public BudgetRule Rule { get; init; } = BudgetRule.EqualEntries;

    /// <summary>Makes the method of a context from the planned one and a seed, so that what is drawn is drawn anew for each context; null: the same for all.</summary>
    public Func<Method, int, Method>? Draw { get; init; }

    /// <summary>How a question becomes a prompt, which heads own entries, and where first tokens come from.</summary>
    public Protocol Protocol { get; init; } = Protocol.Standard;
}

/// <summary>
/// An evaluation in memory: for notebooks, and for methods that stand in no catalogue. It runs what <c>lab eval</c> runs, by the same
/// <see cref="EvalRunner"/>, and forgets it with the process.
/// </summary>
public static class SuiteEvaluation
{
    /// <summary>Runs a plan.</summary>
    /// <param name="model">The model.</param>
    /// <param name="suite">The questions.</param>
    /// <param name="plan">Methods and budgets.</param>
    /// <param name="progress">Told after each answer.</param>
    /// <param name="stop">Ends the run between two answers.</param>
    /// <returns>A row for each question and variant: question by question, the full cache first, then budgets and methods in the plan's order.</returns>
    /// <exception cref="LabException">Two methods have the same name, or a budget leaves no room for the window.</exception>
    /// <exception cref="OperationCanceledException">The run was stopped.</exception>
    public static IReadOnlyList<EvalRow> Run(LanguageModel model, SampleSuite suite, EvaluationPlan plan, Action<EvalProgress>? progress = null, CancellationToken stop = default)
    {
        Method[] named = [.. plan.Methods, .. plan.Shortened.Select(one => one.Method).Distinct().Except(plan.Methods)];
        if (named.GroupBy(m => m.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new LabException($"{twice.Count()} methods are named '{twice.Key}', so that their rows could not be told apart; rename them: method with {{ Name = \"...\" }}");
        if (plan.Protocol.Point == CompressionPoint.QueryAgnostic && plan.Shortened.FirstOrDefault(one => one.Reducer.AsksQuestion).Reducer is { } asking)
            throw new LabException($"reducer {asking.Name}: it chooses by the question, which protocol {plan.Protocol.Name} reads later");
        var methods = named.ToDictionary(m => m.Name);
        Variant[] variants =
        [
            Variant.Full, .. plan.Methods.Any(m => m.Name == Variant.Full.Method) && Variant.FullWith(plan.Format?.Name, plan.Recall?.Name, plan.Layers?.Name) is { IsFull: false } stored ? (Variant[])[stored] : [],
            .. from share in plan.Shares from method in plan.Methods where method.Name != Variant.Full.Method select Of(plan, method, share),
            .. plan.Shortened.SelectMany(one => Shortened(plan, one.Method, one.Reducer)),
        ];
        var set = SuiteTasks.Lay(suite, plan.Protocol, model, variants) with { Create = (variant, seed) => new CachePolicy(plan.Draw is { } draw ? draw(methods[variant.Method], seed) : methods[variant.Method], variant.Method == Variant.Full.Method ? null : plan.Schedule, plan.Recall, plan.Format, plan.Layers).Checked() };
        var rows = new RowList();
        new EvalRunner(model, rows, seed: 0).Run([set], progress, stop);
        return [.. rows.Rows.GroupBy(r => (r.Dataset, r.Question)).SelectMany(g => g.OrderBy(r => Array.IndexOf(variants, r.Variant)))];
    }

    private static Variant Of(EvaluationPlan plan, Method method, double share) => new()
    {
        Method = method.Name, Share = share, Rule = Names<BudgetRule>.Of(plan.Rule), Granularity = Names<Granularity>.Of(plan.Protocol.Granularity), Window = plan.Window,
        Schedule = method.Name == Variant.Full.Method ? Catalogue.Never : plan.Schedule?.Name ?? Catalogue.Never, Format = plan.Format?.Name, Recall = plan.Recall?.Name, Layers = plan.Layers?.Name,
        Settings = method.Settings, Tables = method.Tables,
    };

    private static IEnumerable<Variant> Shortened(EvaluationPlan plan, Method method, IReducer reducer) =>
        (method.KeepsAll && reducer.Keep is { } keep ? [keep] : plan.Shares).Select(share => Of(plan, method, share) with { Reducer = reducer.Name });

    private sealed class RowList : IRowStore
    {
        private readonly HashSet<string> _keys = [];

        internal List<EvalRow> Rows { get; } = [];

        public bool Has(string key) => _keys.Contains(key);

        public void Add(EvalRow row)
        {
            _keys.Add(row.Key);
            Rows.Add(row);
        }
    }
}
