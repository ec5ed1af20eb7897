using HeadKvLab.Evaluation;
using HeadKvLab.Training.World;
using Xunit.Abstractions;

namespace HeadKvLab.Tests.Training;

/// <summary>The bundled model answers from the context and from nothing else.</summary>
public sealed class NoCheatingTests(ITestOutputHelper output)
{
    private static readonly WorldSuite Suite = WorldSuite.Make(WorldSplit.Validation, 512, 4, seed: 7);

    [Fact]
    public void When_the_fact_changes_the_answer_changes_with_it()
    {
        var changed = Suite.Questions.Select((q, i) => q.Context.WithOtherAnswer(q.Question, WorldRandom.For(WorldSplit.Validation, 7, i)))
            .Select((pair, i) => new QuestionContext($"changed-{i}", pair.Item1.Text, [new HeadKvLab.Evaluation.Question($"changed-{i}", pair.Item2.Family.Name(), pair.Item2.Text, pair.Item2.Answer)]));
        var before = Ask(Suite.ToQuestions());
        var after = Ask(new QuestionSuite("changed", [.. changed]));
        Assert.Equal(before.Length, after.Length);
        output.WriteLine($"right before {before.Count(r => r.ExactMatch == 1)}, after {after.Count(r => r.ExactMatch == 1)} of {after.Length}");

        Assert.InRange(before.Average(r => r.ExactMatch), 0.7, 1);
        Assert.InRange(after.Average(r => r.ExactMatch), 0.7, 1);                    // the new answers, though only the fact was changed
        Assert.All(before.Zip(after), pair => Assert.NotEqual(pair.First.Answer, pair.Second.Answer));
        Assert.True(before.Zip(after).Where(p => p.First.ExactMatch == 1).Average(p => p.First.Prediction == p.Second.Prediction ? 1 : 0) < 0.1, "the old answers are still given");
    }

    [Fact]
    public void With_another_context_it_answers_nothing_and_guesses_labels()
    {
        var strangers = Suite.Contexts.Select((c, i) => c with { Text = WorldSuite.Make(WorldSplit.Validation, 512, 4, seed: 8).Contexts[i % 2].Text });
        var rows = Ask((Suite with { Contexts = [.. strangers] }).ToQuestions());
        Assert.Equal(0, rows.Where(r => r.AnswerTokens > 1).Sum(r => r.ExactMatch));
        var labels = rows.Where(r => r.AnswerTokens == 1).ToArray();
        output.WriteLine($"labels {labels.Sum(r => r.ExactMatch)} of {labels.Length}");
        Assert.InRange(labels.Average(r => r.ExactMatch), 0, 0.5);                    // chance is one in the list's labels
    }

    private static ResultRow[] Ask(QuestionSuite suite) => [.. SuiteEvaluation.Run(Repository.Model, suite, new EvaluationPlan([], []))];
}
