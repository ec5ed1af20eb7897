using HeadKvLab.Evaluation.Metrics;

namespace HeadKvLab.Tests.Evaluation;

/// <summary>SCBench's scores by hand, as coded and corrected.</summary>
public sealed class ScBenchMetricTests
{
    private static double Score(string metric, string prediction, params string[] labels) => TextMetric.Named(metric).Score(prediction, new(labels, []));

    [Theory]
    [InlineData("it is A1b", "a1B", 0), InlineData("xa1Bx", "a1B", 1), InlineData("", "a1B", 0)]
    public void Strings_are_contained_letter_by_letter(string prediction, string label, double score) => Assert.Equal(score, Score("scbench_contained", prediction, label));

    [Theory]
    [InlineData("The pass key is 71432. Remember 5", "71432", 1), InlineData("no key", "71432", 0), InlineData("-12", "12", 1), InlineData("٣ then 4", "4", 1)]
    public void A_passkey_is_the_first_run_of_digits(string prediction, string label, double score) => Assert.Equal(score, Score("scbench_passkey", prediction, label));

    /// <summary>Defect 5: two of three are 0.67 as coded; a third is 0.33.</summary>
    [Theory]
    [InlineData("X1, X3", 0.67, 2 / 3.0), InlineData("x2", 0.33, 1 / 3.0), InlineData("X1 X2 X3", 1, 1), InlineData("X4", 0, 0)]
    public void Variables_are_rounded_as_coded(string prediction, double official, double corrected) =>
        Assert.Equal((official, corrected), (Score("scbench_vt_official", prediction, "X1", "X2", "X3"), Score("scbench_vt_corrected", prediction, "X1", "X2", "X3")));

    /// <summary>Defect 2: containment, not F1. "the red house" against "red house": its article counts nothing, F1 is 1; "it is a red house" has 4 words besides the article, F1 = 2 (2/4)(1) / (1.5).</summary>
    [Theory]
    [InlineData("The RED house", 1, 1), InlineData("It is a red house", 1, 2 / 3.0), InlineData("house", 0, 2 / 3.0), InlineData("", 0, 0)]
    public void Questions_on_books_are_contained_as_coded(string prediction, double official, double corrected) =>
        Assert.Equal((official, Math.Round(corrected, 6)), (Score("scbench_qa_official", prediction, "red house", "no"), Math.Round(Score("scbench_qa_corrected", prediction, "red house", "no"), 6)));

    /// <summary>Defect 3: the label is walked letter by letter, in capitals.</summary>
    [Theory]
    [InlineData("B", "nobody", 1, 0), InlineData("B", "Ada", 0, 0), InlineData("B", "It is B.", 1, 1), InlineData("(B)", "(A)", 1, 0), InlineData("(B)", "so: (B)", 1, 1), InlineData("(B)", "none", 0, 0)]
    public void Many_shot_labels(string label, string prediction, double official, double corrected) =>
        Assert.Equal((official, corrected), (Score("scbench_many_shot_official", prediction, label), Score("scbench_many_shot_corrected", prediction, label)));

    /// <summary>Defect 3, too: "Alice" counts as A, and so does the article; "BCD" is a word within "ABCD".</summary>
    [Theory]
    [InlineData("C", 1, 1), InlineData("Paris", 1, 1), InlineData("Alice says Paris", 0, 0), InlineData("C. Paris", 1, 1), InlineData("A town called Paris, so the answer is C", 0, 1)]
    [InlineData("Dear me, the answer is: Paris", 0, 1), InlineData("(C)", 0, 1), InlineData("the answer is B", 0, 0), InlineData("I take C", 1, 1), InlineData("", 0, 0), InlineData("no idea", 0, 0), InlineData("Paris.", 0, 1)]
    [InlineData("the answer is", 0, 0)]
    public void Choices(string prediction, double official, double corrected) =>
        Assert.Equal((official, corrected), (Score("scbench_choice_official", prediction, "Paris", "C"), Score("scbench_choice_corrected", prediction, "Paris", "C")));

    /// <summary>Defect 4: the sign is lost, and 3.9 scores for 3.</summary>
    [Theory]
    [InlineData("-3", "-3", 0, 1), InlineData("3", "3", 1, 1), InlineData("3.9", "3", 1, 0), InlineData("it is 3.50 now", "3.5", 1, 1), InlineData("-3", "3", 1, 0), InlineData("none", "3", 0, 0), InlineData("−3", "-3", 0, 1), InlineData("7 then 3", "3", 0, 0)]
    public void Numbers_lose_their_sign_as_coded(string prediction, string label, double official, double corrected) =>
        Assert.Equal((official, corrected), (Score("scbench_number_official", prediction, label), Score("scbench_number_corrected", prediction, label)));

    /// <summary>
    /// Reference lines "a b c d e" and "x", prediction "c a" and "b e". With "c a" the table leaves a tie, and the reference's word is dropped first: c is reached and taken alone; with "b e"
    /// b and e. The union is b, c, e: 3 hits of 6 and 4 words, F1 = 2 (3/4)(3/6) / (3/4 + 3/6) = 0.6. Words count as often as both have them: "y y" against "y" hits once.
    /// </summary>
    [Theory]
    [InlineData("c a\nb e", "a b c d e\nx", 0.6), InlineData("y", "y y", 2 / 3.0), InlineData("Hello, WORLD!", "hello world", 1), InlineData("", "a", 0), InlineData("é", "é", 0), InlineData("b\na", "a b", 1)]
    public void Summaries(string prediction, string truth, double score) => Assert.Equal(score, Score("rouge_lsum", prediction, truth), 1e-12);

    /// <summary>"a b x d" against "a b c d": 3/4 words, 1/3 pairs; no triple of 2 and no four of 1, which count ln 4 / (2 · 5) and ln 4 / (4 · 5).</summary>
    [Fact]
    public void Similarity_of_functions()
    {
        var (triples, fours) = (Math.Log(4) / 10 / 2, Math.Log(4) / 20 / 1);
        Assert.Equal(Math.Pow(0.75 * (1 / 3.0) * triples * fours, 0.25), FunctionMatch.Similarity("a b x d", "a b c d"), 1e-12);
        Assert.Equal(1, FunctionMatch.Similarity("a b c d", "a  b\nc d"), 1e-12);
        Assert.Equal(0, FunctionMatch.Similarity("x", "a b c d"));
        Assert.Equal(Math.Exp(-3), FunctionMatch.Similarity("a", "a b c d"), 1e-12);   // one word: nothing is smoothed, too short by 3
    }

    [Fact]
    public void A_function_must_be_the_most_similar_one_of_its_repository()
    {
        const string Wanted = "def f ( x ) : return x + 1", Other = "def g ( x ) : return x + 2";
        double Of(string prediction) => TextMetric.Named("scbench_repoqa").Score(prediction, new([Wanted], [Other, Wanted]));
        Assert.Equal(1, Of(Wanted));
        Assert.Equal(1, Of($"Here it is:\n```python\n{Wanted}\n```\nDone."));
        Assert.Equal(0, Of(Other));
        Assert.Equal(0, Of("def f"));
        Assert.Equal(0, Of(""));
    }

    [Fact]
    public void Those_with_a_defect_have_a_corrected_form()
    {
        string[] official = [.. TextMetric.Names.Where(name => name.EndsWith("_official", StringComparison.Ordinal))];
        Assert.Equal(5, official.Length);
        Assert.All(official, name => Assert.Equal(name.Replace("official", "corrected", StringComparison.Ordinal), TextMetric.Named(name).Corrected!.Name));
        Assert.Null(TextMetric.Named("scbench_contained").Corrected);
    }
}
