using HeadKvLab.Evaluation.Metrics;
using HeadKvLab.Evaluation.Suites;

namespace HeadKvLab.Tests.Evaluation;

/// <summary>Lists that became text on their way through a table, and answers that no prediction can have.</summary>
public sealed class PrintedListTests : FolderTests
{
    private PredictionScore Score(string dataset, params string[] lines)
    {
        File.WriteAllLines(Inside("pred.jsonl"), lines);
        return PredictionFile.Score(Inside("pred.jsonl"), dataset);
    }

    [Theory]
    [InlineData("\"['tea', 'green tea']\""), InlineData("\"[\\\"tea\\\", \\\"green tea\\\"]\""), InlineData("\"('tea', 'green tea')\""), InlineData("\" ['tea',\\n 'green tea'] \"")]
    public void A_printed_list_is_the_list(string answers) =>
        Assert.Equal(1, Score("hotpotqa", $$"""{"pred": "green tea", "answers": {{answers}}, "all_classes": null, "length": 1}""").Samples.Single());

    [Theory]
    [InlineData("tea", "tea"), InlineData("a [sic] b", "a [sic] b"), InlineData("(a)", "(a)"), InlineData("", ""), InlineData("['a, b', 2, 'it\\'s']", "a, b|2|it's"), InlineData("[]", null)]
    public void Other_texts_stay_what_they_are(string text, string? items) => Assert.Equal(items?.Split('|') ?? [], PrintedList.Read(text, "here"));

    /// <summary>
    /// The official scorers walk the list of answers and take each as it is: F1 drops the punctuation, so that an item that looks like a list is the text of its words.
    /// "green tea" against "tea green tea" has precision 1 and recall 2/3.
    /// </summary>
    [Fact]
    public void An_item_of_a_list_is_a_text_whatever_it_looks_like()
    {
        Assert.Equal(1, Score("hotpotqa", """{"pred": "tea", "answers": ["['tea']"]}""").Samples.Single());
        Assert.Equal(0.8, Score("hotpotqa", """{"pred": "green tea", "answers": ["['tea', 'green tea']"]}""").Samples.Single(), 12);
    }

    [Theory]
    [InlineData("['tea' 'green tea']", "line 1, field 'answers': the text ['tea' 'green tea'] looks like a printed list")]                            // as numpy prints it: joined it would be one wrong answer
    [InlineData("[tea, green tea]", "looks like a printed list"), InlineData("[['tea']]", "looks like a printed list"), InlineData("['tea', None]", "looks like a printed list")]
    public void What_cannot_be_read_as_one_is_refused(string answers, string named)
    {
        var message = Assert.Throws<LabException>(() => Score("hotpotqa", $$"""{"pred": "tea", "answers": "{{answers}}"}""")).Message;
        Assert.Contains(named, message);
        Assert.Contains("pred.jsonl", message);
    }

    [Theory, InlineData("[]"), InlineData("\"[]\"")]
    public void A_prediction_without_a_reference_is_refused(string answers) => Assert.Contains("pred.jsonl, line 2: 'answers' is empty, so that nothing can be scored",
        Assert.Throws<LabException>(() => Score("hotpotqa", """{"pred": "tea", "answers": ["tea"]}""", $$"""{"pred": "tea", "answers": {{answers}}}""")).Message);

    [Fact]
    public void Classes_may_be_printed_too()
    {
        Assert.Equal(1, Score("trec", """{"pred": "Date", "answers": ["Date"], "all_classes": "['Date', 'Place']"}""").Samples.Single());
        Assert.Equal(0.5, Score("trec", """{"pred": "Date Place", "answers": "['Date']", "all_classes": "('Date', 'Place')"}""").Samples.Single());
    }

    [Theory]
    [InlineData("trec", """{"pred": "Date", "answers": ["Date"], "all_classes": null}""", "line 1: the answer 'Date' is none of the 0 classes")]
    [InlineData("trec", """{"pred": "Date", "answers": ["date"], "all_classes": ["Date", "Place"]}""", "the answer 'date' is none of the 2 classes")]
    [InlineData("lsht", """{"pred": "x", "answers": ["a", "b"], "all_classes": ["a"]}""", "the answer 'a', 'b' is none of the 1 classes")]
    public void A_classification_whose_answer_is_no_class_is_refused(string dataset, string line, string named) =>
        Assert.Contains(named, Assert.Throws<LabException>(() => Score(dataset, line)).Message);

    [Fact]
    public void So_it_is_in_suites()
    {
        File.WriteAllText(Inside("dataset2prompt.json"), """{"trec": "{context} {input}"}""");
        SampleSuite Open(string answers, string classes)
        {
            File.WriteAllText(Inside("s.jsonl"), $$"""{"_id": "q7", "context": "c", "input": "i", "answers": {{answers}}, "dataset": "trec", "all_classes": {{classes}}}""");
            return SuiteCatalogue.Open(Inside("s.jsonl"), new SuiteOptions { CountTokens = text => text.Length, DataDirectory = Folder });
        }
        var sample = Open("\"['Date']\"", "\"['Date', 'Place']\"").Sets.Single().Samples.Single();
        Assert.Equal(["Date"], sample.Answers);
        Assert.Equal(["Date", "Place"], sample.Classes);
        Assert.Contains("dataset trec: the answer 'Day' of sample 'q7' is none of its 2 classes", Assert.Throws<LabException>(() => Open("[\"Day\"]", "[\"Date\", \"Place\"]")).Message);
    }
}
