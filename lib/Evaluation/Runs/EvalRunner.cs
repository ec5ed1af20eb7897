using System.Diagnostics;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Kernels;
using HeadKvLab.Models;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>Where finished samples go.</summary>
public interface IRowStore
{
    /// <summary>Whether a sample is done.</summary>
    bool Has(string key);

    /// <summary>Adds a finished sample.</summary>
    /// <exception cref="LabException">It cannot be kept; what was there is whole.</exception>
    void Add(EvalRow row);
}

/// <summary>
/// Runs the samples of a plan that its store does not have yet. Questions on one context share its prefill, and one prefill of a question feeds all
/// variants; conversations go turn by turn (<see cref="SessionRun"/>); what a sample comes out as does not depend on which others were still missing, so that a killed and resumed run ends like an unbroken one.
/// </summary>
/// <param name="models">What answers.</param>
/// <param name="rows">Where rows go: a folder, or memory.</param>
/// <param name="seed">Seed of methods that draw; each context draws from it and its own name.</param>
public sealed class EvalRunner(EvalModels models, IRowStore rows, int seed)
{
    private readonly Stopwatch _clock = new();
    private int _here;

    /// <summary>Runs what is missing.</summary>
    /// <param name="sets">Suites under protocols.</param>
    /// <param name="progress">Told after each sample, and once at the start.</param>
    /// <param name="stop">Ends the run; the sample in flight is dropped.</param>
    /// <exception cref="OperationCanceledException">The run was stopped; all finished samples are on the disk.</exception>
    /// <exception cref="LabException">The disk refuses, or a prompt cannot be run.</exception>
    public void Run(IReadOnlyList<EvalSet> sets, Action<EvalProgress>? progress = null, CancellationToken stop = default)
    {
        var total = sets.Sum(s => s.Samples);
        var done = sets.Sum(set => set.Tasks.Sum(task => set.Variants.Count(v => rows.Has(Key(set, task, v)))));
        foreach (var set in sets) set.Policies(seed);   // a wrong setting is told before anything runs
        progress?.Invoke(new(done, total, null));
        _clock.Start();
        foreach (var set in sets.OrderBy(set => set.Type))   // each type is loaded once
        {
            var model = models.In(set);
            foreach (var group in set.Tasks.GroupBy(t => (t.Context, Session: set.Turns is null ? null : t.Session)))
            {
                var missing = group.SelectMany(task => set.Variants.Where(v => !rows.Has(Key(set, task, v))).Select(v => (task, v))).ToLookup(p => p.task, p => p.v);
                if (missing.Count == 0) continue;
                foreach (var (task, prompt, answer) in Answers(model, set, group.Key.Context, [.. group], missing, stop))
                {
                    rows.Add(Row(model, set, task, prompt, answer));
                    _here++;
                    progress?.Invoke(new(++done, total, _clock.Elapsed / _here * (total - done)));
                }
            }
        }
    }

    /// <summary>The missing answers of a context, or of one conversation on it.</summary>
    private IEnumerable<(EvalTask, PreparedPrompt, VariantAnswer)> Answers(LanguageModel model, EvalSet set, string name, IReadOnlyList<EvalTask> tasks, ILookup<EvalTask, Variant> missing, CancellationToken stop)
    {
        var (policies, prompts) = (set.Policies(SeedOf(name)), tasks.Select(task => (task, task.Prepare())).ToArray());
        if (set.Turns is { } kind)
        {
            foreach (var answer in new SessionRun(model, policies, kind, prompts).Answers(missing, stop)) yield return answer;
            yield break;
        }
        using var context = new ContextRun(model, policies, prompts, SeedOf(name));
        foreach (var (task, prompt) in context.Prompts)
            foreach (var answer in context.Answer(prompt, [.. missing[task]], stop)) yield return (task, prompt, answer);
    }

    /// <summary>Methods that draw draw anew for each context, so that intervals over contexts hold the chance of the draw as well.</summary>
    private int SeedOf(string context)
    {
        var hash = 2166136261u;
        foreach (var c in string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{seed} {context}")) hash = (hash ^ c) * 16777619;
        return (int)(hash >> 1);
    }

    private string Key(EvalSet set, EvalTask task, Variant variant) => EvalRow.KeyOf(set.Suite, task.Dataset, task.Question, set.Protocol, variant, seed);

    private EvalRow Row(LanguageModel model, EvalSet set, EvalTask task, PreparedPrompt prompt, VariantAnswer answer)
    {
        var text = model.Tokenizer.DecodeGenerated(answer.Ids);
        var program = ProgramBuild.Current;
        var reads = answer.Failed is null ? answer.Reads : null;
        return new EvalRow
        {
            Program = program.Version, Commit = program.Commit, Built = program.Built,
            Suite = set.Suite, Dataset = task.Dataset, Context = task.Context, Question = task.Question, Session = task.Session, Turn = task.Turn, Protocol = set.Protocol, Variant = answer.Variant,
            Seed = seed, Model = model.Hash, Data = task.DataHash, Type = model.Type.Name(), Device = model.Engine.OnCpu ? "cpu" : "cuda", FirstToken = Names<FirstToken>.Of(prompt.FirstToken),
            PromptTokens = prompt.Ids.Length, ReadTokens = answer.Reduced?.Tokens, ReduceSeconds = answer.Reduced is { } reduced ? Seconds(reduced.Seconds) : null, Truncated = prompt.Truncated, Heads = model.Config.Layers * model.Config.KvHeads,
            Entries = answer.Entries, Bytes = answer.Bytes, EntriesAtEnd = answer.Failed is null ? answer.EntriesAtEnd : null, TouchedBytes = reads?.TouchedBytes, IndexBytes = reads?.IndexBytes, HitRates = reads?.HitRates, FetchedBytes = reads?.FetchedBytes,
            NominalBytes = answer.NominalBytes, FarBytes = reads?.Tiers?.FarBytes, NearBytes = reads?.Tiers?.NearBytes, MovedBytes = reads?.Tiers?.MovedBytes, NearShare = reads?.Tiers?.NearShare, Prediction = text, Answers = prompt.Answers, AllClasses = prompt.AllClasses, Length = prompt.Length,
            Metric = prompt.Metric, Score = answer.Failed is null ? prompt.Score(text) : 0, Corrected = answer.Failed is null ? prompt.Corrected?.Invoke(text) : prompt.Corrected is null ? null : 0, Failed = answer.Failed, TokenAccuracy = prompt.TokenAccuracy(answer.Ids), NewTokens = answer.Ids.Length,
            PrefillSeconds = Seconds(answer.PrefillSeconds), DecodeSeconds = Seconds(answer.DecodeSeconds),
        };

        double? Seconds(double measured) => answer.Failed is null ? Math.Round(measured, 6) : null;
    }
}
