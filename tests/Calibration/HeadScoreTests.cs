using HeadKvLab.Compression;
using HeadKvLab.Calibration;

namespace HeadKvLab.Tests.Calibration;

public sealed class HeadScoreTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("head-scores").FullName;

    public void Dispose() => Directory.Delete(_folder, true);

    private string Write(string text)
    {
        var path = Path.Combine(_folder, "scores.json");
        File.WriteAllText(path, text);
        return path;
    }

    [Fact]
    public void Keys_are_read_by_name_not_by_order()
    {
        var scores = HeadScoreFile.Read(Write("""{"1-1": [4, 8], "0-1": [2, 2], "1-0": [3, 5], "0-0": [0, 1]}"""));
        Assert.Equal((2, 2, 2), (scores.Layers, scores.QueryHeads, scores.Tests));
        Assert.Equal([0.5, 2, 4, 6], scores.Means().Values.ToArray());
        Assert.Equal(2, scores.StandardError(1, 1)); // deviation sqrt(8), two tests
        Assert.Equal([3, 5], scores.Samples(1, 0));
        Assert.Equal((4, 6), (scores.Mean(1, 0), scores.Mean(1, 1)));
        Assert.Equal([(1, 1), (1, 0), (0, 1), (0, 0)], scores.Means().Ranked());
    }

    [Fact]
    public void Written_as_the_authors_write_and_read_back()
    {
        var scores = new HeadScores(1, 2);
        scores.Add([0.1, 1e-7]);
        scores.Add([1.0 / 3, 0]);
        var path = Path.Combine(_folder, "out.json");
        var card = new HeadScoreCard("abc", "eq2", "retrieval-reasoning", "clean", 10, 2, 7);
        HeadScoreFile.Write(path, scores, card);
        Assert.Equal("""{"0-0": [0.1, 0.3333333333333333], "0-1": [1E-07, 0]}""", File.ReadAllText(path));
        var read = HeadScoreFile.Read(path, 1, 2);
        Assert.Equal(scores.Samples(0, 0), read.Samples(0, 0));
        Assert.Equal(scores.Samples(0, 1), read.Samples(0, 1));
        Assert.Equal(card, HeadScoreFile.ReadCard(path));
        Assert.EndsWith("  \"seed\": 7\n}\n", File.ReadAllText(path + ".card.json"));
        File.WriteAllText(path + ".card.json", "{");
        Assert.Matches($"^{path}.card.json: .+ Delete the card or measure the table again.$", Assert.Throws<LabException>(() => HeadScoreFile.ReadCard(path)).Message);
        Assert.Null(HeadScoreFile.ReadCard(Path.Combine(_folder, "other.json")));
    }

    [Theory]
    [InlineData("""{"0-0": [1], "0-1": [1], "0-2": [1], "1-1": [1]}""", "head 1-0 is missing; the file names 4 heads, 2 layers of 3 make 6")]
    [InlineData("""{"0-1": [1]}""", "0-0 is missing")]
    [InlineData("""{"0-0": [1], "0-0": [2]}""", "twice")]
    [InlineData("""{"0-0": [NaN]}""", "NaN")]
    [InlineData("""{"0-0": ["NaN"]}""", "no score")]
    [InlineData("""{"0-0": [1e999]}""", "no score")]
    [InlineData("""{"0-0": [-0.5]}""", "-0.5 is no score")]
    [InlineData("""{"0-0": [0, 0], "0-1": [0, 0]}""", "all scores are zero")]
    [InlineData("""{"0-0": [1, 2], "0-1": [1]}""", "1 scores")]
    [InlineData("""{"0-0": []}""", "must have a list")]
    [InlineData("""{"0-0": 3}""", "must have a list")]
    [InlineData("""{"head": [3]}""", "does not name a head")]
    [InlineData("""{"0--1": [3]}""", "does not name a head")]
    [InlineData("""{"-1": [3]}""", "does not name a head")]
    [InlineData("""{"10000-0": [3]}""", "does not name a head")]
    [InlineData("""{"0-10000": [3]}""", "does not name a head")]
    [InlineData("""{"0-0": [Infinity]}""", "broken JSON at line 1, byte 10: it holds NaN or Infinity, which no measurement gives; ")]
    [InlineData("{\"0-0\":\n[1; 2]}", "broken JSON at line 2, byte 3: ';'")]
    [InlineData("""{}""", "scores no head")]
    [InlineData("""[1, 2]""", "one JSON object")]
    [InlineData("""{"0-0": [1""", "broken JSON at line 1")]
    [InlineData("", "broken JSON")]
    public void Unusable_files_say_what_is_wrong(string text, string expected)
    {
        var path = Write(text);
        var message = Assert.Throws<LabException>(() => HeadScoreFile.Read(path)).Message;
        Assert.Contains(expected, message);
        Assert.StartsWith(path, message);
    }

    [Fact]
    public void Another_models_scores_are_refused()
    {
        var path = Write("""{"0-0": [1], "0-1": [1]}""");
        Assert.StartsWith($"{path}: scores 1 layers of 2 query heads, the model has 1 of 4: the file is another model's", Assert.Throws<LabException>(() => HeadScoreFile.Read(path, 1, 4)).Message);
        Assert.Contains("the model has 2 of 2", Assert.Throws<LabException>(() => HeadScoreFile.Read(path, 2)).Message);
        Assert.Contains("the model has 1 of 3", Assert.Throws<LabException>(() => HeadScoreFile.Read(path, queryHeads: 3)).Message);
        Assert.Contains("another model", Assert.Throws<LabException>(() => HeadScoreFile.Read(path, 2, 2)).Message);
        Assert.Contains("cannot be read", Assert.Throws<LabException>(() => HeadScoreFile.Read(Path.Combine(_folder, "none.json"))).Message);
    }

    /// <summary>Scores of 0, 3 and 6: mean 3, squares 9 + 0 + 9, over 2 is a variance of 9, over three tests 3.</summary>
    [Fact]
    public void Error_of_the_mean_by_hand()
    {
        var scores = new HeadScores(2, 3);
        Assert.Equal("head scores: no test was passed, so that nothing is known of any head; score the heads on prompts the model answers", Assert.Throws<LabException>(() => scores.Means()).Message);
        scores.Add([1, 1, 1, 1, 0, 1]);
        Assert.Equal(double.NaN, scores.StandardError(1, 1));                      // below two tests
        scores.Add([1, 1, 1, 1, 3, 1]);
        Assert.Equal(1.5, scores.StandardError(1, 1));                             // deviation sqrt(4.5), two tests
        scores.Add([1, 1, 1, 1, 6, 1]);
        Assert.Equal(Math.Sqrt(3), scores.StandardError(1, 1), 12);
        Assert.Equal(0, scores.StandardError(1, 2));
    }

    [Fact]
    public void Impossible_sizes_and_scores_are_refused()
    {
        Assert.Equal("head scores of 0 layers and 2 query heads: both must be 1 or more", Assert.Throws<LabException>(() => new HeadScores(0, 2)).Message);
        Assert.Contains("2 layers and 0 query heads", Assert.Throws<LabException>(() => new HeadScores(2, 0)).Message);
        var scores = new HeadScores(1, 1);
        Assert.StartsWith("a test scores 1 heads, 2 were given", Assert.Throws<ArgumentException>(() => scores.Add([1, 2])).Message);
        foreach (var score in (double[])[-0.5, double.NaN, double.PositiveInfinity])
            Assert.StartsWith(FormattableString.Invariant($"a head's score is finite and not negative, {score} was given"), Assert.Throws<ArgumentException>(() => scores.Add([score])).Message);
        scores.Add([0]);
        Assert.Equal(1, scores.Tests);
    }

    [Fact]
    public void Retrieval_score_by_hand()
    {
        // needle at 2..5 (3 tokens: 7, 8, 9); three heads at a step that generates token 8
        int[] prompt = [1, 2, 7, 8, 9, 3];
        float[] attention =
        [
            0.1f, 0.1f, 0.1f, 0.5f, 0.1f, 0.1f,  // looks at the 8 it copies: 1/3
            0.1f, 0.1f, 0.5f, 0.1f, 0.1f, 0.1f,  // looks at the 7: inside, but not what was generated
            0.5f, 0.1f, 0.1f, 0.1f, 0.1f, 0.1f,  // looks elsewhere
        ];
        var scores = new double[3];
        RetrievalScore.Add(attention, prompt, 2..5, 8, scores);
        Assert.Equal([1.0 / 3, 0, 0], scores);
        RetrievalScore.Add(attention, prompt, 2..5, 8, scores); // credited again: the reference does not remember
        Assert.Equal([2.0 / 3, 0, 0], scores);
        RetrievalScore.Add(attention, prompt, 2..2, 8, scores); // needle not found: nothing
        Assert.Equal([2.0 / 3, 0, 0], scores);
        var tied = new double[1];
        RetrievalScore.Add([0.1f, 0.1f, 0.1f, 0.3f, 0.1f, 0.3f], prompt, 2..5, 8, tied); // of equals the first is the most attended: the 8
        Assert.Equal([1.0 / 3], tied);
        foreach (var (at, token) in ((int, int)[])[(1, 2), (2, 7), (4, 9), (5, 3)])    // one before the needle, its ends, one behind it
        {
            var (row, sum) = (new float[6], new double[1]);
            row[at] = 1;
            RetrievalScore.Add(row, prompt, 2..5, token, sum);
            Assert.Equal([at is 2 or 4 ? 1.0 / 3 : 0], sum);
        }
    }

    [Fact]
    public void Reasoning_score_by_hand()
    {
        // answer at 2..4 (N = 2); the two most attended positions of head 0 are 2 and 5, of head 1 are 3 and 2
        float[] attention =
        [
            0.05f, 0.05f, 0.4f, 0.1f, 0.1f, 0.3f,
            0.05f, 0.05f, 0.2f, 0.6f, 0.1f, 0.0f,
        ];
        var scores = new double[2];
        ReasoningScore.Add(attention, 2, 2, scores);
        Assert.Equal(0.4 / 2, scores[0], 6);
        Assert.Equal(0.8 / 2, scores[1], 6);
        ReasoningScore.Add(attention, 2, 0, scores);
        Assert.Equal(0.4 / 2, scores[0], 6);
        ReasoningScore.Add([0.1f, 0.9f, 0, 0, 0.8f, 0], 2, 2, scores.AsSpan(0, 1)); // one before the answer, one behind it: nothing
        Assert.Equal(0.4 / 2, scores[0], 6);
        ReasoningScore.Add([0.5f, 0.5f], 0, 9, scores.AsSpan(0, 1)); // an answer longer than the row
        Assert.Equal(0.2 + 1.0 / 9, scores[0], 6);
    }

    [Fact]
    public void Groups_of_heads_become_kv_heads()
    {
        var table = new HeadImportance(1, 4, [1, 3, 0, 2]);
        Assert.Equal([2.0, 1], table.Aggregate(2, GroupReduction.Mean).Values.ToArray());
        Assert.Equal([3.0, 2], table.Aggregate(2, GroupReduction.Max).Values.ToArray());
        Assert.Equal([4.0, 2], table.Aggregate(2, GroupReduction.Sum).Values.ToArray());
        Assert.Throws<LabException>(() => table.Aggregate(3, GroupReduction.Mean));
    }
}
