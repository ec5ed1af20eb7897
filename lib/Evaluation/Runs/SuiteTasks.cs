using System.Security.Cryptography;
using System.Text;
using HeadKvLab.Evaluation.Metrics;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Suites;
using HeadKvLab.Models;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>Lays the suites of a plan out for one model: which questions, under which protocols, answered by which variants.</summary>
public static class SuiteTasks
{
    /// <summary>Every suite under every protocol.</summary>
    /// <param name="plan">What to run.</param>
    /// <param name="model">The model.</param>
    /// <param name="ownSuites">Folder of the project's own suites.</param>
    /// <exception cref="LabException">A suite or protocol is unknown, or its data are missing or broken.</exception>
    public static IReadOnlyList<EvalSet> Open(SweepPlan plan, LanguageModel model, string? ownSuites)
    {
        var options = new SuiteOptions
        {
            DataDirectory = plan.Data, OwnDirectory = ownSuites, Seed = plan.Seed + 1, CountTokens = text => model.Tokenizer.Encode(text, addSpecial: false).Length,
            Lengths = plan.Lengths, PerTask = plan.PerTask, Tokenizer = model.Tokenizer,
        };
        var protocols = plan.Protocols.Select(Protocol.Find).ToArray();
        var suites = plan.Suites.Select(name => SuiteCatalogue.Open(name, options)).ToArray();
        return [.. from suite in suites from protocol in protocols select Set(suite, protocol, plan, model)];
    }

    private static EvalSet Set(SampleSuite suite, Protocol protocol, SweepPlan plan, LanguageModel model)
    {
        var hashes = suite.Sets.ToDictionary(set => set.Dataset.Name, set => set.Hash());
        var limited = plan.Limit > 0 ? suite.Take(plan.Limit) : suite;
        var contexts = new Dictionary<string, string>();
        var first = plan.FirstToken switch { "full-first" => FirstToken.FullFirst, "recompute-last" => FirstToken.RecomputeLast, _ => protocol.FirstToken };
        var tasks = from set in limited.Sets
                    let metric = TextMetric.Named(set.Dataset.Metric)
                    from sample in set.Samples
                    select new EvalTask(suite.Name, set.Dataset.Name, hashes[set.Dataset.Name], Context(sample), sample.Id, () => Prepare(model, protocol, set, sample, metric, first));
        return new EvalSet(suite.Name, protocol.Name, [.. tasks], plan.Variants(protocol));

        string Context(Sample sample)
        {
            if (!contexts.TryGetValue(sample.Context, out var name))
                contexts[sample.Context] = name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(sample.Context)))[..12];
            return name;
        }
    }

    private static PreparedPrompt Prepare(LanguageModel model, Protocol protocol, SampleSet set, Sample sample, TextMetric metric, FirstToken first)
    {
        var prompt = protocol.Prompt(model, set, sample);
        var reference = new Reference(sample.Answers, sample.Classes, sample.Input);
        return new PreparedPrompt(prompt.Ids, protocol.Point == CompressionPoint.AfterContext ? prompt.ContextLength : prompt.Ids.Length)
        {
            MaxNewTokens = set.Dataset.MaxNewTokens,
            StopIds = protocol.StopIds(model, set),
            NoEmptyAnswer = protocol.NoEmptyAnswers || set.Dataset.EndsAtNewline,          // min_length of HeadKV's runs; the official script's for samsum only
            Truncated = prompt.Truncated,
            FirstToken = first,
            Answers = sample.Answers,
            AllClasses = sample.Classes.Count > 0 ? sample.Classes : null,
            Length = sample.Length,
            Metric = metric.Name,
            Score = prediction => metric.Score(set.Dataset.FirstLine ? PredictionFile.FirstLine(prediction) : prediction, reference),
        };
    }
}
