namespace HeadKvLab.Evaluation.Metrics;

/// <summary>What a prediction is scored against.</summary>
/// <param name="Answers">References; the best one counts.</param>
/// <param name="Classes">All classes of a classification; else empty.</param>
/// <param name="Question">The question, where the metric looks at it; else empty.</param>
public sealed record Reference(IReadOnlyList<string> Answers, IReadOnlyList<string> Classes, string Question = "");

/// <summary>A metric by name: a score from 0 to 1 of one prediction.</summary>
/// <param name="Name">Its name in results; variants that depend on an optional package or dictionary have names of their own.</param>
/// <param name="Score">Scores a prediction.</param>
public sealed record TextMetric(string Name, Func<string, Reference, double> Score)
{
    /// <summary>Whether a reference is one of the classes, so that a score is possible.</summary>
    public bool CanScore(Reference reference) => Name switch
    {
        "classification" => reference.Answers.All(reference.Classes.Contains),
        "babilong" => reference.Answers.All(answer => ListMetrics.Targets(answer).All(target => reference.Classes.Any(label => PythonText.Lower(label) == target))),
        _ => true,
    };

    /// <summary>Names of all metrics.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "qa_f1", "qa_f1_zh_characters", "qa_f1_zh_dictionary", "qa_f1_zh_jieba", "rouge_l_any_length", "rouge_l_any_length_zh_characters", "rouge_l_any_length_zh_dictionary", "rouge_l_any_length_zh_jieba",
        "rouge_l_python_stack", "rouge_l_python_stack_zh_characters", "rouge_l_python_stack_zh_dictionary", "rouge_l_python_stack_zh_jieba", "rouge_1", "classification", "count", "retrieval", "retrieval_zh",
        "code_sim_insert_delete", "code_sim_difflib", "exact_match", "all_substrings", "babilong", "cloze", "cloze_exact", "cloze_partial", "bleu_1", "bleu_4", "rouge_1_recall", "rouge_2_recall", "rouge_l_recall",
        "rouge_lsum", "scbench_contained", "scbench_passkey", "scbench_repoqa", "scbench_vt_official", "scbench_vt_corrected", "scbench_qa_official", "scbench_qa_corrected", "scbench_choice_official", "scbench_choice_corrected",
        "scbench_number_official", "scbench_number_corrected", "scbench_many_shot_official", "scbench_many_shot_corrected",
    ];

    private const string Official = "_official";

    /// <summary>The metric with the official script's defects corrected; null where it has none.</summary>
    public TextMetric? Corrected => Name.EndsWith(Official, StringComparison.Ordinal) ? Named(Name[..^Official.Length] + "_corrected") : null;

    /// <summary>Finds a metric. <c>qa_f1_zh</c> and <c>rouge_l_zh</c> are jieba's variant where its package is given, the dictionary's where that alone is, else the characters'; <c>code_sim</c> is <c>code_sim_insert_delete</c>, and <c>rouge_l</c>, also in front of <c>_zh</c>, is <c>rouge_l_any_length</c>.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="dictionary">Chinese words; null for none.</param>
    /// <exception cref="LabException">There is none of that name, or it needs a dictionary.</exception>
    public static TextMetric Named(string name, Segmenter? dictionary = null)
    {
        var variant = name switch
        {
            "qa_f1_zh" or "rouge_l_zh" or "rouge_l_any_length_zh" or "rouge_l_python_stack_zh" => name + (dictionary is null ? "_characters" : dictionary.KnowsNewWords ? "_jieba" : "_dictionary"),
            "code_sim" => "code_sim_insert_delete",
            _ => name,
        };
        if (variant == "rouge_l" || variant.StartsWith("rouge_l_zh_", StringComparison.Ordinal)) variant = "rouge_l_any_length" + variant["rouge_l".Length..];
        if (variant.EndsWith("_dictionary", StringComparison.Ordinal) && dictionary is null or { KnowsNewWords: true } || variant.EndsWith("_jieba", StringComparison.Ordinal) && dictionary is not { KnowsNewWords: true })
            throw new LabException($"metric '{variant}' needs a dictionary of Chinese words: give {(variant.EndsWith("_jieba", StringComparison.Ordinal) ? "the folder of the installed package jieba" : "jieba's dict.txt")} with --dictionary, or use '{variant[..variant.LastIndexOf('_')]}_characters'");
        return variant switch
        {
            "qa_f1" => Best(variant, QaF1.English),
            "qa_f1_zh_characters" => Best(variant, (p, t) => QaF1.Chinese(p, t, Segmenter.Characters)),
            "qa_f1_zh_dictionary" or "qa_f1_zh_jieba" => Best(variant, (p, t) => QaF1.Chinese(p, t, dictionary!.Cut)),
            "rouge_l_any_length" or "rouge_l_python_stack" => RougeLOf(text => text),
            "rouge_l_any_length_zh_characters" or "rouge_l_python_stack_zh_characters" => RougeLOf(text => string.Join(' ', Segmenter.Characters(text))),
            "rouge_l_any_length_zh_dictionary" or "rouge_l_python_stack_zh_dictionary" or "rouge_l_any_length_zh_jieba" or "rouge_l_python_stack_zh_jieba" => RougeLOf(text => string.Join(' ', dictionary!.Cut(text))),
            "rouge_1" => Best(variant, Rouge1.Score),
            "classification" => new(variant, (p, r) => r.Answers.Select(t => ListMetrics.Classification(p, t, r.Classes)).DefaultIfEmpty().Max()),
            "count" => Best(variant, ListMetrics.Count),
            "retrieval" => Best(variant, ListMetrics.Retrieval),
            "retrieval_zh" => Best(variant, ListMetrics.RetrievalChinese),
            "code_sim_insert_delete" => Best(variant, EditSimilarity.InsertDelete),
            "code_sim_difflib" => Best(variant, EditSimilarity.Difflib),
            "exact_match" => Best(variant, (p, t) => p.Trim() == t ? 1 : 0),
            "all_substrings" => new(variant, (p, r) => ListMetrics.AllSubstrings(p, r.Answers)),
            "babilong" => new(variant, (p, r) => r.Answers.Select(t => ListMetrics.Labels(p, t, r.Question, r.Classes)).DefaultIfEmpty().Max()),
            "cloze" => Best(variant, ListMetrics.Cloze),
            "cloze_exact" => Best(variant, LooGleMetrics.ClozeExact),
            "cloze_partial" => Best(variant, LooGleMetrics.ClozePartial),
            "bleu_1" => Best(variant, (p, t) => LooGleMetrics.Bleu(p, t, 1)),
            "bleu_4" => Best(variant, (p, t) => LooGleMetrics.Bleu(p, t, 4)),
            "rouge_1_recall" => Best(variant, (p, t) => LooGleMetrics.RougeRecall(p, t, 1)),
            "rouge_2_recall" => Best(variant, (p, t) => LooGleMetrics.RougeRecall(p, t, 2)),
            "rouge_l_recall" => Best(variant, RougeL.Recall),
            "rouge_lsum" => Best(variant, RougeLsum.Score),
            "scbench_contained" => Best(variant, ScBenchMetrics.Contained),
            "scbench_passkey" => Best(variant, ScBenchMetrics.Passkey),
            "scbench_repoqa" => new(variant, (p, r) => FunctionMatch.Score(p, r.Answers[0], r.Classes)),
            "scbench_vt_official" or "scbench_vt_corrected" => new(variant, (p, r) => ScBenchMetrics.Variables(p, r.Answers, IsOfficial())),
            "scbench_qa_official" => new(variant, (p, r) => ScBenchMetrics.Answered(p, r.Answers)),
            "scbench_qa_corrected" => Best(variant, QaF1.English),
            "scbench_choice_official" or "scbench_choice_corrected" => new(variant, (p, r) => ScBenchMetrics.Choice(p, r.Answers, IsOfficial())),
            "scbench_number_official" or "scbench_number_corrected" => Best(variant, (p, t) => ScBenchMetrics.Number(p, t, IsOfficial())),
            "scbench_many_shot_official" or "scbench_many_shot_corrected" => Best(variant, (p, t) => ScBenchMetrics.ManyShot(p, t, IsOfficial())),
            _ => throw new LabException($"metric '{name}' is unknown: use one of {string.Join(", ", Names)}"),
        };

        bool IsOfficial() => variant.EndsWith(Official, StringComparison.Ordinal);

        // The package recurses once for each step: sentence pairs of some 1,000 words overflow Python's stack, for which the official script scores 0.
        TextMetric RougeLOf(Func<string, string> words) => Best(variant, (p, t) => RougeL.Score(words(p), words(t), variant.StartsWith("rouge_l_python_stack", StringComparison.Ordinal) ? RougeL.PythonSteps : int.MaxValue));
    }

    private static TextMetric Best(string name, Func<string, string, double> score) => new(name, (prediction, reference) => reference.Answers.Select(truth => score(prediction, truth)).DefaultIfEmpty().Max());
}
