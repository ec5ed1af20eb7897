using HeadKvLab.Evaluation.Metrics;

namespace HeadKvLab.Tests.Evaluation;

/// <summary>Places where a metric could go wrong and no sample of <see cref="MetricTests"/> stands: found by mutation testing.</summary>
public sealed class MetricEdgeTests
{
    /// <summary>Words of Porter's paper and of NLTK's extensions, a rule or more each.</summary>
    [Theory]
    [InlineData("feed", "feed"), InlineData("bled", "bled"), InlineData("sing", "sing"), InlineData("tanned", "tan"), InlineData("hissing", "hiss"), InlineData("fizzed", "fizz"), InlineData("failing", "fail"),
     InlineData("sized", "size"), InlineData("troubling", "troubl"), InlineData("cease", "ceas"), InlineData("rate", "rate"), InlineData("allowance", "allow"), InlineData("inference", "infer"),
     InlineData("airliner", "airlin"), InlineData("gyroscopic", "gyroscop"), InlineData("irritant", "irrit"), InlineData("dependent", "depend"), InlineData("homologous", "homolog"), InlineData("communism", "commun"),
     InlineData("activate", "activ"), InlineData("angularity", "angular"), InlineData("bowdlerize", "bowdler"), InlineData("electrical", "electr"), InlineData("electricity", "electr"), InlineData("hopeful", "hope"),
     InlineData("rational", "ration"), InlineData("valency", "valenc"), InlineData("hesitancy", "hesit"), InlineData("radically", "radic"), InlineData("differently", "differ"), InlineData("vilely", "vile"),
     InlineData("analogously", "analog"), InlineData("vietnamization", "vietnam"), InlineData("predication", "predic"), InlineData("decisiveness", "decis"), InlineData("callousness", "callous"), InlineData("formality", "formal"),
     InlineData("sensitivity", "sensit"), InlineData("sensibility", "sensibl"), InlineData("conformably", "conform"), InlineData("rationally", "ration"), InlineData("hopefully", "hope"), InlineData("archaeology", "archaeolog"),
     InlineData("by", "by"), InlineData("say", "say"), InlineData("syzygy", "syzygi"), InlineData("news", "news"), InlineData("innings", "inning"), InlineData("outings", "outing"), InlineData("proceed", "proceed"), InlineData("lying", "lie")]
    public void Stems(string word, string stem) => Assert.Equal(stem, PorterStemmer.Stem(word));

    [Theory]
    [InlineData(0.125, 0.12), InlineData(0.375, 0.38), InlineData(0.625, 0.62), InlineData(0.875, 0.88), InlineData(100.125, 100.12), InlineData(2.675, 2.67), InlineData(0.126, 0.13), InlineData(0.5, 0.5), InlineData(33.333333, 33.33), InlineData(3, 3)]
    public void Two_decimals_are_rounded_as_Python_does(double value, double rounded) => Assert.Equal(rounded, PythonText.Round2(value));

    [Fact]
    public void Text_is_Pythons()
    {
        Assert.Equal([97, 0x1F600, 98], PythonText.CodePoints("a😀b"));
        Assert.Equal([0xD83D], PythonText.CodePoints("\ud83d"));
        Assert.Equal([0xD83D, 97], PythonText.CodePoints("\ud83da"));
        Assert.Equal([0xDE00, 0xD83D], PythonText.CodePoints("\ude00\ud83d"));
        Assert.All("\u001c\u001d\u001e\u001f \t\u0085\u00a0\u3000", c => Assert.True(PythonText.IsSpace(c)));
        Assert.All("\u001b\u0000a\u200b", c => Assert.False(PythonText.IsSpace(c)));
        Assert.Equal("οδος", PythonText.Lower("ΟΔΟΣ"));
        Assert.Equal("σα ας α'ς ας. σ ασ.α", PythonText.Lower("ΣΑ ΑΣ Α'Σ ΑΣ. Σ ΑΣ.Α"));
        Assert.Equal("i\u0307x", PythonText.Lower("\u0130X"));
        Assert.Equal(["1", "23", "٣"], PythonText.Numbers("1 a23-٣"));
        Assert.Equal(["a", "b"], PythonText.Split(" a\u001cb "));
    }

