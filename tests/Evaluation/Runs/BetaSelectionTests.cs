using HeadKvLab.Evaluation.Runs;

namespace HeadKvLab.Tests.Evaluation.Runs;

/// <summary>Settings are chosen on one side of a suite and measured on the other.</summary>
public sealed class BetaSelectionTests : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    public void Dispose() => _temporary.Dispose();

    private static Variant Beta(double beta) => SomeRows.HeadKv with { Settings = SomeRows.HeadKv.Settings.With("beta", beta) };

    private static EvalSet Set() => new("s", "standard", [.. Enumerable.Range(0, 40).Select(i => new EvalTask("s", "d", "h", $"c{i / 2}", $"q{i:00}", () => throw new InvalidOperationException()))], [Beta(1.01), Beta(2), Beta(5)]);

    [Fact]
    public void The_sides_share_no_context_and_the_seed_decides()
    {
        var (validation, test) = new ValidationSplit(1, 0.4).Divide(Set());
        Assert.Equal((16, 24), (validation.Tasks.Count, test.Tasks.Count));
        Assert.Empty(validation.Tasks.Select(t => t.Context).Intersect(test.Tasks.Select(t => t.Context)));
        Assert.Equal(validation.Tasks.Select(t => t.Question), new ValidationSplit(1, 0.4).Divide(Set()).Validation.Tasks.Select(t => t.Question));
        Assert.NotEqual(validation.Tasks.Select(t => t.Question), new ValidationSplit(2, 0.4).Divide(Set()).Validation.Tasks.Select(t => t.Question));
        Assert.Throws<LabException>(() => new ValidationSplit(1, 0.01).Divide(Set()));
    }

    [Fact]
    public void The_choice_follows_validation_alone_and_what_is_selected_on_test_is_never_worse_on_test()
    {
        // on validation beta 2 is best, on test beta 5
        EvalRow[] validation = [.. Rows(0, 10, (1.01, 3), (2, 6), (5, 4))], test = [.. Rows(10, 20, (1.01, 3), (2, 4), (5, 7))];
        var choice = BetaChoice.Of(new ValidationSplit(1, 0.5), Set().Variants, validation);
        Assert.Equal(Beta(2), Assert.Single(choice.Chosen));
        var result = Assert.Single(BetaResult.Of(choice, [Beta(1.01)], validation, [.. test.Where(r => r.Variant != Beta(5))], test));
        Assert.Equal((60, 40, 30, 70), (result.Validation.Mean, result.Test.Mean, result.Fixed.Mean, result.SelectedOnTestScore!.Value.Mean));
        Assert.Equal(Beta(5), result.SelectedOnTest);
        Assert.Equal(30, result.Gap!.Value.Difference.Mean, 10);
        Assert.InRange(result.Gap.Value.Difference.Low, 0, 30);
    }

    [Fact]
    public void Of_equals_the_papers_default_is_chosen() =>
        Assert.Equal(Beta(1.01), BetaChoice.Best([Beta(5), Beta(1.01), Beta(2)], [.. Rows(0, 10, (1.01, 3), (2, 3), (5, 3))]));

    [Fact]
    public void Another_choice_in_the_same_folder_is_refused()
    {
        var (first, second) = (new BetaChoice(new(1, 0.5), [Beta(2)], [Beta(2)]), new BetaChoice(new(2, 0.5), [Beta(2)], [Beta(2)]));
        first.Declare(_temporary.Path);
        first.Declare(_temporary.Path);
        Assert.Contains("test was used twice", Assert.Throws<LabException>(() => second.Declare(_temporary.Path)).Message);
    }

    [Fact]
    public void The_command_does_all_of_it_on_the_bundled_model()
    {
        var folder = Path.Combine(_temporary.Path, "beta");
        Assert.Equal(0, Child.Lab("beta", "data/suites/world-1024-validation.jsonl", "--kv-sizes", "48", "--betas", "1.01,5", "--limit", "2", "--out", folder).End().Code);
        var report = File.ReadAllText(Path.Combine(folder, "beta.md"));
        Assert.Contains("| 48 | beta ", report);
        var (validation, test) = (RowJournal.Read(Path.Combine(folder, "validation", "rows.jsonl")), RowJournal.Read(Path.Combine(folder, "test", "rows.jsonl")));
        Assert.Empty(validation.Select(r => r.Context).Intersect(test.Select(r => r.Context)));
    }

    private static IEnumerable<EvalRow> Rows(int first, int end, params (double Beta, int Right)[] betas) =>
        from beta in betas from i in Enumerable.Range(first, end - first) select SomeRows.Row(i, i - first < beta.Right ? 1 : 0, Beta(beta.Beta));
}
