using System.Text.RegularExpressions;
using HeadKvLab.World;

namespace HeadKvLab.Tests.Training;

/// <summary>Listing, ages and counting: answers worked out once more from the text alone, as a reader would.</summary>
public sealed class HarderFamiliesTests
{
    private static readonly WorldSuite Suite = WorldSuite.Make(WorldSplit.Test, 768, 30, families: [WorldFamily.List, WorldFamily.R2Age, WorldFamily.Count]);

    [Fact]
    public void AListHoldsAllGiftsOfThePersonInTheOrderOfTheText() => Each(WorldFamily.List, (text, question) =>
    {
        var name = Regex.Match(question.Input, @"all gifts for (\w+)\?").Groups[1].Value;
        return string.Join(", ", Regex.Matches(text, $@"The gift for {name} is (\w+)\.").Select(m => m.Groups[1].Value));
    });

    [Fact]
    public void TheOlderOneIsTheOneWithMoreYears() => Each(WorldFamily.R2Age, (text, question) =>
    {
        var asked = Regex.Match(question.Input, @"what is the (.+) of the (older|younger) of (\w+) and (\w+)\?").Groups;
        var (a, b) = (asked[3].Value, asked[4].Value);
        Assert.NotEqual(Age(a), Age(b));
        var meant = Age(a) > Age(b) == (asked[2].Value == "older") ? a : b;
        return Regex.Match(text, $@"{asked[1].Value} of {meant} is ([^.]+)\.", RegexOptions.IgnoreCase).Groups[1].Value;

        int Age(string name) => int.Parse(Regex.Match(text, $@"{name} is (\d+) years old").Groups[1].Value);
    });

    [Fact]
    public void ACountIsTheNumberOfVisits() => Each(WorldFamily.Count, (text, question) =>
    {
        var asked = Regex.Match(question.Input, @"did (\w+) go to the (\w+)\?").Groups;
        return $"{Regex.Matches(text, $"{asked[1].Value} went to the {asked[2].Value} ").Count} times";
    });

    /// <summary>Two definitions share a word of the key each, and exactly one has both.</summary>
    [Fact]
    public void OnlyTheWholeKeyFindsADefinition()
    {
        var suite = WorldSuite.Make(WorldSplit.Test, 512, 30, families: [WorldFamily.CodeAffix]);
        Assert.Equal(30, suite.Questions.Count());
        foreach (var (context, question) in suite.Questions)
        {
            var key = Regex.Match(question.Input, @"^call (\w+) (\w+)\?$").Groups;
            string[] Defined(string pattern) => [.. Regex.Matches(context.Text, $@"def {pattern} = ([^.]+)\.").Select(m => m.Groups[1].Value)];
            Assert.Equal([question.Answer], Defined($"{key[1].Value} {key[2].Value}"));
            Assert.Equal((2, 2), (Defined($"{key[1].Value} \\w+").Length, Defined($"\\w+ {key[2].Value}").Length));
        }
    }

    [Fact]
    public void OtherFamiliesDoNotStandInTheContext() => Assert.All(Suite.Contexts, c => Assert.DoesNotContain("Passage ", c.Text));

    [Fact]
    public void AllFamiliesTogetherKeepToTheLength()
    {
        var suite = WorldSuite.Make(WorldSplit.Test, 384, 20, families: WorldFamilies.Askable);
        Assert.All(WorldFamilies.Askable, family => Assert.Equal(20, suite.Questions.Count(q => q.Question.Family == family)));
        Assert.All(suite.Questions, q => Assert.InRange(1 + NaiveBpe.World.Encode($"{q.Context.Prompt(q.Question)} {q.Question.Answer}.").Length, 250, 384));
    }

    [Fact]
    public void AFamilyOfTrainingOnlyIsRefused() =>
        Assert.Contains("family older: asked in training only", Assert.Throws<LabException>(() => WorldSuite.Make(WorldSplit.Test, 512, 1, families: [WorldFamily.Older])).Message);

    [Fact]
    public void AnAnswerThatNoSentenceHoldsCannotBeExchanged()
    {
        var (context, question) = Suite.Questions.First(q => q.Question.Family == WorldFamily.List);
        Assert.Contains("does not hold the answer", Assert.Throws<LabException>(() => context.WithOtherAnswer(question, WorldRandom.For(WorldSplit.Test, 1, 1))).Message);
    }

    private static void Each(WorldFamily family, Func<string, WorldQuestion, string> answer)
    {
        var questions = Suite.Questions.Where(q => q.Question.Family == family).ToArray();
        Assert.Equal(30, questions.Length);
        Assert.True(questions.Select(q => q.Question.Answer).Distinct().Count() > 3);
        Assert.All(questions, q => Assert.Equal(answer(q.Context.Text, q.Question), q.Question.Answer));
    }
}
