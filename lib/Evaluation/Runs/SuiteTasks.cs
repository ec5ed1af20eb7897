using System.Security.Cryptography;
using System.Text;
using HeadKvLab.Evaluation.Metrics;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Suites;
using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Calibration;
using HeadKvLab.Models;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>Lays the suites of a plan out for one model: which questions, under which protocols, answered by which variants.</summary>
public static class SuiteTasks
{
    /// <summary>Every suite under every protocol.</summary>
    /// <param name="plan">What to run.</param>
    /// <param name="model">The model.</param>
    /// <param name="ownSuites">Folder of the project's own suites.</param>
    /// <exception cref="LabException">A suite or protocol is unknown, its data are missing or broken, or head scores that a method needs are.</exception>
    public static IReadOnlyList<EvalSet> Open(SweepPlan plan, LanguageModel model, string? ownSuites)
    {
        var options = new SuiteOptions
        {
            DataDirectory = plan.Data, OwnDirectory = ownSuites, Seed = plan.Seed + 1, CountTokens = text => model.Tokenizer.Encode(text, addSpecial: false).Length,
            Lengths = plan.Lengths, PerTask = plan.PerTask, Tokenizer = model.Tokenizer,
        };
        var problems = new Problems();
        var protocols = problems.Each(plan.Protocols, Protocol.Find);
        var suites = problems.Each(plan.Suites, name => SuiteCatalogue.Open(name, options));
        if (plan.Data is { } data && suites.All(s => s.Name == "ruler" || s.Sets.All(set => set.Dataset.Group == "world")))
            problems.Add($"data {data}: nothing of it is used, the suites {string.Join(", ", plan.Suites)} are whole without; leave it out");
        if (plan.Dictionary is { } unused && suites.All(s => s.Sets.All(set => !set.Dataset.Metric.EndsWith("_zh", StringComparison.Ordinal))))
            problems.Add($"dictionary {unused}: nothing of it is used, none of the data sets is Chinese; leave it out");
        if (plan.FirstToken is { } first && protocols.All(p => p.Point == CompressionPoint.QueryAgnostic))
            problems.Add($"first token {first}: nothing of it is used, under {string.Join(", ", plan.Protocols)} the question is read after compression; leave it out");
        var tables = plan.Scores.Count > 0 ? problems.Each(plan.Scores, path => CalibrationFolder.Open(path, model.Config, () => model.Hash)) : [CalibrationFolder.Load(plan.Model, model.Config, () => model.Hash)];
        foreach (var method in protocols.SelectMany(plan.Variants).Where(v => !v.IsFull).Select(v => v.Method).Distinct())
            foreach (var source in tables) problems.Check(() => Catalogue.Find(method).TablesOf(source));
        foreach (var format in protocols.SelectMany(plan.Variants).Select(v => v.Format).OfType<string>().Distinct())
            foreach (var source in tables) problems.Check(() => source.Format(FormatCatalogue.Parse(format)));
        foreach (var layers in protocols.SelectMany(plan.Variants).Select(v => v.Layers).OfType<string>().Distinct())
            foreach (var source in tables) problems.Check(() => PromptChecks.Check(model.Config, source.Layers(layers)!));
        Segmenter? dictionary = null;
        problems.Check(() => dictionary = plan.Dictionary is { } path ? Segmenter.Load(path) : null);
        problems.Throw();
        return [.. from suite in suites from protocol in protocols select Set(suite, protocol, plan, model, tables, dictionary) with { Type = plan.TypeOf(protocol), Tables = tables }];
    }

    private static EvalSet Set(SampleSuite suite, Protocol protocol, SweepPlan plan, LanguageModel model, List<CalibrationTables> tables, Segmenter? dictionary)
    {
        return Lay(suite, protocol with { FirstToken = plan.FirstTokenOf(protocol) }, model, [.. plan.Variants(protocol).SelectMany(variant => variant.With(tables))], plan.Limit, dictionary);
    }

