using HeadKvLab.Evaluation.Metrics;

namespace HeadKvLab.Evaluation.Suites;

/// <summary>One dataset: how it is asked and scored.</summary>
/// <param name="Name">Its name in files and tables.</param>
/// <param name="Group">Kind of the task.</param>
/// <param name="MaxNewTokens">Tokens generated at most.</param>
/// <param name="Metric">Name of the metric, see <see cref="TextMetric.Named"/>.</param>
public sealed record DatasetInfo(string Name, string Group, int MaxNewTokens, string Metric)
{
    /// <summary>Only the first line of the prediction is scored, leading newlines left out.</summary>
    public bool FirstLine { get; init; }

    /// <summary>The chat template may wrap its prompts.</summary>
    public bool Chat { get; init; } = true;

    /// <summary>The chat template wraps its prompts under every protocol, as its authors' runs do.</summary>
    public bool AlwaysChat { get; init; }

    /// <summary>A newline ends an answer too, as in the official script; protocols that know one stop id alone leave it out.</summary>
    public bool EndsAtNewline { get; init; }

    /// <summary>One of the sixteen sets that the papers average.</summary>
    public bool InSixteen { get; init; }

    /// <summary>Part of LongBench-E.</summary>
    public bool InE { get; init; }
}

/// <summary>LongBench (Bai et al., arXiv 2308.14508): its 21 datasets in the order of its paper.</summary>
public static class LongBench
{
    /// <summary>The datasets.</summary>
    public static IReadOnlyList<DatasetInfo> Datasets { get; } =
    [
        new("narrativeqa", "single-document QA", 128, "qa_f1") { InSixteen = true },
        new("qasper", "single-document QA", 128, "qa_f1") { InSixteen = true, InE = true },
        new("multifieldqa_en", "single-document QA", 64, "qa_f1") { InSixteen = true, InE = true },
        new("multifieldqa_zh", "single-document QA", 64, "qa_f1_zh"),
        new("hotpotqa", "multi-document QA", 32, "qa_f1") { InSixteen = true, InE = true },
        new("2wikimqa", "multi-document QA", 32, "qa_f1") { InSixteen = true, InE = true },
        new("musique", "multi-document QA", 32, "qa_f1") { InSixteen = true },
        new("dureader", "multi-document QA", 128, "rouge_l_zh"),
        new("gov_report", "summarisation", 512, "rouge_l") { InSixteen = true, InE = true },
        new("qmsum", "summarisation", 512, "rouge_l") { InSixteen = true },
        new("multi_news", "summarisation", 512, "rouge_l") { InSixteen = true, InE = true },
        new("vcsum", "summarisation", 512, "rouge_l_zh"),
        new("trec", "few-shot", 64, "classification") { InSixteen = true, InE = true, FirstLine = true, Chat = false },
        new("triviaqa", "few-shot", 32, "qa_f1") { InSixteen = true, InE = true, FirstLine = true, Chat = false },
        new("samsum", "few-shot", 128, "rouge_l") { InSixteen = true, InE = true, FirstLine = true, Chat = false, EndsAtNewline = true },
        new("lsht", "few-shot", 64, "classification") { FirstLine = true, Chat = false },
        new("passage_count", "synthetic", 32, "count") { InSixteen = true, InE = true },
        new("passage_retrieval_en", "synthetic", 32, "retrieval") { InSixteen = true, InE = true },
        new("passage_retrieval_zh", "synthetic", 32, "retrieval_zh"),
        new("lcc", "code", 64, "code_sim") { InSixteen = true, InE = true, Chat = false },
        new("repobench-p", "code", 64, "code_sim") { InSixteen = true, InE = true, Chat = false },
    ];

    /// <summary>Upper ends of LongBench-E's first two length buckets, in words.</summary>
    public static IReadOnlyList<(string Name, int Below)> Buckets { get; } = [("0-4k", 4000), ("4-8k", 8000), ("8k+", int.MaxValue)];

    /// <summary>The bucket of a sample.</summary>
    /// <param name="length">Its length as the dataset states it.</param>
    public static string BucketOf(int length) => Buckets.First(b => length < b.Below).Name;
}