    [Fact]
    public void Lists_and_labels_at_their_edges()
    {
        Assert.Equal(0, ListMetrics.AllSubstrings("al\u0001pha", ["alpha"]));                      // a control character parts, it does not vanish
        Assert.Equal(0, ListMetrics.AllSubstrings("x", []));
        string[] rooms = ["kitchen", "garden"];
        Assert.Equal(1, ListMetrics.Labels("garden<context>kitchen", "garden", "", rooms));
        Assert.Equal(1, ListMetrics.Labels("garden<example>kitchen", "garden", "", rooms));
        Assert.Equal(1, ListMetrics.Labels("a,b", "a,b", "", ["a,b"]));                            // three characters are one label
        Assert.Equal(0, ListMetrics.Labels("a,bc", "a,bc", "", ["a,bc"]));                         // four are a list
        Assert.Equal(0, ListMetrics.Cloze("<mask-0>: 'a'", "no masks"));
        Assert.Equal(1, ListMetrics.Cloze("{'<mask-0>': 'say \\'it\\''}", "{\"<mask-0>\": \"say 'it'\"}"));
        Assert.Equal(1, ListMetrics.Cloze("{\"<mask-0>\": \"say \\\"it\\\"\"}", "{'<mask-0>': 'say \"it\"'}"));
        Assert.Contains("reference 'none': a retrieval answer names its paragraph", Assert.Throws<LabException>(() => ListMetrics.Retrieval("Paragraph 1", "none")).Message);
    }

    /// <summary>In 200 characters of one letter difflib finds nothing, in 199 everything (Python's difflib: 0 and 6 / 203).</summary>
    [Fact]
    public void Popular_begins_at_two_hundred()
    {
        Assert.Equal(0, EditSimilarity.Difflib("baaa", new string('a', 200)));
        Assert.Equal(0.03, EditSimilarity.Difflib("baaa", new string('a', 199)));
    }

    [Fact]
    public void Needles_are_counted_as_often_as_they_stand()
    {
        Assert.Equal(0.6, Rouge1.Recall("a b b", "a a b b b"), 12);
        Assert.Equal(0, Rouge1.Recall("x", ""));
        Assert.Equal(1, Rouge1.Score("{A`z{0/9:b]", "a z 0 9 b"));                                 // what stands beside a to z and 0 to 9 parts words
        Assert.Equal(1, Rouge1.Score("az09", "AZ09"));
        Assert.Equal(1, Rouge1.Recall("cats", "cat"));                                             // four letters are stemmed
        Assert.Equal(0, Rouge1.Recall("has", "ha"));                                               // three are not
    }

    [Fact]
    public void A_dictionary_is_named_by_what_it_is_and_its_bytes()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "dict.txt");
        File.WriteAllText(path, "abc");                                                            // SHA-256 ba7816bf8f01cfea 414140de...
        Assert.Equal("dictionary ba7816bf8f01cfea", Segmenter.HashOf(path));
        Assert.Equal("jieba ba7816bf8f01cfea", Segmenter.HashOf(folder.Path));
        Assert.Contains("none.txt: no such dictionary; give jieba's dict.txt", Assert.Throws<LabException>(() => Segmenter.HashOf(path + "none.txt")).Message);
        Assert.Contains("none.txt: no such dictionary; give jieba's dict.txt", Assert.Throws<LabException>(() => Segmenter.Load(path + "none.txt")).Message);
        Assert.Contains("dict.txt, line 1: 'abc' is not 'word frequency tag'", Assert.Throws<LabException>(() => Segmenter.Load(path)).Message);
        File.WriteAllText(path, "\n北京 8\n\n大学 x n\n");
        Assert.Contains("dict.txt, line 4: '大学 x n' is not 'word frequency tag'", Assert.Throws<LabException>(() => Segmenter.Load(path)).Message);
        File.WriteAllText(path, "\n \n");
        Assert.Contains("dict.txt: the dictionary is empty", Assert.Throws<LabException>(() => Segmenter.Load(path)).Message);
        File.WriteAllText(path, "\n北京 8\n");
        Assert.Equal(["北京", "ab1", "大", "😀", "\ud83d", "，", "c"], Segmenter.Load(path).Cut("北京ab1大😀\ud83d，c"));
        Assert.False(Segmenter.Load(path).KnowsNewWords);
        Assert.Equal(["a", "😀", "\ud83d", "\udc00", "字"], Segmenter.Characters("a 😀\ud83d \u3000\udc00字"));
    }

    [Fact]
    public void A_prediction_file_gives_metric_question_and_classes_to_the_scorer()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "p.jsonl");
        File.WriteAllText(path, """
            {"pred":"garden or kitchen","answers":["garden"],"all_classes":["kitchen","garden"],"question":"in the kitchen?"}
            {"pred":"garden","answers":["garden"],"all_classes":["kitchen","garden"],"question":""}
            {"pred":"kitchen","answers":["garden"],"all_classes":["kitchen","garden"],"question":""}
            """);
        var labels = PredictionFile.Score(path, "hotpotqa", "babilong");
        Assert.Equal([1, 1, 0], labels.Samples);
        Assert.Equal(("hotpotqa", "babilong", 66.67), (labels.Dataset, labels.Metric, labels.Score));
        Assert.Empty(labels.Buckets);
        Assert.Equal([0.5, 1, 0], PredictionFile.Score(path, "trec").Samples);
    }
}