    /// <summary>A suite under a protocol.</summary>
    /// <param name="suite">The questions.</param>
    /// <param name="protocol">How they become prompts.</param>
    /// <param name="model">The model.</param>
    /// <param name="variants">What answers them.</param>
    /// <param name="limit">Most questions of each data set, or most conversations; 0: all. The data's hash is of all of them.</param>
    /// <param name="dictionary">Chinese words; null for none.</param>
    public static EvalSet Lay(SampleSuite suite, Protocol protocol, LanguageModel model, IReadOnlyList<Variant> variants, int limit = 0, Segmenter? dictionary = null)
    {
        var contexts = new Dictionary<string, string>();
        var sessions = Sessions(suite, protocol);
        var chosen = limit > 0 && sessions.Count > 0 ? sessions.Keys.Take(limit).ToHashSet() : null;   // whole conversations
        var tasks = from set in suite.Sets
                    let hash = set.Hash()
                    let metric = TextMetric.Named(set.Dataset.Metric, dictionary)
                    from sample in chosen is not null ? set.Samples.Where(s => chosen.Contains(s.Session!)) : limit > 0 ? set.Samples.Take(limit) : set.Samples
                    select new EvalTask(suite.Name, set.Dataset.Name, hash, Context(sample), sample.Id, () => Prepare(model, protocol, set, sample, metric, sample.Session is { } session ? sessions[session] : null))
                    { Session = sample.Session, Turn = sample.Session is null ? null : sample.Turn };
        return new EvalSet(suite.Name, protocol.Name, [.. sessions.Count > 0 ? tasks.OrderBy(task => task.Session, StringComparer.Ordinal).ThenBy(task => task.Turn) : tasks], variants) { Turns = protocol.Turns };

        string Context(Sample sample)
        {
            if (!contexts.TryGetValue(sample.Context, out var name))
                contexts[sample.Context] = name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(sample.Context)))[..12];
            return name;
        }
    }

    /// <summary>The conversations of a suite by their names, in the order of the file.</summary>
    /// <exception cref="LabException">The protocol asks conversations, and there are none.</exception>
    private static OrderedDictionary<string, (SampleSet Set, Sample Sample)[]> Sessions(SampleSuite suite, Protocol protocol)
    {
        if (protocol.MostSessionTokens is not null && !suite.HasSessions)
            throw new LabException($"suite {suite.Name}: protocol {protocol.Name} asks several questions of one conversation, and these stand alone; use {Protocol.Standard.Name} or {Protocol.Agnostic.Name}, or a suite of sessions (scworld-2048-turns)");
        return new(suite.Sessions().Select(g => KeyValuePair.Create(g.Key, g.ToArray())));
    }

    private static PreparedPrompt Prepare(LanguageModel model, Protocol protocol, SampleSet set, Sample sample, TextMetric metric, (SampleSet Set, Sample Sample)[]? session)
    {
        var later = protocol.Turns is not null && sample.Turn > 1;
        var prompt = later ? null : protocol.Prompt(model, set, sample, session);
        var reference = new Reference(sample.Answers, sample.Classes, sample.Input);
        var ids = prompt?.Ids ?? protocol.Next(model, set, sample);
        return new PreparedPrompt(ids, protocol.Point == CompressionPoint.QueryAgnostic ? prompt!.ContextLength : ids.Length)
        {
            Parts = () => protocol.Parts(model, set, sample),
            Evidence = sample.Evidence,
            Reply = protocol.Turns == TurnAnswers.Golden ? model.Tokenizer.Encode(set.ReplyTo(sample), addSpecial: false) : [],
            MaxNewTokens = set.Dataset.MaxNewTokens,
            StopIds = protocol.StopIds(model, set),
            NoEmptyAnswer = protocol.NoEmptyAnswers || set.Dataset.EndsAtNewline,          // min_length of HeadKV's runs; the official script's for samsum only
            Truncated = prompt?.Truncated ?? false,
            FirstToken = protocol.FirstToken,
            Answers = sample.Answers,
            AnswerIds = metric.Name == "exact_match" ? model.Tokenizer.Encode(" " + sample.Answers[0], addSpecial: false) : [],
            AllClasses = sample.Classes.Count > 0 ? sample.Classes : null,
            Length = sample.Length,
            Metric = metric.Name,
            Corrected = metric.Corrected is { } corrected ? prediction => corrected.Score(prediction, reference) : null,
            Score = prediction => metric.Score(set.Dataset.FirstLine ? PredictionFile.FirstLine(prediction) : prediction, reference),
        };
    }
}
