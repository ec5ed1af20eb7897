using HeadKvLab.Evaluation.Runs;
using HeadKvLab.World;

namespace HeadKvLab.Tests.Training;

/// <summary>The bundled model answers from the context and from nothing else.</summary>
public sealed class NoCheatingTests(ITestOutputHelper output)
{
    private static readonly WorldSuite Suite = WorldSuite.Make(WorldSplit.Validation, 512, 4, seed: 7);

    [Fact]
    public void When_the_fact_changes_the_answer_changes_with_it()
    {
        var changed = Suite.Questions.Select((q, i) => q.Context.WithOtherAnswer(q.Question, WorldRandom.For(WorldSplit.Validation, 7, i)))
            .Select(pair => pair.Context);
        var before = Ask(Suite);
        var after = Ask(new WorldSuite("changed", [.. changed]));
        Assert.Equal(before.Length, after.Length);
        output.WriteLine($"right before {before.Count(r => r.Score == 1)}, after {after.Count(r => r.Score == 1)} of {after.Length}");

        Assert.InRange(before.Average(r => r.Score), 0.7, 1);
        Assert.InRange(after.Average(r => r.Score), 0.7, 1);                    // the new answers, though only the fact was changed
        Assert.Equal(before.Select(r => r.Question), after.Select(r => r.Question));
        Assert.All(before.Zip(after), pair => Assert.NotEqual(pair.First.Answers[0], pair.Second.Answers[0]));
        Assert.True(before.Zip(after).Where(p => p.First.Score == 1).Average(p => p.First.Prediction == p.Second.Prediction ? 1 : 0) < 0.1, "the old answers are still given");
    }

    [Fact]
    public void With_another_context_it_answers_nothing_and_guesses_labels()
    {
        var strangers = Suite.Contexts.Select((c, i) => c with { Text = WorldSuite.Make(WorldSplit.Validation, 512, 4, seed: 8).Contexts[i % 2].Text });
        var rows = Ask(Suite with { Contexts = [.. strangers] });
        Assert.Equal(0, rows.Where(r => r.Answers[0].Contains(' ')).Sum(r => r.Score));
        var labels = rows.Where(r => !r.Answers[0].Contains(' ')).ToArray();
        output.WriteLine($"labels {labels.Sum(r => r.Score)} of {labels.Length}");
        Assert.InRange(labels.Average(r => r.Score), 0, 0.5);                    // chance is one in the list's labels
    }

    private static EvalRow[] Ask(WorldSuite suite) => [.. SuiteEvaluation.Run(Repository.Model, suite.ToSamples(), new EvaluationPlan([], [])).OrderBy(r => r.Question)];
}
