using HeadKvLab.World;

namespace HeadKvLab.Tests.Training;

/// <summary>Documents that read themselves a second time, and documents of random tokens: what an ordinary start learns to look back from.</summary>
public class EchoTests
{
    private static readonly WorldOptions Options = new() { Tokens = 400, Echo = 0.4, PositionSpan = 2048 };

    private static IEnumerable<WorldDocument> Documents(WorldOptions options)
    {
        var generator = new WorldGenerator();
        for (var i = 0; i < 60; i++) yield return generator.Document(options, WorldSplit.Train, 5, i);
    }

    [Fact]
    public void TheEndOfTheDocumentReadsItsSentencesAgain()
    {
        foreach (var document in Documents(Options))
        {
            Assert.Equal(400, document.Ids.Length);
            var again = document.SentenceStarts.Where(s => s >= 240).ToArray();
            Assert.Equal(240, again[0]);
            for (var s = 0; s < again.Length; s++)
            {
                var end = s + 1 < again.Length ? again[s + 1] : 400;
                Assert.True(document.Ids.AsSpan(0, 240).IndexOf(document.Ids.AsSpan(again[s], end - again[s])) > 0, $"sentence at {again[s]} was not there before");
                Assert.Equal(end - again[s] > 2 ? new AnswerSpan(again[s] + 2, end - again[s] - 2, WorldFamily.Echo) : default,
                    document.Answers.FirstOrDefault(a => a.Family == WorldFamily.Echo && a.Start >= again[s] && a.Start < end));
            }
            Assert.Contains(document.Answers, a => a.Family != WorldFamily.Echo);
        }
    }

    /// <summary>The second reading has an order of its own: a head that looks a fixed number of tokens back learns nothing.</summary>
    [Fact]
    public void NoFixedDistanceFindsTheFirstReading()
    {
        foreach (var document in Documents(Options with { PositionSpan = 0 }))
            for (var back = 100; back <= 240; back++)
                Assert.True(Enumerable.Range(240, 160).Count(t => document.Ids[t] == document.Ids[t - back]) < 120, $"{back} tokens back");
    }

    [Fact]
    public void BabbleIsRandomTokensOfASmallVocabularyReadAgain()
    {
        var options = new WorldOptions { Tokens = 128, Echo = 0.75, Babble = 1, BabbleWords = 100 };
        var seen = new HashSet<int>();
        foreach (var document in Documents(options))
        {
            Assert.All(document.Answers, a => Assert.Equal(WorldFamily.Echo, a.Family));
            Assert.All(document.Ids[document.SentenceStarts[1]..], id => Assert.InRange(id, 0, 99));
            seen.UnionWith(document.Ids[document.SentenceStarts[1]..32]);
        }
        Assert.Equal(100, seen.Count);
        Assert.True(Documents(options with { BabbleWords = 0 }).SelectMany(d => d.Ids).Distinct().Count() > 800);
    }

    [Theory]
    [InlineData(-0.1, 0), InlineData(1.5, 0), InlineData(double.NaN, 0), InlineData(1, -1)]
    public void BabbleOutOfRangeIsRefused(double babble, int words) =>
        Assert.Contains("babble", Assert.Throws<LabException>(() => (Options with { Babble = babble, BabbleWords = words }).Checked()).Message);

    /// <summary>Half of the documents babble; those that do not are the world's own.</summary>
    [Fact]
    public void BabbleMayBeAShareOfTheDocuments()
    {
        var asked = Documents(Options with { Babble = 0.5 }).Count(d => d.Answers.Any(a => a.Family != WorldFamily.Echo));
        Assert.InRange(asked, 15, 45);
    }

    [Theory]
    [InlineData(200, 0.95, 0), InlineData(200, double.NaN, 1), InlineData(200, 0.6, 0), InlineData(200, 0, 0.5), InlineData(96, 0.9, 1)]
    public void WhatCannotBeWrittenIsRefused(int tokens, double echo, double babble)
    {
        var error = Assert.Throws<LabException>(() => (Options with { Tokens = tokens, Echo = echo, Babble = babble }).Checked());
        Assert.Contains("echo", error.Message);
    }
}
